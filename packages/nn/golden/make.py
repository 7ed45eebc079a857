"""PyTorch's answers for the tests of @tenon/nn: run with a Python that has torch (1.13).

Writes golden.json beside this file: optimizer trajectories from given gradients, batch norm's
running statistics, state-dict names of layers, spreads of default initial values.
"""
import json
import pathlib

import torch
from torch import nn


def flat(t):
    return [float(x) for x in t.detach().double().flatten()]


def optimizers():
    generator = torch.Generator().manual_seed(7)
    shapes = [[3], [2, 2]]
    start = [torch.randn(s, generator=generator) for s in shapes]
    gradients = [[torch.randn(s, generator=generator) for s in shapes] for _ in range(20)]
    gradients[4][1] = None  # a parameter without a gradient is skipped, its step counter too
    cases = [
        ('SGD', {'lr': 0.1}),
        ('SGD', {'lr': 0.1, 'weight_decay': 0.05}),
        ('SGD', {'lr': 0.1, 'momentum': 0.9}),
        ('SGD', {'lr': 0.1, 'momentum': 0.9, 'dampening': 0.3, 'weight_decay': 0.01}),
        ('SGD', {'lr': 0.05, 'momentum': 0.8, 'nesterov': True, 'weight_decay': 0.01}),
        ('Adam', {'lr': 0.01}),
        ('Adam', {'lr': 0.02, 'betas': (0.8, 0.99), 'eps': 1e-4, 'weight_decay': 0.1}),
        ('Adam', {'lr': 0.01, 'amsgrad': True}),
        ('AdamW', {'lr': 0.01}),
        ('AdamW', {'lr': 0.02, 'weight_decay': 0.3, 'amsgrad': True}),
    ]
    runs = []
    for name, options in cases:
        ps = [nn.Parameter(t.clone()) for t in start]
        optimizer = getattr(torch.optim, name)(ps, **options)
        values = []
        for step in gradients:
            for p, g in zip(ps, step):
                p.grad = None if g is None else g.clone()
            optimizer.step()
            values.append([flat(p) for p in ps])
        runs.append({'name': name, 'options': options, 'values': values})
    return {
        'shapes': shapes,
        'start': [flat(t) for t in start],
        'gradients': [[None if g is None else flat(g) for g in step] for step in gradients],
        'runs': runs,
    }


def clipping():
    generator = torch.Generator().manual_seed(8)
    gradients = [torch.randn(s, generator=generator) for s in ([3], [2, 2])]
    runs = []
    for max_norm, p in [(0.5, 2.0), (100.0, 2.0), (0.5, 1.0), (0.5, float('inf'))]:
        ps = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
        for q, g in zip(ps, gradients):
            q.grad = g.clone()
        norm = nn.utils.clip_grad_norm_(ps, max_norm, norm_type=p)
        order = 'inf' if p == float('inf') else p
        runs.append({'maxNorm': max_norm, 'p': order, 'norm': float(norm), 'after': [flat(q.grad) for q in ps]})
    return {'gradients': [flat(g) for g in gradients], 'runs': runs}


def batch_norm():
    runs = []
    for kind, shape, options in [
        ('BatchNorm1d', [5, 3], {}),
        ('BatchNorm1d', [4, 3, 2], {'momentum': 0.3}),
        ('BatchNorm2d', [2, 3, 2, 2], {'eps': 1e-3}),
        ('BatchNorm3d', [2, 3, 1, 2, 2], {'affine': False}),
        ('BatchNorm1d', [5, 3], {'track_running_stats': False}),
    ]:
        generator = torch.Generator().manual_seed(9)
        layer = getattr(nn, kind)(3, **options)
        if layer.affine:
            layer.weight.data = torch.randn(3, generator=generator)
            layer.bias.data = torch.randn(3, generator=generator)
        inputs = [torch.randn(shape, generator=generator) * 2 + 1 for _ in range(3)]
        outputs = [flat(layer(x)) for x in inputs]
        layer.eval()
        runs.append({
            'kind': kind,
            'options': options,
            'shape': shape,
            'weight': flat(layer.weight) if layer.affine else None,
            'bias': flat(layer.bias) if layer.affine else None,
            'inputs': [flat(x) for x in inputs],
            'outputs': outputs,
            'evaluated': flat(layer(inputs[0])),
            'state': {k: flat(v) for k, v in layer.state_dict().items()},
        })
    return runs


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.norm = nn.LayerNorm(4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Sequential(nn.Conv1d(4, 2, 3), nn.BatchNorm1d(2))])
        self.scale = nn.Parameter(torch.ones(4))
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer('counts', torch.zeros(2))


def names():
    model = Tied()
    layers = {
        'Linear': nn.Linear(3, 2),
        'Conv1d': nn.Conv1d(4, 6, 3, groups=2),
        'Conv2d': nn.Conv2d(4, 6, (3, 2)),
        'Conv3d': nn.Conv3d(1, 2, 2, bias=False),
        'BatchNorm2d': nn.BatchNorm2d(3),
        'LayerNorm': nn.LayerNorm((3, 2)),
        'GroupNorm': nn.GroupNorm(2, 4),
        'Embedding': nn.Embedding(5, 3),
        'PReLU': nn.PReLU(3),
    }
    describe = lambda d: [[k, list(v.shape), str(v.dtype).replace('torch.', '')] for k, v in d.items()]
    return {
        'layers': {k: describe(m.state_dict()) for k, m in layers.items()},
        'tied': {
            'state': describe(model.state_dict()),
            'parameters': [n for n, _ in model.named_parameters()],
            'buffers': [n for n, _ in model.named_buffers()],
            'modules': [n for n, _ in model.named_modules()],
        },
    }


def spreads():
    torch.manual_seed(1)
    layers = {
        'Linear': nn.Linear(200, 300),
        'Conv2d': nn.Conv2d(20, 60, 3, groups=2),
        'Embedding': nn.Embedding(200, 300),
    }
    init = {
        'xavierUniform': nn.init.xavier_uniform_(torch.empty(300, 20, 10), gain=2.0),
        'xavierNormal': nn.init.xavier_normal_(torch.empty(300, 20, 10)),
        'kaimingUniform': nn.init.kaiming_uniform_(torch.empty(300, 20, 10), nonlinearity='relu'),
        'kaimingNormal': nn.init.kaiming_normal_(torch.empty(300, 20, 10), a=0.2, mode='fan_out'),
        'truncatedNormal': nn.init.trunc_normal_(torch.empty(300, 200), mean=0.5, std=2.0, a=-1.0, b=3.0),
    }
    measure = lambda t: {'mean': float(t.mean()), 'std': float(t.std()), 'min': float(t.min()), 'max': float(t.max())}
    return {
        'layers': {k: {n: measure(p) for n, p in m.named_parameters()} for k, m in layers.items()},
        'init': {k: measure(t) for k, t in init.items()},
    }


golden = {
    'torch': torch.__version__,
    'optimizers': optimizers(),
    'clipping': clipping(),
    'batchNorm': batch_norm(),
    'names': names(),
    'spreads': spreads(),
}
path = pathlib.Path(__file__).with_name('golden.json')
path.write_text(json.dumps(golden, separators=(',', ':')) + '\n')
print(path.name, path.stat().st_size, 'bytes')
