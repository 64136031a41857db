"""maj@k: equality with enumeration, with exact integers at n = 64, and with simulation."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared.metrics import avg_at_n, encode_answers, maj_at_k, vote_share


@st.composite
def samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores constant within a class and keys, [problems, n]; −1 is no answer."""
    problems, n = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    row = st.lists(st.integers(-1, 4), min_size=n, max_size=n)
    keys = np.array(draw(st.lists(row, min_size=problems, max_size=problems)))
    credit = np.array(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=5, max_size=5)))
    return np.where(keys >= 0, credit[keys], 0.0), keys


def enumerate_votes(scores, keys, k: int, ties: str) -> float:
    outcomes = []
    for subset in itertools.combinations(range(len(keys)), k):
        counts = Counter(keys[i] for i in subset if keys[i] >= 0)
        top = [key for key in counts if counts[key] == max(counts.values())]
        credit = [float(scores[list(keys).index(key)]) for key in top]
        outcomes.append(0.0 if not top or (ties == "none" and len(top) > 1) else float(np.mean(credit)))
    return float(np.mean(outcomes))


@settings(max_examples=120, deadline=None)
@given(samples(), st.sampled_from(["split", "none"]))
def test_equals_enumeration_over_all_subsets(case, ties) -> None:
    scores, keys = case
    ks = range(1, keys.shape[1] + 1)
    expected = [[enumerate_votes(s, q, k, ties) for k in ks] for s, q in zip(scores, keys, strict=True)]
    estimate = maj_at_k(scores, keys, ks, ties=ties)
    np.testing.assert_allclose(estimate.values, expected, atol=1e-12)
    assert (estimate.stderr == 0).all()


@settings(max_examples=80, deadline=None)
@given(samples(), st.randoms(use_true_random=False))
def test_identities(case, random) -> None:
    scores, keys = case
    n = keys.shape[1]
    values = maj_at_k(scores, keys, range(1, n + 1)).values
    np.testing.assert_allclose(values[:, 0], avg_at_n(scores), atol=1e-12)  # maj@1 = avg@n
    order = random.sample(range(n), n)
    np.testing.assert_array_equal(maj_at_k(scores[:, order], keys[:, order], range(1, n + 1)).values, values)
    renamed = np.where(keys < 0, -1, 10 - keys)
    np.testing.assert_allclose(maj_at_k(scores, renamed, range(1, n + 1)).values, values, atol=1e-12)
    everything = maj_at_k(np.where(keys >= 0, 1.0, 0.0), keys, [n]).values[:, 0]
    np.testing.assert_allclose(everything, (keys >= 0).any(axis=1))


def exact_win(own: int, others: list[int], blank: int, k: int) -> Fraction:
    """The same probability in exact integers, by a plain dynamic programme over (votes, ties)."""
    n = own + sum(others) + blank
    ways = Fraction(0)
    for v in range(1, min(own, k) + 1):
        table = {(0, 0): 1}  # (votes of rivals, rivals tied at v) -> subsets
        for m in others:
            grown: Counter[tuple[int, int]] = Counter()
            for (votes, tied), count in table.items():
                for u in range(min(m, v) + 1):
                    grown[votes + u, tied + (u == v)] += count * comb(m, u)
            table = dict(grown)
        for (votes, tied), count in table.items():
            if 0 <= k - v - votes <= blank:
                ways += Fraction(comb(own, v) * count * comb(blank, k - v - votes), tied + 1)
    return ways / comb(n, k)


@pytest.mark.parametrize(
    ("own", "others", "blank"),
    [
        (20, [20, 10, 5, 5, 2, 1, 1], 0),
        (9, [8, 8, 8, 8, 8, 8], 7),
        (3, [1] * 40 + [2] * 8, 5),
        (32, [32], 0),
        (1, [], 63),
    ],
)
def test_sixty_four_samples_against_exact_integers(own: int, others: list[int], blank: int) -> None:
    sizes = [own, *others]
    keys = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(blank, -1)])[None]
    ks = [1, 2, 3, 5, 8, 16, 31, 48, 63, 64]
    expected = [float(exact_win(own, others, blank, k)) for k in ks]
    np.testing.assert_allclose(maj_at_k(keys == 0, keys, ks).values[0], expected, rtol=1e-11)


def test_many_samples_are_simulated_with_an_honest_error() -> None:
    rng = np.random.default_rng(3)
    keys = np.minimum(rng.geometric(0.15, size=(40, 60)), 12)
    correct = keys == 1
    ks = [1, 5, 20, 60]
    exact = maj_at_k(correct, keys, ks)
    simulated = maj_at_k(correct, keys, ks, exact_up_to=16, draws=400)
    np.testing.assert_array_equal(simulated.values[:, -1], exact.values[:, -1])  # k = n needs no draws
    assert (simulated.stderr[:, -1] == 0).all()
    error = (simulated.values - exact.values)[:, :-1]
    stderr = simulated.stderr[:, :-1]
    assert (stderr < 0.5 / np.sqrt(399)).all()
    z = error[stderr > 0] / stderr[stderr > 0]
    assert 0.8 < z.std() < 1.25 and abs(z.mean()) < 0.4
    again = maj_at_k(correct, keys, ks, exact_up_to=16, draws=400)
    np.testing.assert_array_equal(again.values, simulated.values)


def test_ties_without_winner_in_simulation() -> None:
    keys = np.array([[0, 0, 1, 1]])
    for limit in (4, 2):
        assert maj_at_k(keys == 0, keys, [4], ties="none", exact_up_to=limit).values[0, 0] == 0.0
        assert maj_at_k(keys == 0, keys, [4], ties="split", exact_up_to=limit).values[0, 0] == 0.5


def test_a_wavering_verifier_counts_as_the_mean_of_its_class() -> None:
    scores, keys = np.array([[1.0, 0.0, 0.0]]), np.array([[0, 0, 1]])
    np.testing.assert_allclose(maj_at_k(scores, keys, [1, 3]).values[0], [1 / 3, 0.5])


def test_encode_answers_and_vote_share() -> None:
    keys = encode_answers([["a", None, "a", "b"], [None] * 4])
    assert keys.tolist() == [[0, -1, 0, 1], [-1] * 4]
    np.testing.assert_allclose(vote_share(keys), [0.5, 0.0])
    with pytest.raises(ValueError, match=r"same number of samples, got \[1, 2\]"):
        encode_answers([["a"], ["a", "b"]])


def test_bad_input_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="use encode_answers"):
        maj_at_k([[1.0, 0.0]], [["a", "b"]], [1])
    with pytest.raises(ValueError, match=r"without an answer \(key −1\) has a score"):
        maj_at_k([[1.0, 0.0]], [[-1, 0]], [1])
    with pytest.raises(ValueError, match="between 1 and the n = 2"):
        maj_at_k([[1.0, 0.0]], [[0, 1]], [3])
    with pytest.raises(ValueError, match="at most 1000"):
        maj_at_k([[1.0, 0.0]], [[0, 1]], [1], exact_up_to=2000)
    with pytest.raises(ValueError, match="unknown tie rule"):
        maj_at_k([[1.0, 0.0]], [[0, 1]], [1], ties="first")  # type: ignore[arg-type]
