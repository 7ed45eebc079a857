"""Writes packages/conformance/golden/training.json (50 steps of small models) and models.json
(20 steps of the benchmark's models): loss curves in float64 and float32 from weights and batches
that hashed.py defines. Run with the Python that has torch 1.13; see README.md.
"""

import datetime
import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from hashed import floats, integers

OUT = Path(__file__).resolve().parent.parent.parent / "packages" / "conformance" / "golden"


class Block(nn.Module):
    """Pre-norm transformer block: causal self-attention, then an MLP with tanh-GELU."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, x):
        length = x.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        y = self.norm1(x)
        x = x + self.attention(y, y, y, attn_mask=future, need_weights=False)[0]
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Transformer(nn.Module):
    def __init__(self, vocabulary=96, length=128, width=128, heads=4, hidden=512, depth=4):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(length, width)
        self.blocks = nn.ModuleList([Block(width, heads, hidden) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)).transpose(1, 2)


class LstmClassifier(nn.Module):
    """One LSTM layer over [batch, steps, inputs]; the last hidden state goes to a linear layer."""

    def __init__(self, inputs=128, hidden=128, classes=10):
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def mlp(*sizes):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers += [nn.Linear(a, b)] + ([nn.ReLU()] if i < len(sizes) - 2 else [])
    return nn.Sequential(*layers)


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 10))


def benchmark_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))


def initial_range(name, shape, module):
    """(offset, scale) of a parameter: PyTorch's bound 1/sqrt(fan in), embeddings 0.05, norms 1."""
    if "norm" in name:
        return (1.0, 0.0) if name.endswith("weight") else (0.0, 0.0)
    if name in ("tokens.weight", "positions.weight"):
        return 0.0, 0.05
    if name.startswith("lstm."):
        return 0.0, 1 / math.sqrt(128)
    if name.endswith("bias"):
        weight = dict(module.named_parameters())[name[:-4] + "weight"]
        return 0.0, 1 / math.sqrt(weight[0].numel())
    return 0.0, 1 / math.sqrt(math.prod(shape[1:]))


def initialize(module, seed):
    """Fills the parameters; -> their description for the JSON."""
    described = []
    for k, (name, p) in enumerate(module.named_parameters()):
        offset, scale = initial_range(name, p.shape, module)
        values = floats(seed + k, tuple(p.shape), scale, offset)
        with torch.no_grad():
            p.copy_(values)
        described.append({"name": name, "shape": list(p.shape), "seed": seed + k,
                          "offset": offset, "scale": scale,
                          "initialSum": values.double().sum().item(),
                          "initialSumOfSquares": values.double().square().sum().item()})
    return described


def batches(data, dtype):
    """Batch b: inputs from seed data.seed + 2b, labels from data.seed + 2b + 1."""
    made = []
    for b in range(data["count"]):
        seed = data["seed"] + 2 * b
        if data["kind"] == "tokens":
            rows, length = data["shape"]
            ids = integers(seed, (rows, length + 1), data["classes"])
            made.append((ids[:, :-1], ids[:, 1:]))
        else:
            x = floats(seed, tuple(data["shape"]), data["scale"], data["offset"])
            made.append((x.to(dtype), integers(seed + 1, data["shape"][:1], data["classes"])))
    return made


def make_optimizer(spec, parameters):
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    options = {k: v for k, v in spec.items() if k != "kind"}
    return kinds[spec["kind"]](parameters, **options)


def train(build, seed, data, optimizer, steps, dtype):
    module = build()
    described = initialize(module, seed)
    module = module.to(dtype)
    stepper = make_optimizer(optimizer, module.parameters())
    made, losses = batches(data, dtype), []
    for step in range(steps):
        x, y = made[step % len(made)]
        stepper.zero_grad()
        loss = F.cross_entropy(module(x), y)
        loss.backward()
        stepper.step()
        losses.append(loss.item())
    finals = [(p.detach().double().sum().item(), p.detach().double().square().sum().item())
              for p in module.parameters()]
    for entry, (total, squares) in zip(described, finals):
        entry["finalSum"], entry["finalSumOfSquares"] = total, squares
    return described, losses


def run(name, model, build, seed, data, optimizer, steps):
    parameters, exact = train(build, seed, data, optimizer, steps, torch.float64)
    _, narrow = train(build, seed, data, optimizer, steps, torch.float32)
    drift = max(abs(a - b) / abs(a) for a, b in zip(exact, narrow))
    count = sum(math.prod(p["shape"]) for p in parameters)
    print(f"{name:20s} {count:8d} parameters, loss {exact[0]:.4f} -> {exact[-1]:.4f}, "
          f"float32 off by {drift:.1e}", file=sys.stderr)
    return {"name": name, "model": model, "loss": "mean cross-entropy", "optimizer": optimizer,
            "steps": steps, "batches": data, "parameterCount": count, "parameters": parameters,
            "float32Drift": drift, "losses": exact, "lossesFloat32": narrow}


def images(seed, shape, count, scale=1.0, offset=0.0):
    return {"kind": "floats", "seed": seed, "shape": list(shape), "scale": scale,
            "offset": offset, "classes": 10, "count": count}


SGD = {"kind": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}
ADAM = {"kind": "adam", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}
ADAM_L2 = {**ADAM, "weight_decay": 1e-2}


def small_runs():
    text = "Linear 64-32-16-10, ReLU between"
    data = images(1100, (16, 64), 8, 3.0)
    for name, optimizer in (("mlp-sgd", SGD), ("mlp-adam", ADAM), ("mlp-adam-l2", ADAM_L2)):
        yield run(name, text, lambda: mlp(64, 32, 16, 10), 1000, data, optimizer, 50)
    text = ("Conv2d(1, 4, 3, padding 1), ReLU, MaxPool2d(2), Conv2d(4, 8, 3), ReLU, MaxPool2d(2), "
            "Flatten, Linear(32, 10)")
    data = images(2100, (16, 1, 12, 12), 8, 3.0)
    for name, optimizer in (("cnn-sgd", SGD), ("cnn-adam", ADAM)):
        yield run(name, text, small_cnn, 2000, data, optimizer, 50)


def benchmark_runs():
    yield run("mlp", "Linear 784-256-128-10, ReLU between", lambda: mlp(784, 256, 128, 10),
              3000, images(3100, (64, 784), 4, 0.5, 0.5), ADAM, 20)
    yield run("cnn", "Conv2d(1, 32, 3, same), ReLU, MaxPool2d(2), Conv2d(32, 64, 3, same), ReLU, "
              "MaxPool2d(2), Flatten, Linear(3136, 128), ReLU, Linear(128, 10)", benchmark_cnn,
              4000, images(4100, (64, 1, 28, 28), 4, 0.5, 0.5), ADAM, 20)
    tokens = {"kind": "tokens", "seed": 5100, "shape": [8, 128], "classes": 96, "count": 4}
    yield run("transformer", "tokens + learned positions, 4 pre-norm blocks (LayerNorm, 4-head "
              "causal attention with biases, LayerNorm, Linear 128-512, tanh-GELU, Linear "
              "512-128), LayerNorm, untied Linear(128, 96); no dropout", Transformer,
              5000, tokens, ADAM, 20)
    yield run("lstm", "LSTM(128, 128) over 64 steps, Linear(128, 10) on the last hidden state",
              LstmClassifier, 6000, images(6100, (32, 64, 128), 4), ADAM, 20)


def write(file, runs):
    document = {"torch": torch.__version__, "date": datetime.date.today().isoformat(),
                "runs": list(runs)}
    (OUT / file).write_text(json.dumps(document, indent=1) + "\n")


def main():
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    write("training.json", small_runs())
    if "--small" not in sys.argv:
        write("models.json", benchmark_runs())


if __name__ == "__main__":
    main()
