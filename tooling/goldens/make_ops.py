"""Writes the operation goldens: packages/conformance/golden/<family>.bin.gz, index.json, INDEX.md.

Run with the Python that has torch 1.13 (Debian: /usr/bin/python3). See README.md.
"""

import collections
import datetime
import hashlib
import json
import os
import random
import sys
import warnings
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "stub"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.testing._internal import common_methods_invocations as invocations  # noqa: E402
from torch.testing._internal.opinfo import core as opinfo_core  # noqa: E402

import op_table  # noqa: E402
from encode import VERSION, dtype_name, pack  # noqa: E402
from extras import all_extras  # noqa: E402
from record import Call, Unsupported, record  # noqa: E402

SEED = 20260101
OUT = HERE.parent.parent / "packages" / "conformance" / "golden"
MAX_SAMPLES = 14  # per op_db entry in float32
FLOAT_BUDGET = 3600  # floats recorded per op_db entry: inputs, outputs, cotangents, gradients
MAX_CANDIDATES = 400  # of an op_db entry's samples, evenly spaced (max_pool2d has 1,440)
SIZES = {"L": 12, "M": 6}  # op_db's own are 20 and 10: smaller tensors, the same shapes of problem


def shrink_op_db():
    for module in (invocations, opinfo_core):
        for name, value in SIZES.items():
            setattr(module, name, value)


def seed_all(text):
    seed = (SEED + zlib.crc32(text.encode())) % 2**31
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    return torch.Generator().manual_seed(seed)


def cost(sample):
    arrays = [a for k in ("in", "out", "cot", "grad") for a in sample[k] or [] if a is not None]
    return sum(a.size if dtype_name(a) == "f32" else a.size // 4 for a in arrays)


def features(sample):
    """What makes a sample different from another of the same op."""
    found = {("ranks", tuple(a.ndim for a in sample["in"]))}
    found.add(("shapes", tuple(a.shape for a in sample["in"])))
    if any(a.size == 0 for a in sample["in"] + sample["out"]):
        # Cheap, and no values to compare: one or two such samples are enough.
        return {("empty",), ("empty ranks", min(len(sample["in"]), 2))}
    found.add(("grads", tuple(g is not None for g in sample["grad"] or [])))
    for i, arg in enumerate(sample["args"]):
        found.add(("arg", i, json.dumps(arg)))
    for k, v in sample["kwargs"].items():
        found.add(("kwarg", k, json.dumps(v)))
    found.add(("kwargs", tuple(sorted(sample["kwargs"]))))
    settings = sorted((k, json.dumps(v)) for k, v in sample["kwargs"].items())
    found |= {("pair", a, b) for a in settings for b in settings if a < b}
    return found


def choose(samples, limit, budget):
    """Greedy cover of the features at low cost; keeps op_db's order."""
    seen, chosen, spent = set(), [], 0
    rest = [(i, features(s), cost(s)) for i, s in enumerate(samples)]
    while rest and len(chosen) < limit:
        best = max(rest, key=lambda r: (len(r[1] - seen) - r[2] / 300, -r[0]))
        rest.remove(best)
        if not best[1] - seen:
            break
        if chosen and spent + best[2] > budget:
            continue
        chosen.append(best[0])
        spent += best[2]
        seen |= best[1]
    return [samples[i] for i in sorted(chosen)]


def has_negative_eps(sample):
    return any("eps" in k and isinstance(v, float) and v < 0 for k, v in sample.kwargs.items())


def from_op_db(info, family, dtype, limit, budget, dropped):
    label = f"{info.name}/{info.variant_test_name}/{dtype}"
    generator = seed_all(label)
    with_grad = dtype == torch.float32 and info.supports_autograd
    keep = info.name in op_table.KEEP_ALL_BITS
    entry = f"{info.name}/{info.variant_test_name}".rstrip("/")
    f32_only = entry in op_table.F32_ORACLE or info.name in op_table.F32_ORACLE
    found = []
    candidates = list(info.sample_inputs("cpu", dtype, requires_grad=with_grad))
    every = max(1, -(-len(candidates) // MAX_CANDIDATES))
    # An even step would see one value of the innermost, mostly binary, parameters only.
    for sample in candidates[:: every + 1 - every % 2]:
        try:
            if has_negative_eps(sample):
                raise Unsupported("negative eps")
            if sample.kwargs.get("dropout_p", 0) > 0:
                raise Unsupported("stochastic")
            call = Call(info.op, info.name, [sample.input, *sample.args], sample.kwargs, keep)
            found.append(record(call, info.variant_test_name, "op_db", generator,
                                f32_only=f32_only))
        except (Unsupported, RuntimeError, IndexError) as error:
            dropped[f"{label}: {str(error).splitlines()[0][:80]}"] += 1
    return choose(found, limit, budget)


def collect_ops(dropped):
    infos = {(o.name, o.variant_test_name): o for o in invocations.op_db}
    families = collections.defaultdict(list)
    for family, name, variant in op_table.entries():
        info = infos[name, variant]
        entry = f"{name}/{variant}".rstrip("/")
        plans = [(torch.float32, MAX_SAMPLES, FLOAT_BUDGET)]
        if entry in op_table.INT_OPS:
            plans.append((torch.int32, 3, 400))
        if entry in op_table.BOOL_OPS:
            plans.append((torch.bool, 2, 400))
        for dtype, limit, budget in plans:
            if dtype in info.dtypes:
                families[family] += from_op_db(info, family, dtype, limit, budget, dropped)
    return families


def add_extras(families, dropped):
    for family, op, variant, fn, args, kwargs, specials in all_extras(SEED):
        generator = seed_all(f"{op}/{variant}/extra/{len(families[family])}")
        keep = variant in ("specials", "cast", "ties", "offset", "large")
        call = Call(fn, op, args, kwargs, keep)
        try:
            sample = record(call, variant, "extra", generator, specials=specials,
                            f32_only=op in op_table.F32_ORACLE and not specials)
            families[family].append(sample)
        except Unsupported as error:
            dropped[f"{op}/{variant}/extra: {error}"] += 1


def write_index(families, sizes):
    counts = {f: collections.Counter(s["op"] for s in ss) for f, ss in families.items()}
    ops = sorted({op for c in counts.values() for op in c})
    index = {
        "format": VERSION, "torch": torch.__version__, "numpy": np.__version__,
        "date": datetime.date.today().isoformat(), "seed": SEED,
        "ops": len(ops), "samples": sum(len(s) for s in families.values()),
        "differentiable": sum(s["grad"] is not None for ss in families.values() for s in ss),
        "float64Oracle": sum(s["oracle"] == "f64" for ss in families.values() for s in ss),
        "families": {f: {"file": f"{f}.bin.gz", "bytes": sizes[f][0], "sha256": sizes[f][1],
                         "samples": len(families[f]), "ops": dict(sorted(counts[f].items()))}
                     for f in families},
    }
    (OUT / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    (OUT / "INDEX.md").write_text(index_page(index, families))


def pattern(arg):
    """The kind of an encoded argument, for INDEX.md."""
    if arg is None:
        return "-"
    if isinstance(arg, list):
        return "[" + " ".join(dict.fromkeys(map(pattern, arg))) + "]"
    if isinstance(arg, dict):
        tag = next(iter(arg))
        return {"t": "t", "number": "n"}.get(tag, tag)
    return "b" if isinstance(arg, bool) else "s" if isinstance(arg, str) else "n"


def index_page(index, families):
    lines = ["# Golden operations", "", "Generated by tooling/goldens/make_ops.py; do not edit.",
             "Positional arguments: t tensor, n number, b bool, s string, - None, [..] several.",
             "",
             f"torch {index['torch']}, seed {index['seed']}, {index['date']}: {index['ops']} ops, "
             f"{index['samples']} samples, {index['differentiable']} of them with gradients, "
             f"{index['float64Oracle']} with a float64 oracle.", ""]
    for family, entry in index["families"].items():
        lines += [f"## {family} ({entry['samples']} samples, {entry['bytes']} bytes)", "",
                  "| op | samples | with gradients | variants | positional | kwargs |",
                  "| --- | --- | --- | --- | --- | --- |"]
        for op in entry["ops"]:
            group = [s for s in families[family] if s["op"] == op]
            variants = ", ".join(dict.fromkeys(s["variant"] or "-" for s in group))
            kwargs = ", ".join(sorted({k for s in group for k in s["kwargs"]}))
            grads = sum(s["grad"] is not None for s in group)
            positional = "; ".join(sorted({" ".join(map(pattern, s["args"])) for s in group}))
            lines.append(
                f"| {op} | {len(group)} | {grads} | {variants} | {positional} | {kwargs} |")
        lines.append("")
    return "\n".join(lines)


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    shrink_op_db()
    OUT.mkdir(parents=True, exist_ok=True)
    dropped = collections.Counter()
    families = collect_ops(dropped)
    add_extras(families, dropped)
    sizes = {}
    for family, samples in families.items():
        data = pack(samples)
        (OUT / f"{family}.bin.gz").write_bytes(data)
        sizes[family] = (len(data), hashlib.sha256(data).hexdigest())
        print(f"{family:12s} {len(samples):5d} samples {len(data):8d} bytes", file=sys.stderr)
    write_index(families, sizes)
    total = sum(size for size, _ in sizes.values())
    print(f"{sum(len(s) for s in families.values())} samples, {total} bytes", file=sys.stderr)
    if "--dropped" in sys.argv:
        for reason, count in sorted(dropped.items()):
            print(f"{count:4d} {reason}")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # op_db iterates over sets of strings
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    main()
