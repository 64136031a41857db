"""Uncertainty over problems: bootstrap intervals, two levels of noise, paired comparison of two runs.

The problems of a benchmark are the sampled unit. Their per-problem values already carry the
noise of the n draws, so resampling problems covers both levels; resampling the draws as well
would count that noise twice (Davison & Hinkley 1997, §3.8). Percentile intervals, seeded; with
30 problems they are a little too short, with fewer than 10 do not trust them.

Not here: intervals over training seeds (``shared.experiments``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shared.metrics.draws import Array, as_scores

_CHUNK_CELLS = 4_000_000  # resampling cells held in memory at once


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the bounds of its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TwoLevel:
    """Where the uncertainty of a mean score comes from.

    Attributes:
        over_questions: interval for new questions *and* new draws (questions resampled).
        over_draws: interval for new draws on these very questions.
        se_total: standard error for new questions and draws.
        se_draws: the part of it that more samples per question would remove.
    """

    over_questions: Interval
    over_draws: Interval
    se_total: float
    se_draws: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run B against run A on the same problems.

    Attributes:
        difference: mean of B minus mean of A.
        low: lower bound of its paired bootstrap interval.
        high: upper bound.
        p_value: two-sided, from random sign flips of the per-problem differences.
        n_problems: problems compared.
        wins: problems where B is better.
        losses: problems where A is better.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n_problems: int
    wins: int
    losses: int


def _per_problem(values: ArrayLike, name: str) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(
            f"{name} needs one value per problem and at least 2 problems, got shape {array.shape}"
        )
    if not bool(np.isfinite(array).all()):
        raise ValueError(f"{name} got values that are not finite")
    return array


def _chunks(draws: int, width: int) -> Iterator[int]:
    """Split ``draws`` resamples of ``width`` cells into pieces that fit in memory."""
    size = max(1, _CHUNK_CELLS // width)
    for start in range(0, draws, size):
        yield min(size, draws - start)


def _resampled_means(values: Array, draws: int, seed: int) -> Array:
    """[draws, M] means of ``values`` [P, M] under resampling of its rows."""
    rng = np.random.default_rng(seed)
    problems = len(values)
    means = []
    for size in _chunks(draws, problems):
        picks = rng.integers(problems, size=(size, problems), dtype=np.int64)
        picks += problems * np.arange(size)[:, None]
        counts = np.bincount(picks.ravel(), minlength=size * problems).reshape(size, problems)
        means.append(counts.astype(np.float64) @ values / problems)
    return np.concatenate(means)


def _bounds(samples: Array, level: float) -> tuple[Array, Array]:
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, got {level}")
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def bootstrap_interval(
    values: ArrayLike, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Interval:
    """Percentile interval of the mean of [problems] values, resampling problems."""
    array = _per_problem(values, "bootstrap_interval")
    low, high = _bounds(_resampled_means(array[:, None], draws, seed)[:, 0], level)
    return Interval(float(array.mean()), float(low), float(high))


def bootstrap_intervals(
    columns: Mapping[str, ArrayLike], *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> dict[str, Interval]:
    """Intervals of several metrics of the same problems, from one set of resamples."""
    arrays = {name: _per_problem(column, name) for name, column in columns.items()}
    if len({len(array) for array in arrays.values()}) != 1:
        raise ValueError("all metrics must cover the same problems, in the same order")
    stacked = np.column_stack(list(arrays.values()))
    low, high = _bounds(_resampled_means(stacked, draws, seed), level)
    return {
        name: Interval(float(array.mean()), float(low[i]), float(high[i]))
        for i, (name, array) in enumerate(arrays.items())
    }


def two_level_interval(
    scores: ArrayLike, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> TwoLevel:
    """Intervals of the mean score over questions and over draws, and the split of its variance.

    With s_p² the sample variance of the n scores of problem p, the draws contribute
    Σ_p s_p²/n / P² to the variance of the mean, and Var_p(mean_p)/P is the total of both levels.

    Args:
        scores: [problems, n], at least 2 of each.
    """
    values = as_scores(scores)
    problems, n = values.shape
    if n < 2:
        raise ValueError("the noise of the draws cannot be told from one sample per problem: give n ≥ 2")
    means = values.mean(axis=1)
    over_questions = bootstrap_interval(means, level=level, draws=draws, seed=seed)
    rng = np.random.default_rng(seed)
    resampled = np.concatenate(
        [
            np.take_along_axis(values[None], rng.integers(n, size=(size, problems, n)), axis=2).mean(
                axis=(1, 2)
            )
            for size in _chunks(draws, problems * n)
        ]
    )
    low, high = _bounds(resampled, level)
    return TwoLevel(
        over_questions=over_questions,
        over_draws=Interval(float(means.mean()), float(low), float(high)),
        se_total=float(np.sqrt(means.var(ddof=1) / problems)),
        se_draws=float(np.sqrt(values.var(axis=1, ddof=1).mean() / (n * problems))),
    )


def compare_paired(
    a: ArrayLike, b: ArrayLike, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Comparison:
    """Compare two runs over the same problems, [problems] values each in the same order.

    The interval resamples problems, keeping the pairs. The p-value is the share of random sign
    flips of the differences whose mean is at least as far from zero (the observed one included,
    so it is never 0): under the null hypothesis A and B may be swapped on any problem.
    """
    first, second = _per_problem(a, "run A"), _per_problem(b, "run B")
    if len(first) != len(second):
        raise ValueError(
            f"run A has {len(first)} problems and run B {len(second)}: compare the same problems"
        )
    difference = second - first
    low, high = _bounds(_resampled_means(difference[:, None], draws, seed)[:, 0], level)
    rng = np.random.default_rng([seed, 1])
    observed = abs(difference.mean()) * (1 - 1e-12)
    as_far = 0
    for size in _chunks(draws, len(difference)):
        signs = rng.integers(2, size=(size, len(difference)), dtype=np.int8) * 2.0 - 1.0
        as_far += int((np.abs(signs @ difference) / len(difference) >= observed).sum())
    return Comparison(
        difference=float(difference.mean()),
        low=float(low),
        high=float(high),
        p_value=(1 + as_far) / (1 + draws),
        n_problems=len(difference),
        wins=int((difference > 0).sum()),
        losses=int((difference < 0).sum()),
    )
