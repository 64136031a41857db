"""maj@k: the exact probability that a vote over k of the n samples elects a right answer.

The k samples are drawn without replacement, so the numbers of votes of the answer classes are
multivariate hypergeometric. Let class c have m_c samples, m_0 samples have no answer, and
T_{j,v}(x) = Σ_{u<v} C(m_j, u) x^u. The ways in which c wins with v votes, a tie among t
classes counting 1/t, are the coefficient of x^k in

    C(m_c, v) x^v · (1+x)^{m_0} · ∫_0^1 Π_{j≠c} [T_{j,v}(x) + y C(m_j, v) x^v] dy ,

since ∫ y^{t−1} dy = 1/t; dividing by C(n, k) gives the probability. The integrand is a
polynomial in y, so Gauss-Legendre quadrature of enough nodes is exact. Classes with fewer
than v samples contribute (1+x)^{m_j} and are folded in by Horner's rule over v, so one pass
yields every k. All terms are positive: nothing cancels, and float64 suffices to n ≈ 1000.

Problems with the same class sizes share one computation, and rows are processed in batches.
Not here: deciding which answers are equal (keys are given), votes that make labels (``voting``).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import comb

from shared.metrics.draws import Array, as_scores, check_ks

TieRule = Literal["split", "none"]
"""A tie among t answers counts the mean of their scores, or 0 (nobody wins). Drawing the winner
at random, or taking the first seen of samples in random order, has the expectation of "split"."""

_BATCH = 1024  # rows times quadrature nodes processed at once: the working set stays in cache


class MajorityEstimate(NamedTuple):
    """maj@k per problem: [problems, ks] values and standard errors (0 where exact)."""

    values: Array
    stderr: Array


class _Classes(NamedTuple):
    """[problems, slots] samples and mean score of each answer class, [problems] samples without answer."""

    sizes: NDArray[np.int64]
    scores: Array
    blank: NDArray[np.int64]


def encode_answers(answers: Sequence[Sequence[Hashable | None]]) -> NDArray[np.int64]:
    """[problems, n] answers to integer keys, equal answers to equal keys within a problem; ``None`` to −1."""
    lengths = {len(row) for row in answers}
    if len(lengths) != 1:
        raise ValueError(f"every problem needs the same number of samples, got {sorted(lengths)}")
    keys = np.empty((len(answers), lengths.pop()), dtype=np.int64)
    for p, row in enumerate(answers):
        seen: dict[Hashable, int] = {}
        keys[p] = [-1 if a is None else seen.setdefault(a, len(seen)) for a in row]
    return keys


def maj_at_k(
    scores: ArrayLike,
    keys: ArrayLike,
    ks: Sequence[int],
    *,
    ties: TieRule = "split",
    exact_up_to: int = 256,
    draws: int = 1000,
    seed: int = 0,
) -> MajorityEstimate:
    """Expected score of the answer elected by k of the n samples; nobody voting scores 0.

    For k = n this is the vote over all samples. maj@1 equals avg@n.

    Args:
        scores: [problems, n] verdicts or graded scores in [0, 1]. Should be constant within a
            class; where a verifier wavered the class gets its mean.
        keys: [problems, n] integer answer classes, −1 for no answer (it does not vote); see
            :func:`encode_answers`.
        ks: numbers of draws, each ≤ n.
        ties: see :data:`TieRule`.
        exact_up_to: above this n the exact sum is too costly and k < n is estimated from
            ``draws`` seeded draws per problem and k, with its standard error.
        draws: number of Monte-Carlo draws.
        seed: of the Monte-Carlo draws.

    Raises:
        ValueError: for shapes that differ, k > n, or a sample that scores without an answer.
    """
    values = as_scores(scores)
    n = values.shape[1]
    wanted = check_ks(ks, n)
    if ties not in ("split", "none"):
        raise ValueError(f"unknown tie rule {ties!r}: choose 'split' or 'none'")
    if exact_up_to > 1000:
        raise ValueError(f"exact_up_to must be at most 1000 (binomials overflow beyond), got {exact_up_to}")
    classes = _group(values, keys)
    if n <= exact_up_to:
        result = _exact(classes, n, ties)[:, wanted]
        return MajorityEstimate(result, np.zeros_like(result))
    return _monte_carlo(classes, wanted, ties, draws, seed)


def vote_share(keys: ArrayLike) -> Array:
    """[problems] share of the n samples that gave the most frequent answer."""
    labels = np.asarray(keys)
    return np.asarray(_group(np.zeros(labels.shape), labels).sizes.max(axis=1) / labels.shape[1])


def _group(values: Array, keys: ArrayLike) -> _Classes:
    """Count the samples of each class of each problem, largest class anywhere in the slots."""
    labels = np.asarray(keys)
    if labels.shape != values.shape or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"keys must be integers of the scores' shape {values.shape} (use encode_answers for texts), "
            f"got {labels.dtype} {labels.shape}"
        )
    if bool(((labels < 0) & (values > 0)).any()):
        raise ValueError("a sample without an answer (key −1) has a score: give it a key or score it 0")
    problems, n = labels.shape
    order = np.argsort(labels, axis=1, kind="stable")
    ranked = np.take_along_axis(labels, order, axis=1)
    slot = np.zeros((problems, n), dtype=np.int64)
    slot[:, 1:] = np.cumsum(ranked[:, 1:] != ranked[:, :-1], axis=1)
    flat = (slot + n * np.arange(problems)[:, None]).ravel()
    answered = (ranked >= 0).ravel()
    sizes = np.bincount(flat[answered], minlength=problems * n).reshape(problems, n)
    gained = np.take_along_axis(values, order, axis=1).ravel()
    sums = np.bincount(flat, weights=gained, minlength=problems * n).reshape(problems, n)
    blank = np.asarray((labels < 0).sum(axis=1))
    return _Classes(sizes, sums / np.maximum(sizes, 1), blank)


def _exact(classes: _Classes, n: int, ties: TieRule) -> Array:
    """[problems, n + 1] expected score for every k = 0..n."""
    problem, slot = np.nonzero(classes.scores)
    own = classes.sizes[problem, slot]
    others = classes.sizes[problem]
    others[np.arange(len(problem)), slot] = 0
    others = -np.sort(-others, axis=1)
    width = int((others > 0).sum(axis=1).max(initial=0))
    rows = np.column_stack([own, classes.blank[problem], others[:, :width]]).astype(np.int32)
    distinct, inverse = np.unique(rows, axis=0, return_inverse=True)
    ways = _winning_ways(distinct[::-1], n, ties)[:, ::-1]  # descending by own size
    total = comb(n, np.arange(n + 1))
    chance = (ways / total[:, None]).T[inverse.ravel()]
    result = np.zeros((len(classes.blank), n + 1))
    np.add.at(result, problem, chance * classes.scores[problem, slot][:, None])
    return result


def _winning_ways(rows: NDArray[np.int32], n: int, ties: TieRule) -> Array:
    """[n + 1, rows] weighted number of k-subsets that the own class wins.

    ``rows`` hold own size, samples without answer, other sizes in descending order, and are
    sorted by own size, largest first.
    """
    binomial = comb(np.arange(n + 1)[:, None], np.arange(n + 1)[None, :])
    own, blank, others = rows[:, 0], rows[:, 1], rows[:, 2:]
    ways = np.zeros((n + 1, len(rows)))
    for v in range(int(own.max(initial=0)), 0, -1):
        live = int(np.searchsorted(-own, -v, side="right"))  # rows whose own class can get v votes
        block = ways[:, :live]
        _multiply_by_free(block, v * (others[:live] == v).sum(axis=1), binomial)
        rivals = (others[:live] >= v).sum(axis=1)
        for count in np.unique(rivals):
            chosen = np.nonzero(rivals == count)[0]
            nodes, node_weights = _quadrature(int(count), ties)
            step = max(1, _BATCH // len(nodes))
            for start in range(0, len(chosen), step):
                part = chosen[start : start + step]
                sizes = others[part, :count].T
                if v == 1 and ties == "split":
                    product = _single_vote_product(sizes)
                else:
                    product = _rival_product(sizes, v, nodes, node_weights, binomial)
                length = min(len(product), n + 1 - v)
                block[v : v + length, part] += product[:length] * binomial[own[part], v]
    _multiply_by_free(ways, blank, binomial)
    return ways


def _quadrature(rivals: int, ties: TieRule) -> tuple[Array, Array]:
    """Nodes and weights on [0, 1], exact for polynomials in y of degree ``rivals``."""
    if ties == "none" or rivals == 0:
        return np.zeros(1), np.ones(1)
    x, w = np.polynomial.legendre.leggauss(rivals // 2 + 1)
    return (x + 1) / 2, w / 2


def _single_vote_product(sizes: NDArray[np.int32]) -> Array:
    """The integral for v = 1, where it is Σ_d e_d(m) x^d / (d + 1): [J + 1, rows]."""
    symmetric = np.zeros((len(sizes) + 1, sizes.shape[1]))
    symmetric[0] = 1.0
    for j, m in enumerate(sizes):
        symmetric[1 : j + 2] += m * symmetric[: j + 1]
    return np.asarray(symmetric / np.arange(1, len(sizes) + 2)[:, None])


def _rival_product(
    sizes: NDArray[np.int32], v: int, nodes: Array, node_weights: Array, binomial: Array
) -> Array:
    """[J v + 1, rows] integral over y of the product of the J rivals' polynomials."""
    count, width = sizes.shape
    product = np.ones((1, len(nodes), width))
    for j in range(count):
        factor = binomial[sizes[j]].T  # [n + 1, rows]
        degree = len(product)
        longer = np.zeros((degree + v, len(nodes), width))
        scratch = np.empty_like(product)
        for u in range(v):
            np.multiply(product, factor[u], out=scratch)
            longer[u : u + degree] += scratch
        np.multiply(product, factor[v] * nodes[:, None], out=scratch)
        longer[v : v + degree] += scratch
        product = longer
    return np.asarray(np.einsum("dqr,q->dr", product, node_weights))


def _multiply_by_free(ways: Array, free: NDArray[np.int64] | NDArray[np.int32], binomial: Array) -> None:
    """ways *= (1+x)^free in place, one exponent per row, truncated at the array's degree."""
    chosen = np.nonzero(free)[0]
    if not len(chosen):
        return
    factor = binomial[free[chosen]].T
    before = ways[:, chosen]
    after = before.copy()
    for u in range(1, min(int(free.max()), len(ways) - 1) + 1):
        after[u:] += before[:-u] * factor[u]
    ways[:, chosen] = after


def _monte_carlo(
    classes: _Classes, wanted: NDArray[np.int64], ties: TieRule, draws: int, seed: int
) -> MajorityEstimate:
    """Seeded draws per problem and k; k = n needs none."""
    values = np.zeros((len(classes.blank), len(wanted)))
    stderr = np.zeros_like(values)
    for p in range(len(values)):
        present = classes.sizes[p] > 0
        colours = np.append(classes.sizes[p][present], classes.blank[p])
        scores = classes.scores[p][present]
        for i, k in enumerate(wanted):
            rng = np.random.default_rng([seed, p, int(k)])
            if k == colours.sum():
                votes = colours[None, :]
            else:
                votes = rng.multivariate_hypergeometric(colours, int(k), size=draws, method="marginals")
            outcome = _elected_score(votes[:, :-1], scores, ties)
            values[p, i] = outcome.mean()
            if len(outcome) > 1:
                stderr[p, i] = outcome.std(ddof=1) / np.sqrt(len(outcome))
    return MajorityEstimate(values, stderr)


def _elected_score(votes: NDArray[np.int64], scores: Array, ties: TieRule) -> Array:
    """[draws] score of the elected class; ``votes`` are [draws, classes]."""
    highest = votes.max(axis=1, keepdims=True, initial=0)
    top = (votes == highest) & (highest > 0)
    tied = top.sum(axis=1)
    score = (top @ scores) / np.maximum(tied, 1)
    return np.asarray(np.where(tied > 1, 0.0, score) if ties == "none" else score)
