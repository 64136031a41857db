"""Intervals and comparisons: coverage by simulation, known variances, seeds, agreement with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from shared.metrics import bootstrap_interval, bootstrap_intervals, compare_paired, two_level_interval


def test_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).beta(0.5, 0.7, size=150)
    ours = bootstrap_interval(values, draws=8000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=8000, method="percentile", rng=1)
    width = ours.high - ours.low
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.05 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.05 * width)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(300):
        values = rng.binomial(8, rng.beta(1, 2, size=80)) / 8
        interval = bootstrap_interval(values, draws=400, seed=trial)
        hits += interval.low <= 1 / 3 <= interval.high
    assert 0.90 <= hits / 300 <= 0.985


def test_level_and_seed() -> None:
    values = np.random.default_rng(2).random(60)
    assert bootstrap_interval(values, seed=4) == bootstrap_interval(values, seed=4)
    assert bootstrap_interval(values, seed=4) != bootstrap_interval(values, seed=5)
    wide, narrow = bootstrap_interval(values, level=0.99), bootstrap_interval(values, level=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert bootstrap_interval([0.25] * 5) == bootstrap_interval([0.25] * 5, level=0.5)


def test_several_metrics_share_the_resamples() -> None:
    rng = np.random.default_rng(3)
    columns = {"pass@1": rng.random(50), "maj@8": rng.random(50)}
    together = bootstrap_intervals(columns, seed=7)
    assert list(together) == ["pass@1", "maj@8"]
    for name, values in columns.items():
        alone = bootstrap_interval(values, seed=7)
        assert (together[name].low, together[name].high) == pytest.approx((alone.low, alone.high))
    with pytest.raises(ValueError, match="same problems"):
        bootstrap_intervals({"a": [1.0, 0.0], "b": [1.0, 0.0, 1.0]})


def test_many_problems_are_resampled_in_pieces() -> None:
    values = np.random.default_rng(4).random(30_000)
    interval = bootstrap_interval(values, draws=300)
    standard_error = values.std() / 30_000**0.5
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * standard_error, rel=0.2)


def test_two_levels_split_the_variance() -> None:
    rng = np.random.default_rng(5)
    p, n = 400, 8
    level = two_level_interval(rng.random((p, n)) < rng.beta(2, 2, size=(p, 1)))
    # Var = E[q(1-q)]/n + Var(q) with q ~ Beta(2, 2): E[q(1-q)] = 1/5, Var(q) = 1/20
    assert level.se_draws == pytest.approx((0.2 / n / p) ** 0.5, rel=0.1)
    assert level.se_total == pytest.approx(((0.2 / n + 0.05) / p) ** 0.5, rel=0.1)
    both, draws = level.over_questions, level.over_draws
    assert both.high - both.low == pytest.approx(2 * 1.96 * level.se_total, rel=0.12)
    # resampling n draws with replacement sees (n-1)/n of the variance
    assert draws.high - draws.low == pytest.approx(2 * 1.96 * level.se_draws * (7 / 8) ** 0.5, rel=0.12)


def test_a_model_without_randomness_has_no_noise_of_draws() -> None:
    level = two_level_interval(np.repeat([[1.0], [0.0], [1.0]], 4, axis=1))
    assert level.se_draws == 0.0 and level.over_draws.low == level.over_draws.high
    assert level.se_total > 0


def test_paired_comparison_sees_what_unpaired_intervals_hide() -> None:
    rng = np.random.default_rng(6)
    a = rng.random(200)
    b = a + 0.02 + 0.05 * rng.standard_normal(200)
    result = compare_paired(a, b)
    assert result.difference == pytest.approx((b - a).mean())
    assert 0 < result.low < result.difference < result.high and result.p_value < 0.001
    assert result.wins + result.losses == result.n_problems == 200
    assert bootstrap_interval(a).high > bootstrap_interval(b).low  # apart, they overlap
    swapped = compare_paired(b, a)
    assert swapped.difference == -result.difference and swapped.wins == result.losses


def test_p_value_agrees_with_scipy_and_is_one_for_equal_runs() -> None:
    rng = np.random.default_rng(7)
    a, b = rng.random(40), rng.random(40) + 0.08

    def mean_difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return (y - x).mean(axis=axis)

    theirs = stats.permutation_test(
        (a, b), mean_difference, permutation_type="samples", n_resamples=5000, rng=1
    )
    assert compare_paired(a, b, draws=5000).p_value == pytest.approx(theirs.pvalue, abs=0.03)
    equal = compare_paired(a, a)
    assert equal.p_value == 1.0 and equal.low == equal.high == equal.difference == 0.0


def test_p_values_are_uniform_under_the_null() -> None:
    rng = np.random.default_rng(8)
    p_values = [compare_paired(rng.random(30), rng.random(30), draws=200, seed=i).p_value for i in range(300)]
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=0.06)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("values", [[0.5], [[0.1, 0.2]], [0.1, float("nan")]])
def test_bad_values_are_refused(values) -> None:
    with pytest.raises(ValueError):
        bootstrap_interval(values)


def test_bad_comparisons_are_refused() -> None:
    with pytest.raises(ValueError, match="2 problems and run B 3"):
        compare_paired([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval([0.0, 1.0], level=95)
    with pytest.raises(ValueError, match="n ≥ 2"):
        two_level_interval([[1.0], [0.0]])
