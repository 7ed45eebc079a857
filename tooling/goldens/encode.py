"""The golden file format (see README.md): one gzip stream per family.

Floats are stored as four byte planes, given and expected values apart, because planes of
like bytes compress about a third better than interleaved floats.
"""

import gzip
import json
import struct

import numpy as np

MAGIC = b"TNGD"
VERSION = 1
LETTERS = {"f32": "f", "i32": "i", "bool": "b"}


def spec(array):
    """'f2,3' for a float32 [2, 3], 'i' for an int32 scalar."""
    return LETTERS[dtype_name(array)] + ",".join(str(n) for n in array.shape)


def dtype_name(array):
    names = {"float32": "f32", "int32": "i32", "bool": "bool"}
    return names[array.dtype.name]


class Streams:
    """Collects array data; the reader consumes it in the same order."""

    def __init__(self):
        self.given, self.expected, self.ints, self.bools = [], [], [], []

    def put(self, array, is_given):
        flat = np.ascontiguousarray(array).reshape(-1)
        kind = dtype_name(array)
        if kind == "f32":
            (self.given if is_given else self.expected).append(flat)
        else:
            (self.ints if kind == "i32" else self.bools).append(flat)


def _planes(chunks, dtype):
    data = np.concatenate(chunks).astype(dtype) if chunks else np.zeros(0, dtype)
    return len(data), data.view(np.uint8).reshape(-1, 4).T.tobytes()


def pack(samples):
    """samples: dicts with arrays under in/out/cot/grad/after -> the bytes of one family file."""
    streams, heads = Streams(), []
    for s in samples:
        for key, is_given in (("in", 1), ("out", 0), ("cot", 1), ("grad", 0), ("after", 0)):
            for array in s[key] or []:
                if array is not None:
                    streams.put(array, is_given)
        head = {k: s[k] for k in ("op", "variant", "source", "oracle", "args", "kwargs")}
        head["in"] = [spec(a) for a in s["in"]]
        head["out"] = [spec(a) for a in s["out"]]
        for key in ("cot", "grad", "after"):
            head[key] = None if s[key] is None else [0 if a is None else 1 for a in s[key]]
        heads.append(head)
    text = json.dumps(heads, separators=(",", ":"), allow_nan=False).encode()
    n_given, given = _planes(streams.given, "<f4")
    n_expected, expected = _planes(streams.expected, "<f4")
    n_ints, ints = _planes(streams.ints, "<i4")
    bools = np.concatenate(streams.bools).astype(np.uint8) if streams.bools else np.zeros(0, "u1")
    header = MAGIC + struct.pack(
        "<6I", VERSION, len(text), n_given, n_expected, n_ints, len(bools)
    )
    raw = header + text + given + expected + ints + bools.tobytes()
    return gzip.compress(raw, 9, mtime=0)
