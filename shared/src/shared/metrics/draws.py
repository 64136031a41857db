"""Metrics of k draws without replacement from n samples: avg@n, pass@k, best@k, worst@k, gap@k.

All take [problems, n] arrays and answer per problem, [problems, len(ks)], so that intervals and
paired comparisons can be taken over problems; the benchmark's number is the mean of a column.
Each is the exact average over all C(n, k) subsets, hence unbiased for k fresh samples (pass, best,
worst) and independent of the order of the samples. (Bootstrap "best@k", as in verl's
validation and SRT's code, draws with replacement and is biased low.)

Not here: maj@k (``majority``), intervals (``intervals``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FULL_CREDIT = 1.0 - 1e-9
"""A score from here on counts as right."""

Array = NDArray[np.float64]


def as_scores(scores: ArrayLike) -> Array:
    """Check and convert [problems, n] verdicts or scores in [0, 1].

    Raises:
        ValueError: for another shape, no problems, no samples, or values outside [0, 1] (NaN too).
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"scores must be [problems, n] with at least one of each, got shape {values.shape}")
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError(
            "scores must lie in [0, 1]; found values outside (or NaN): score failed samples as 0"
        )
    return values


def check_ks(ks: Sequence[int], n: int) -> NDArray[np.int64]:
    """The ks as an array; each must satisfy 1 ≤ k ≤ n."""
    values = np.asarray(list(ks), dtype=np.int64)
    wrong = [int(k) for k in values if not 1 <= k <= n]
    if wrong or values.ndim != 1 or not len(values):
        raise ValueError(
            f"every k must be between 1 and the n = {n} samples per problem, got {wrong or list(ks)}"
        )
    return values


def default_ks(n: int) -> tuple[int, ...]:
    """Powers of two up to n, and n itself."""
    return tuple(sorted({2**i for i in range(n.bit_length()) if 2**i <= n} | {n}))


def partial_credit(scores: ArrayLike, threshold: float = FULL_CREDIT) -> NDArray[np.bool_]:
    """[problems, n] graded scores to right / not right: score ≥ threshold."""
    return np.asarray(as_scores(scores) >= threshold)


def avg_at_n(scores: ArrayLike) -> Array:
    """[problems] mean score of the n samples; for 0/1 scores the unbiased pass@1."""
    return np.asarray(as_scores(scores).mean(axis=1))


def pass_at_k(correct: ArrayLike, ks: Sequence[int]) -> Array:
    """[problems, ks] chance that k of the n samples contain a right one: 1 − C(n−c, k) / C(n, k).

    Source: Chen et al. 2021, arXiv 2107.03374 eq. 1. Computed as a product of ratios, once
    for each c that occurs, so it neither overflows nor costs more for more problems.

    Args:
        correct: [problems, n] booleans or 0/1; graded scores count from FULL_CREDIT on.
        ks: numbers of draws, each ≤ n.
    """
    right = partial_credit(correct)
    n = right.shape[1]
    wanted = check_ks(ks, n)
    counts, row = np.unique(right.sum(axis=1), return_inverse=True)
    return np.asarray((1.0 - _chance_inside(n - counts, n)[:, wanted - 1])[row.ravel()])


def _chance_inside(sizes: NDArray[np.int64], n: int) -> Array:
    """[sizes, n] chance that k draws all fall into a part of size s: C(s, k) / C(n, k), k = 1..n."""
    i = np.arange(n, dtype=np.float64)
    return np.asarray(np.cumprod(np.clip(sizes[:, None] - i, 0.0, None) / (n - i), axis=1))


def _expected_extreme(ascending: Array, ks: Sequence[int]) -> Array:
    """Mean over k-subsets of the last element in the given row order: weights C(i, k−1) / C(n, k)."""
    n = ascending.shape[1]
    wanted = check_ks(ks, n)
    # P(max at sorted position i) = P(all k within the first i + 1) − P(all k within the first i)
    within = _chance_inside(np.arange(n + 1), n)[:, wanted - 1]
    return np.asarray(ascending @ np.diff(within, axis=0))


def best_at_k(scores: ArrayLike, ks: Sequence[int]) -> Array:
    """[problems, ks] expected best score among k of the n samples; pass@k when scores are 0/1."""
    return _expected_extreme(np.sort(as_scores(scores), axis=1), ks)


def worst_at_k(scores: ArrayLike, ks: Sequence[int]) -> Array:
    """[problems, ks] expected worst score among k of the n samples; for 0/1, all k right."""
    return _expected_extreme(np.sort(as_scores(scores), axis=1)[:, ::-1], ks)
