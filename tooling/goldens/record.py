"""Runs one torch call in float32 and float64 and records it as a golden sample.

Inputs are float32; the expected values come from the float64 run of the same inputs, rounded
once to float32, so that the oracle's own error is half a ULP.
"""

import numpy as np
import torch

DTYPES = {torch.float32: "f32", torch.int32: "i32", torch.int64: "i32", torch.bool: "bool",
          torch.uint8: "i32", torch.int8: "i32", torch.int16: "i32"}
DROPPED_KWARGS = ("device", "requires_grad", "memory_format", "layout", "pin_memory", "out")
MAX_ELEMENTS = 2048


class Unsupported(Exception):
    """This sample can't be recorded; the message says why."""


def shorten(t):
    """Rounds a float tensor to 12 significant bits (the low 12 mantissa bits become zero)."""
    if t.dtype != torch.float32 or t.numel() == 0:
        return t
    bits = t.contiguous().view(torch.int32)
    short = ((bits + 0x800) & ~0xFFF).view(torch.float32)
    return torch.where(torch.isfinite(t), short, t)


def f32_scalar(v):
    """A Python float rounded to float32: what a float32 implementation sees."""
    return float(np.float32(v))


class Call:
    """fn(*args, **kwargs) with its tensors lifted into a list of float32/int/bool inputs."""

    def __init__(self, fn, op, args, kwargs, keep_bits):
        self.fn, self.op, self.keep_bits = fn, op, keep_bits
        self.seen, self.tensors, self.grad_wanted = {}, [], []
        self.args = [self._lift(a) for a in args]
        self.kwargs = {k: self._lift(v) for k, v in kwargs.items() if k not in DROPPED_KWARGS}

    def _lift(self, v):
        if isinstance(v, torch.Tensor):
            return ("tensor", self._lift_tensor(v))
        if isinstance(v, (list, tuple)):
            is_size = isinstance(v, torch.Size)
            return ("list" if isinstance(v, list) else "tuple", [self._lift(x) for x in v], is_size)
        return ("value", v)

    def _lift_tensor(self, t):
        if id(t) in self.seen:
            return self.seen[id(t)]
        if t.dtype not in DTYPES or t.is_sparse:
            raise Unsupported(f"input dtype {t.dtype}")
        data = t.detach().clone(memory_format=torch.contiguous_format)
        self.seen[id(t)] = len(self.tensors)
        self.tensors.append(data if self.keep_bits else shorten(data))
        self.grad_wanted.append(t.requires_grad and t.dtype == torch.float32)
        return len(self.tensors) - 1

    def _rebuild(self, v, tensors, wide):
        if v[0] == "tensor":
            return tensors[v[1]]
        if v[0] in ("list", "tuple"):
            items = [self._rebuild(x, tensors, wide) for x in v[1]]
            return items if v[0] == "list" else tuple(items)
        if isinstance(v[1], float):
            return f32_scalar(v[1])
        if v[1] is torch.float64:
            raise Unsupported("float64 asked for")
        return torch.float64 if wide and v[1] is torch.float32 else v[1]

    def run(self, cotangents, wide, with_grad):
        """-> outputs, gradients (None where there is none), inputs after the call."""
        up = (lambda t: t.double()) if wide else (lambda t: t)
        tensors = [up(t.clone()) if t.dtype == torch.float32 else t.clone() for t in self.tensors]
        for t, wanted in zip(tensors, self.grad_wanted):
            t.requires_grad_(with_grad and wanted)
        args = [self._rebuild(a, tensors, wide) for a in self.args]
        kwargs = {k: self._rebuild(v, tensors, wide) for k, v in self.kwargs.items()}
        outputs = flatten(self.fn(*args, **kwargs))
        after = [t.detach() for t in tensors]
        grads = [None] * len(tensors)
        if not with_grad:
            return [o.detach() for o in outputs], grads, after
        pairs = [(o, up(c)) for o, c in zip(outputs, cotangents) if o.requires_grad]
        wanted = [i for i, w in enumerate(self.grad_wanted) if w]
        found = torch.autograd.grad([o for o, _ in pairs], [tensors[i] for i in wanted],
                                    [c for _, c in pairs], allow_unused=True)
        for i, g in zip(wanted, found):
            grads[i] = g
        return [o.detach() for o in outputs], grads, after


def flatten(out):
    if isinstance(out, torch.Tensor):
        return [out]
    if isinstance(out, (list, tuple)):
        return [t for o in out for t in flatten(o)]
    if isinstance(out, bool):
        return [torch.tensor(out)]
    if out is None:
        return []
    raise Unsupported(f"output of type {type(out).__name__}")


def to_array(t):
    """A tensor as the numpy array that is stored (float32, int32 or bool)."""
    if t.dtype == torch.float64:
        t = t.float()
    if t.dtype not in DTYPES:
        raise Unsupported(f"output dtype {t.dtype}")
    a = t.detach().contiguous().numpy()
    if DTYPES[t.dtype] == "i32":
        if a.size and (a.min() < -2**31 or a.max() >= 2**31):
            raise Unsupported("an integer beyond 32 bits")
        return a.astype(np.int32)
    return a


def encode(v, op):
    """An argument as JSON (see README.md, Arguments)."""
    if v[0] == "tensor":
        return {"t": v[1]}
    if v[0] in ("list", "tuple"):
        items = [encode(x, op) for x in v[1]]
        # Inside an index a list of ints gathers; a list that holds anything else is PyTorch's old
        # way of writing a tuple.
        gathers = op == "__getitem__" and v[0] == "list" and all(isinstance(i, int) for i in items)
        return {"list": items} if gathers else items
    return encode_value(v[1])


def encode_value(v):
    if v is None or isinstance(v, (bool, str)):
        return v
    if isinstance(v, (int, np.integer)):
        return int(v)
    if isinstance(v, (float, np.floating)):
        if not np.isfinite(v):
            return {"number": "nan" if np.isnan(v) else "inf" if v > 0 else "-inf"}
        short = float(str(np.float32(v)))
        return int(short) if short.is_integer() and abs(short) < 2**31 else short
    if isinstance(v, slice):
        return {"slice": [v.start, v.stop, v.step]}
    if v is Ellipsis:
        return {"ellipsis": 1}
    if isinstance(v, torch.dtype) and v in DTYPES:
        return {"dtype": "f32" if v == torch.float32 else DTYPES[v]}
    raise Unsupported(f"an argument of type {type(v).__name__}: {v}")


def is_close(a, b, loose):
    if b.dtype == torch.float64:
        b = b.float()  # float64 overflows later: compare what would be stored
    if a.shape != b.shape or a.dtype.is_floating_point != b.dtype.is_floating_point:
        return False
    if not a.dtype.is_floating_point:
        return bool((a == b).all())
    scale = float(b[torch.isfinite(b)].abs().max()) if torch.isfinite(b).any() else 1.0
    return torch.allclose(a.double(), b.double(), rtol=loose, atol=loose * max(scale, 1e-3),
                          equal_nan=True)


def changed(before, after):
    same = before.shape == after.shape and torch.equal(
        torch.nan_to_num(before.double()), torch.nan_to_num(after.double()))
    return not same


def record(call, variant, source, generator, specials=False, f32_only=False):
    """-> the sample as a dict of arrays and JSON, or Unsupported.

    With specials (NaN, infinities, subnormals, ends of the range) the two runs need not agree:
    torch's vectorised float32 code is wrong there for some ops (log1p of the largest float is
    inf, fmod of a large quotient NaN, elu(-1e-8) 0), its float64 run is not.
    """
    if sum(t.numel() for t in call.tensors) > MAX_ELEMENTS:
        raise Unsupported("too large")
    outputs, _, _ = call.run(None, wide=False, with_grad=False)
    if not outputs:
        raise Unsupported("no output")
    if sum(o.numel() for o in outputs) > MAX_ELEMENTS:
        raise Unsupported("too large")
    cotangents = [make_cotangent(o, generator) for o in outputs]
    probe = [o.requires_grad for o in requires_grad_probe(call)]
    with_grad = any(probe)
    narrow = call.run(cotangents, wide=False, with_grad=with_grad)
    best, oracle = narrow, "f32"
    if not f32_only:
        try:
            wide = call.run(cotangents, wide=True, with_grad=with_grad)
        except (RuntimeError, TypeError, ValueError):
            wide = None
        if wide is not None:
            if not specials:
                check_agreement(narrow, wide)
            best, oracle = wide, "f64"
    outputs, grads, after = best
    if not specials:
        check_finite(call, outputs, grads)
    cot = [to_array(c) if p else None for c, p in zip(cotangents, probe)] if with_grad else None
    moved = [a if changed(b, a) else None for b, a in zip(call.tensors, after)]
    return {
        "op": call.op, "variant": variant, "source": source, "oracle": oracle,
        "args": [encode(a, call.op) for a in call.args],
        "kwargs": {k: encode(v, call.op) for k, v in call.kwargs.items()},
        "in": [to_array(t) for t in call.tensors], "out": [to_array(o) for o in outputs],
        "cot": cot,
        "grad": [None if g is None else to_array(g) for g in grads] if with_grad else None,
        "after": [None if a is None else to_array(a) for a in moved]
        if any(a is not None for a in moved) else None,
    }


def requires_grad_probe(call):
    if not any(call.grad_wanted):
        return [torch.zeros(0)]
    tensors = [t.clone().requires_grad_(w) for t, w in zip(call.tensors, call.grad_wanted)]
    args = [call._rebuild(a, tensors, False) for a in call.args]
    kwargs = {k: call._rebuild(v, tensors, False) for k, v in call.kwargs.items()}
    return flatten(call.fn(*args, **kwargs))


def make_cotangent(output, generator):
    """Multiples of 1/4 in [-2, 2] without 0: exact in any float format, and they compress."""
    if output.dtype != torch.float32:
        return None
    magnitude = torch.randint(1, 9, output.shape, generator=generator).float() / 4
    sign = torch.randint(0, 2, output.shape, generator=generator).float() * 2 - 1
    return magnitude * sign


def check_agreement(narrow, wide):
    for a, b in zip(narrow[0], wide[0]):
        if not is_close(a, b, 1e-3):
            raise Unsupported("float32 and float64 outputs disagree")
    for a, b in zip(narrow[1], wide[1]):
        if (a is None) != (b is None) or (a is not None and not is_close(a, b, 1e-2)):
            raise Unsupported("float32 and float64 gradients disagree")


def check_finite(call, outputs, grads):
    if any(t.numel() == 0 for t in call.tensors):
        return
    for t in outputs + [g for g in grads if g is not None]:
        if t.dtype.is_floating_point and not torch.isfinite(t.float()).all():
            raise Unsupported("not finite")
