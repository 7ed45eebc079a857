"""Writes golden/train-<model>.json: 21 float64 losses of each model in models/ under PyTorch.

losses[i] is the mean cross-entropy after i Adam updates on the one fixed batch. The data and the
initial weights come from the same hash generator as src/generator.ts, written here a second time
in NumPy, so that this file is also the generator's oracle (--vectors prints its test vectors).
Beside each loss list stands how far the losses drift in float32, and in float64 with the weights
perturbed by 1e-6 relative: a run that loses its way on such noise would be a useless yardstick.

Needs PyTorch and NumPy: python3 peers/make_golden.py. The committed files are all the suite reads.
"""
import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent
STEPS = 20


def mix(x):
    x = x.astype(np.uint32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x


def bits(seed, n):
    key = mix(np.array([seed + 0x9E3779B9], dtype=np.uint32))[0]
    with np.errstate(over="ignore"):
        return mix(mix(np.arange(n, dtype=np.uint32)) + key)


def unit(seed, n):
    """Multiples of 2^-24 in [0, 1), as float64."""
    return (bits(seed, n) >> np.uint32(8)).astype(np.float64) * 2.0**-24


def uniform(seed, n, low, high):
    return (low + (high - low) * unit(seed, n)).astype(np.float32)


def integers(seed, n, below):
    return np.floor(unit(seed, n) * below).astype(np.int64)


def field(spec):
    n = int(np.prod(spec["shape"]))
    if spec["kind"] == "integer":
        return torch.tensor(integers(spec["seed"], n, spec["below"]).reshape(spec["shape"]))
    return torch.tensor(uniform(spec["seed"], n, spec["low"], spec["high"]).reshape(spec["shape"]))


def parameters(model, dtype):
    out = {}
    for i, p in enumerate(model["parameters"]):
        n = int(np.prod(p["shape"]))
        init = p["init"]
        if init["kind"] == "uniform":
            values = uniform(1000 + i, n, -init["bound"], init["bound"])
        else:
            values = np.full(n, 1.0 if init["kind"] == "ones" else 0.0, dtype=np.float32)
        out[p["name"]] = torch.tensor(values.reshape(p["shape"])).to(dtype).requires_grad_()
    return out


def mlp(p, x, _):
    x = F.linear(x, p["0.weight"], p["0.bias"]).relu()
    x = F.linear(x, p["2.weight"], p["2.bias"]).relu()
    return F.linear(x, p["4.weight"], p["4.bias"])


def cnn(p, x, _):
    x = F.max_pool2d(F.conv2d(x, p["0.weight"], p["0.bias"], padding=1).relu(), 2)
    x = F.max_pool2d(F.conv2d(x, p["3.weight"], p["3.bias"], padding=1).relu(), 2)
    x = F.linear(x.flatten(1), p["7.weight"], p["7.bias"]).relu()
    return F.linear(x, p["9.weight"], p["9.bias"])


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def transformer(p, tokens, m):
    width, heads, eps = m["width"], m["heads"], m["normEpsilon"]
    batch, length = tokens.shape
    norm = lambda x, n: F.layer_norm(x, [width], p[n + ".weight"], p[n + ".bias"], eps)
    split = lambda t: t.reshape(batch, length, heads, width // heads).transpose(1, 2)
    mask = torch.full((length, length), -np.inf).triu(1)
    x = p["token.weight"][tokens] + p["position.weight"]
    for b in range(m["layers"]):
        n = f"blocks.{b}"
        h = norm(x, n + ".norm1")
        qkv = F.linear(h, p[n + ".attention.in_proj_weight"], p[n + ".attention.in_proj_bias"])
        q, k, v = (split(t) for t in qkv.chunk(3, dim=-1))
        scores = q @ k.transpose(-1, -2) / np.sqrt(width // heads) + mask.to(x.dtype)
        h = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = x + F.linear(h, p[n + ".attention.out_proj.weight"], p[n + ".attention.out_proj.bias"])
        h = F.linear(norm(x, n + ".norm2"), p[n + ".mlp.0.weight"], p[n + ".mlp.0.bias"])
        x = x + F.linear(gelu(h), p[n + ".mlp.2.weight"], p[n + ".mlp.2.bias"])
    x = F.linear(norm(x, "norm"), p["head.weight"], p["head.bias"])
    return x.reshape(batch * length, -1)


def losses(model, dtype, noise=0.0):
    forward = {"mlp": mlp, "cnn": cnn, "transformer": transformer}[model["name"]]
    p = parameters(model, dtype)
    torch.manual_seed(1)
    with torch.no_grad():
        for value in p.values():
            value.mul_(1 + noise * torch.randn(value.shape, dtype=dtype))
    x, y = field(model["input"]), field(model["target"]).reshape(-1)
    x = x if x.dtype == torch.int64 else x.to(dtype)
    o = model["optimizer"]
    betas = (o["beta1"], o["beta2"])
    adam = torch.optim.Adam(p.values(), lr=o["learningRate"], betas=betas, eps=o["epsilon"])
    out = []
    for step in range(STEPS + 1):
        loss = F.cross_entropy(forward(p, x, model), y)
        out.append(loss.item())
        if step < STEPS:
            adam.zero_grad()
            loss.backward()
            adam.step()
    return out


def main():
    if "--vectors" in sys.argv:
        for seed, i in [(0, 0), (0, 1), (1, 0), (1, 7), (2, 1_000_000), (1000, 123_456)]:
            value = float(uniform(seed, i + 1, -1, 1)[i])
            print(seed, i, int(bits(seed, i + 1)[i]), value, int(integers(seed, i + 1, 10)[i]))
        return
    torch.set_num_threads(1)
    for path in sorted((ROOT / "models").glob("*.json")):
        model = json.loads(path.read_text())
        double = losses(model, torch.float64)
        drift = lambda other: max(abs(a - b) / abs(a) for a, b in zip(double, other))
        single = drift(losses(model, torch.float32))
        perturbed = drift(losses(model, torch.float64, noise=1e-6))
        golden = {
            "model": model["name"],
            "maker": "peers/make_golden.py",
            "torch": torch.__version__,
            "dtype": "float64",
            "float32Drift": single,
            "perturbedDrift": perturbed,
            "losses": double,
        }
        text = json.dumps(golden, indent=2) + "\n"
        (ROOT / "golden" / f"train-{model['name']}.json").write_text(text)
        print(model["name"], double[0], double[-1], "drift", single, perturbed)


if __name__ == "__main__":
    main()
