"""All the usual numbers of one evaluation in one call."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.metrics.draws import (
    Array,
    as_scores,
    avg_at_n,
    best_at_k,
    default_ks,
    pass_at_k,
    worst_at_k,
)
from shared.metrics.majority import encode_answers, maj_at_k, vote_share

AnswerKeys: TypeAlias = NDArray[Any] | Sequence[Sequence[Hashable | None]]
"""[problems, n] integer classes (−1 = no answer), or texts (``None`` = no answer)."""


def per_problem(
    scores: ArrayLike,
    answer_keys: AnswerKeys | None = None,
    ks: Sequence[int] | None = None,
) -> dict[str, Array]:
    """Metric name → [problems] values, the input of intervals and paired comparisons.

    ``pass@k`` for every k. With answer keys also ``maj@k``, ``gap@k`` = pass@k − maj@k,
    ``vote_share`` (of the most frequent answer) and ``no_answer`` (share of samples without
    one). With graded scores also ``score`` (mean credit), ``best@k`` and ``worst@k``; pass@k
    then counts full credit only.

    Args:
        scores: [problems, n] booleans or scores in [0, 1].
        answer_keys: see :data:`AnswerKeys`.
        ks: default: powers of two up to n, and n.
    """
    values = as_scores(scores)
    ks = tuple(ks) if ks is not None else default_ks(values.shape[1])
    passed = pass_at_k(values, ks)
    result = {f"pass@{k}": passed[:, i] for i, k in enumerate(ks)}
    if answer_keys is not None:
        keys = _as_keys(answer_keys)
        majority = maj_at_k(values, keys, ks).values
        result |= {f"maj@{k}": majority[:, i] for i, k in enumerate(ks)}
        result |= {f"gap@{k}": passed[:, i] - majority[:, i] for i, k in enumerate(ks)}
        result["vote_share"] = vote_share(keys)
        result["no_answer"] = np.asarray((keys < 0).mean(axis=1))
    if bool(((values > 0) & (values < 1)).any()):
        best, worst = best_at_k(values, ks), worst_at_k(values, ks)
        result["score"] = avg_at_n(values)
        result |= {f"best@{k}": best[:, i] for i, k in enumerate(ks)}
        result |= {f"worst@{k}": worst[:, i] for i, k in enumerate(ks)}
    return result


def _as_keys(answers: AnswerKeys) -> NDArray[np.integer]:
    """Integer classes as they are, anything else encoded; rows of different length are refused."""
    if isinstance(answers, np.ndarray):
        return answers if np.issubdtype(answers.dtype, np.integer) else encode_answers(answers.tolist())
    encoded = encode_answers(answers)
    as_classes = all(isinstance(answer, int) for row in answers for answer in row)
    return np.asarray(answers, dtype=np.int64) if as_classes else encoded


def summarize(
    correct: ArrayLike,
    answer_keys: AnswerKeys | None = None,
    ks: Sequence[int] | None = None,
) -> dict[str, float]:
    """The means over problems of :func:`per_problem`, and ``n_problems`` and ``n_samples``."""
    columns = per_problem(correct, answer_keys, ks)
    problems, n = np.shape(correct)
    return {name: float(column.mean()) for name, column in columns.items()} | {
        "n_problems": float(problems),
        "n_samples": float(n),
    }
