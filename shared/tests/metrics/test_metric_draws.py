"""avg@n, pass@k, best@k, worst@k: enumeration over subsets, closed forms, identities."""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shared.metrics import avg_at_n, best_at_k, default_ks, partial_credit, pass_at_k, worst_at_k

CORRECT = st.tuples(st.integers(1, 4), st.integers(1, 7)).flatmap(lambda s: arrays(np.bool_, s))
GRADED = st.tuples(st.integers(1, 4), st.integers(1, 7)).flatmap(
    lambda s: arrays(np.float64, s, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
)


def test_pass_at_k_is_the_published_formula() -> None:
    n = 12
    correct = np.arange(n)[None, :] < np.arange(n + 1)[:, None]  # c = 0..n right
    ks = range(1, n + 1)
    expected = [[1 - comb(n - c, k) / comb(n, k) for k in ks] for c in range(n + 1)]
    np.testing.assert_allclose(pass_at_k(correct, ks), expected, rtol=1e-13, atol=1e-15)


def test_pass_at_k_does_not_overflow() -> None:
    correct = np.zeros((1, 5000), dtype=bool)
    correct[0, :3] = True
    value = pass_at_k(correct, [2500])[0, 0]
    assert value == pytest.approx(1 - comb(4997, 2500) / comb(5000, 2500), rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(GRADED)
def test_extremes_by_enumeration(scores) -> None:
    n = scores.shape[1]
    ks = range(1, n + 1)
    for p, row in enumerate(scores):
        for k in ks:
            subsets = list(itertools.combinations(row, k))
            assert best_at_k(scores, ks)[p, k - 1] == pytest.approx(np.mean([max(s) for s in subsets]))
            assert worst_at_k(scores, ks)[p, k - 1] == pytest.approx(np.mean([min(s) for s in subsets]))


@settings(max_examples=80, deadline=None)
@given(CORRECT, st.randoms(use_true_random=False))
def test_identities(correct, random) -> None:
    n = correct.shape[1]
    ks = range(1, n + 1)
    passed = pass_at_k(correct, ks)
    np.testing.assert_allclose(passed[:, 0], avg_at_n(correct), atol=1e-12)
    np.testing.assert_allclose(passed, best_at_k(correct, ks), atol=1e-12)
    np.testing.assert_allclose(worst_at_k(correct, ks), 1 - pass_at_k(~correct, ks), atol=1e-12)
    np.testing.assert_array_equal(passed[:, -1] > 0.5, correct.any(axis=1))
    assert (np.diff(passed, axis=1) >= -1e-12).all()
    assert (np.diff(worst_at_k(correct, ks), axis=1) <= 1e-12).all()
    order = random.sample(range(n), n)
    np.testing.assert_array_equal(pass_at_k(correct[:, order], ks), passed)


def test_estimator_is_unbiased_for_fresh_draws() -> None:
    """The mean of pass@k over many groups of n = 8 is 1 − (1 − p)^k."""
    rng = np.random.default_rng(0)
    p = 0.2
    estimate = pass_at_k(rng.random((20_000, 8)) < p, [1, 2, 4]).mean(axis=0)
    np.testing.assert_allclose(estimate, [1 - (1 - p) ** k for k in (1, 2, 4)], atol=0.006)


def test_partial_credit_counts_as_right_from_the_threshold_on() -> None:
    scores = np.array([[1.0, 1 - 1e-10, 0.9, 0.5, 0.0]])
    assert partial_credit(scores).tolist() == [[True, True, False, False, False]]
    assert partial_credit(scores, threshold=0.5).sum() == 4
    assert pass_at_k(scores, [1])[0, 0] == pytest.approx(0.4)
    assert avg_at_n(scores)[0] == pytest.approx(0.68)


def test_default_ks() -> None:
    assert default_ks(1) == (1,)
    assert default_ks(8) == (1, 2, 4, 8)
    assert default_ks(12) == (1, 2, 4, 8, 12)


@pytest.mark.parametrize("metric", [pass_at_k, best_at_k, worst_at_k])
def test_bad_input_gets_a_sentence(metric) -> None:
    with pytest.raises(ValueError, match=r"between 1 and the n = 3 samples per problem, got \[4\]"):
        metric(np.ones((2, 3)), [1, 4])
    with pytest.raises(ValueError, match="every k"):
        metric(np.ones((2, 3)), [])
    with pytest.raises(ValueError, match=r"\[problems, n\]"):
        metric(np.ones(3), [1])
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        metric(np.array([[0.5, np.nan]]), [1])
