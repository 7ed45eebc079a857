"""Samples that op_db lacks: special values, casts, layers missing there, pinned corner cases.

Each entry: (family, op, variant, function, args, kwargs, specials).
"""

import operator

import torch
import torch.nn.functional as F

INF, NAN = float("inf"), float("nan")
SPECIALS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-8, -1e-8, 1e-40, -1e-40, 1.1754944e-38,
            3.4028235e38, -3.4028235e38, 88.0, -88.0, 104.0, -104.0, 16777216.0, 3.1415927,
            -100.25, 1e10, INF, -INF, NAN]
UNARY = """abs neg sign floor ceil round trunc exp expm1 log log1p log2 log10 sqrt rsqrt reciprocal
square sin cos tan tanh sinh cosh asin acos atan asinh acosh atanh erf erfc sigmoid isnan isinf
isfinite exp2 logical_not""".split()
ACTIVATIONS = """relu relu6 leaky_relu elu selu celu gelu silu mish softplus softsign hardtanh
hardswish hardsigmoid logsigmoid tanhshrink softshrink hardshrink""".split()
BINARY = """add sub mul true_divide pow maximum minimum fmod remainder atan2 eq ne lt le gt ge
copysign hypot logaddexp fmax fmin""".split()
PAIRS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-40, 3.4028235e38, -3.4028235e38, INF, -INF, NAN]


def t(values, dtype=torch.float32, grad=False):
    return torch.tensor(values, dtype=dtype).requires_grad_(grad)


def special_values():
    for name in UNARY:
        yield "unary", name, "specials", getattr(torch, name), [t(SPECIALS)], {}, True
    for name in ACTIVATIONS:
        op = f"nn.functional.{name}"
        yield "activation", op, "specials", getattr(F, name), [t(SPECIALS)], {}, True
    n = len(PAIRS)
    left = t([[a] * n for a in PAIRS])
    right = t([PAIRS] * n)
    for name in BINARY:
        family = "logical" if name in ("eq", "ne", "lt", "le", "gt", "ge") else "binary"
        yield family, name, "specials", getattr(torch, name), [left, right], {}, True
    yield "binary", "clamp", "specials", torch.clamp, [t(SPECIALS), -1.0, 1.0], {}, True
    yield "binary", "clamp", "specials", torch.clamp, [t(SPECIALS)], {"max": 0.25}, True
    kinks = t([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 20.0], grad=True)
    inner = t([-4.0, -1.0, -0.5, 0.0, 0.5, 1.0, 4.0], grad=True)
    for name in ACTIVATIONS:
        op = f"nn.functional.{name}"
        # torch's float32 and float64 hardswish disagree about the derivative at -3 and 3.
        x = inner if name == "hardswish" else kinks
        yield "activation", op, "kinks", getattr(F, name), [x], {}, False
    yield "unary", "abs", "kinks", torch.abs, [kinks], {}, False
    yield "unary", "sign", "kinks", torch.sign, [kinks], {}, False
    ties = t([1.0, 2.0, 2.0, 3.0], grad=True)
    other = t([2.0, 2.0, 1.0, 3.0], grad=True)
    yield "binary", "maximum", "ties", torch.maximum, [ties, other], {}, False
    yield "binary", "minimum", "ties", torch.minimum, [ties, other], {}, False
    yield "reduce", "amax", "ties", torch.amax, [ties], {"dim": 0}, False
    yield "binary", "clamp", "ties", torch.clamp, [ties, 2.0, 3.0], {}, False


def rows_with_nan():
    base = [[NAN, 1.0, 2.0, 3.0], [1.0, 2.0, NAN, 3.0], [1.0, 2.0, 3.0, NAN],
            [INF, 1.0, -INF, 2.0], [-INF, -INF, -INF, -INF], [1.0, 5.0, -2.0, 0.0],
            [1e38, 1e38, -1e38, 1.0], [-0.0, 0.0, -0.0, 0.0]]
    x = t(base)
    for name in ("sum", "mean", "amax", "amin", "prod", "logsumexp", "argmax", "argmin"):
        yield "reduce", name, "specials", getattr(torch, name), [x], {"dim": 1}, True
    for name in ("cumsum", "cumprod", "argsort", "logcumsumexp"):
        yield "scan", name, "specials", getattr(torch, name), [x], {"dim": 1}, True
    yield "scan", "sort", "specials", torch.sort, [x], {"dim": 1, "stable": True}, True
    yield "activation", "softmax", "specials", F.softmax, [x], {"dim": 1}, True
    yield "activation", "log_softmax", "specials", F.log_softmax, [x], {"dim": 1}, True
    big = t([[1000.0, 0.0, -1000.0], [-1e30, -1e30, -1e30], [88.0, 89.0, 90.0]], grad=True)
    yield "activation", "softmax", "large", F.softmax, [big], {"dim": 1}, False
    yield "activation", "log_softmax", "large", F.log_softmax, [big], {"dim": 1}, False
    yield "reduce", "logsumexp", "large", torch.logsumexp, [big], {"dim": 1}, False
    pool = "nn.functional.max_pool2d"
    yield "pool", pool, "specials", F.max_pool2d, [x.reshape(1, 1, 8, 4), 2], {}, True


def casts():
    floats = t([-3.75, -1.5, -0.5, -0.0, 0.0, 0.25, 1.0, 2.5, 1e6, 16777216.0])
    ints = t([-2147483648, -7, 0, 1, 2, 16777216, 2147483520], torch.int32)
    bools = t([True, False, True], torch.bool)
    targets = {"int": torch.int32, "float": torch.float32, "bool": torch.bool}
    for source in (floats, ints, bools):
        for name, dtype in targets.items():
            def cast(x, dtype=dtype):
                return x.to(torch.float64 if x.dtype == torch.float64 and
                            dtype == torch.float32 else dtype)
            yield "unary", name, "cast", cast, [source], {}, False


class Random:
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, *shape):
        return torch.randn(*shape, generator=self.generator).requires_grad_(True)

    def integers(self, high, *shape):
        return torch.randint(0, high, shape, generator=self.generator)


def slice_along(x, dim, start, end, step=1):
    return x[(slice(None),) * dim + (slice(start, end, step),)]


def layers(seed):
    r = Random(seed)
    conv3 = "nn.functional.conv3d"
    yield "conv", conv3, "", F.conv3d, [r(1, 2, 4, 5, 3), r(3, 2, 2, 3, 2), r(3)], {}, False
    yield "conv", conv3, "", F.conv3d, [r(2, 4, 5, 4, 4), r(4, 2, 3, 2, 2)], {
        "stride": (2, 1, 2), "padding": (1, 0, 1), "groups": 2}, False
    yield "conv", conv3, "", F.conv3d, [r(1, 1, 5, 5, 5), r(2, 1, 2, 2, 2), r(2)], {
        "dilation": (2, 1, 3), "padding": 1}, False
    conv2 = "nn.functional.conv2d"
    yield "conv", conv2, "same 3x3", F.conv2d, [r(2, 3, 7, 6), r(4, 3, 3, 3), r(4)], {
        "padding": 1}, False
    yield "conv", conv2, "depthwise", F.conv2d, [r(2, 4, 6, 6), r(4, 1, 3, 3), r(4)], {
        "padding": 1, "stride": 2, "groups": 4}, False
    yield "conv", conv2, "1x1", F.conv2d, [r(2, 5, 4, 4), r(6, 5, 1, 1), r(6)], {}, False
    one_d = [r(2, 4, 9), r(6, 2, 3), r(6)]
    yield "conv", "nn.functional.conv1d", "grouped", F.conv1d, one_d, {
        "padding": 2, "stride": 2, "groups": 2}, False
    fold = "nn.functional.fold"
    yield "conv", fold, "", F.fold, [r(2, 12, 12), (4, 5), (2, 2)], {}, False
    yield "conv", fold, "", F.fold, [r(1, 9, 9), (5, 3), 3], {"padding": 1, "stride": (2, 1)}, False
    yield "conv", fold, "", F.fold, [r(1, 8, 4), (5, 5), (2, 2)], {
        "dilation": 2, "stride": 2, "padding": 0}, False
    one_hot = "nn.functional.one_hot"
    yield "indexing", one_hot, "", F.one_hot, [r.integers(5, 3, 4), 5], {}, False
    yield "indexing", one_hot, "", F.one_hot, [r.integers(3, 6)], {"num_classes": 7}, False
    x = r(4, 6, 3)
    for where in ({"dim": 1, "start": 1, "end": -2}, {"dim": 1, "start": 1, "end": 6, "step": 3},
                  {"dim": 0, "start": -3, "end": -1}, {"dim": 2, "start": 5, "end": 9}):
        yield "shape", "slice", "small", slice_along, [x], where, False
    for where, shape in (({"dim": 1, "start": 1, "end": 5, "step": 2}, (4, 2, 3)),
                         ({"dim": 0, "start": 1, "end": 3, "step": 1}, (2, 6, 3))):
        yield ("indexing", "slice_scatter", "small", torch.slice_scatter, [x, r(*shape)], where,
               False)
    rows, columns = torch.tensor([3, 0, 2]), torch.tensor([[1], [-1]])
    mask = torch.tensor([True, False, False, True])
    indices = ((Ellipsis, 1), (None, slice(1, 3), None), (slice(None), rows),
               (rows, slice(0, 5, 2)), (columns, rows), (Ellipsis, slice(-2, None)), [2, 0], mask)
    for index in indices:
        yield "indexing", "__getitem__", "extra", operator.getitem, [x, index], {}, False
    for shape in ((2, 3, 4, 5), (3, 5)):
        q, k, v = r(*shape), r(*shape), r(*shape)
        def attend(q, k, v):
            weights = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
            return weights.softmax(-1) @ v
        yield "activation", "attention", "plain", attend, [q, k, v], {}, False
        def causal(q, k, v):
            weights = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
            future = torch.ones(weights.shape[-2:], dtype=torch.bool).triu(1)
            return weights.masked_fill(future, -INF).softmax(-1) @ v
        yield "activation", "attention", "causal", causal, [q, k, v], {}, False


def losses_and_cells(seed):
    r = Random(seed + 1)
    ce, bce = "nn.functional.cross_entropy", "nn.functional.binary_cross_entropy_with_logits"
    labels = r.integers(5, 6)
    for kwargs in ({"label_smoothing": 0.1}, {"label_smoothing": 0.1, "reduction": "sum"},
                   {"ignore_index": 2}, {"ignore_index": 2, "reduction": "none"},
                   {"weight": r(5).detach().abs(), "label_smoothing": 0.2}):
        yield "loss", ce, "extra", F.cross_entropy, [r(6, 5), labels], kwargs, False
    large = t([[100.0, -100.0, 0.0], [1000.0, 1000.0, 999.0]], grad=True)
    yield "loss", ce, "large", F.cross_entropy, [large, t([1, 2], torch.int64)], {}, False
    logits = t([-200.0, -30.0, 0.0, 30.0, 200.0], grad=True)
    targets = t([0.0, 1.0, 0.25, 0.0, 1.0])
    yield "loss", bce, "large", F.binary_cross_entropy_with_logits, [logits, targets], {}, False
    zeros_and_ones = t([0.0, 1.0, 0.0, 1.0])
    yield ("loss", "nn.functional.binary_cross_entropy", "saturated", F.binary_cross_entropy,
           [t([0.0, 1.0, 1.0, 0.0]), zeros_and_ones], {"reduction": "none"}, False)
    x, h, c = r(3, 4), r(3, 5), r(3, 5)
    for gates, name, cell in ((4, "lstm_cell", torch.lstm_cell), (3, "gru_cell", torch.gru_cell),
                              (1, "rnn_tanh_cell", torch.rnn_tanh_cell),
                              (1, "rnn_relu_cell", torch.rnn_relu_cell)):
        state = [h, c] if name == "lstm_cell" else h
        weights = [r(gates * 5, 4), r(gates * 5, 5), r(gates * 5), r(gates * 5)]
        yield "rnn", name, "", cell, [x, state, *weights], {}, False
    w = {"weight": r(4), "bias": r(4)}
    yield "norm", "nn.functional.group_norm", "extra", F.group_norm, [r(2, 4, 3, 3), 2], w, False
    yield "norm", "nn.functional.layer_norm", "extra", F.layer_norm, [
        r(3, 5, 4), (4,)], dict(w), False
    stats = [r(4).detach(), r(4).detach().abs() + 0.5]
    for training in (True, False):
        yield "norm", "nn.functional.batch_norm", "extra", F.batch_norm, [
            r(3, 4, 2, 3), *stats], {**w, "training": training}, False
    spread = t([[10000.0, 10001.0, 10002.0, 10003.0]], grad=True)
    yield "norm", "nn.functional.layer_norm", "offset", F.layer_norm, [spread, (4,)], {}, False
    yield "reduce", "var", "offset", torch.var, [spread], {"dim": 1, "unbiased": False}, False


def all_extras(seed):
    yield from special_values()
    yield from rows_with_nan()
    yield from casts()
    yield from layers(seed)
    yield from losses_and_cells(seed)
