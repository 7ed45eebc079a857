"""Numbers that Python and TypeScript make alike, so that no weights or batches are committed.

h(seed, i) is MurmurHash3's 32-bit finalizer of i + seed * 0x9E3779B1 (mod 2^32), u = (h >> 8)
/ 2^24 in [0, 1). A float is float32(offset + float32(scale) * (2u - 1)), evaluated in float64;
an integer below n is (h >> 8) mod n. The TypeScript twin: packages/conformance/src/
golden-training.ts.
"""

import numpy as np
import torch


def hashes(seed, count):
    h = np.arange(count, dtype=np.uint64) + np.uint64(seed * 0x9E3779B1 % 2**32)
    mask = np.uint64(0xFFFFFFFF)
    h &= mask
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h ^= h >> np.uint64(shift)
        h = (h * np.uint64(factor)) & mask
    return h ^ (h >> np.uint64(16))


def floats(seed, shape, scale, offset=0.0):
    u = (hashes(seed, int(np.prod(shape))) >> np.uint64(8)).astype(np.float64) / 2**24
    values = offset + float(np.float32(scale)) * (2 * u - 1)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def integers(seed, shape, below):
    h = hashes(seed, int(np.prod(shape))) >> np.uint64(8)
    return torch.from_numpy((h % np.uint64(below)).astype(np.int64).reshape(shape))
