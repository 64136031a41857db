"""Random draws addressed by what they are for, not by when they are made.

A draw belongs to (run seed, step, problem, sample, token position). The first four are hashed
to a 64-bit key; the position is the counter. So no generator state exists, and batching,
chunking, sharding and resuming leave every draw as it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def seed_key(*parts: int | str) -> int:
    """A 64-bit key for e.g. ``(run_seed, step, problem_id, sample_index)`` (BLAKE2b of their JSON)."""
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def uniforms(keys: np.ndarray, position: int) -> np.ndarray:
    """Uniform numbers in [0, 1) for token ``position`` of each key.

    ``keys`` is uint64 [rows]; returns float64 [rows]. This is output ``position`` of a SplitMix64
    stream (Steele, Lea, Flood 2014) that starts at the key, which allows random access.
    """
    with np.errstate(over="ignore"):
        z = keys + np.uint64(position + 1) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def sample_keys(
    run_seed: int, step: int, problem_ids: Sequence[str], n: int, seen: dict[str, int] | None = None
) -> list[list[int]]:
    """Seed keys [problems][n] of one step.

    A problem that occurs again in the same step continues with sample indices n, 2n, ..., so that
    its second group is not a copy of the first. Pass the same dict as ``seen`` to carry these
    counts over several calls of one step.
    """
    seen = {} if seen is None else seen
    keys = []
    for problem_id in problem_ids:
        first = seen.get(problem_id, 0)
        seen[problem_id] = first + n
        keys.append([seed_key(run_seed, step, problem_id, j) for j in range(first, first + n)])
    return keys
