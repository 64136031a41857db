"""Numbers of a policy on a problem set, as summaries store them: metrics with standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.metrics import per_problem
from shared.sampling import Sampler
from shared.training.evaluation import Evaluator, Graded


@dataclass(frozen=True, slots=True)
class Measurement:
    """One evaluation in numbers.

    Attributes:
        metrics: "pass@k", "maj@k", "vote_share", "no_answer", "greedy" -> mean over problems.
        errors: the same keys -> standard error of that mean over problems.
        graded: the responses and verdicts behind it.
    """

    metrics: dict[str, float]
    errors: dict[str, float]
    graded: Graded


def measure(evaluator: Evaluator, sampler: Sampler) -> Measurement:
    """Run an evaluation and summarise it."""
    graded = evaluator.run(sampler)
    metrics, errors = summary_of(graded)
    return Measurement(metrics, errors, graded)


def summary_of(graded: Graded) -> tuple[dict[str, float], dict[str, float]]:
    """(means, standard errors) of every per-problem metric of an evaluation."""
    columns = {k: np.asarray(v, float) for k, v in per_problem(graded.correct, graded.answers).items()}
    if graded.greedy_correct:
        columns["greedy"] = np.asarray(graded.greedy_correct, dtype=float)
    count = max(len(graded.groups), 1)
    errors = {k: float(v.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0 for k, v in columns.items()}
    return {k: float(v.mean()) for k, v in columns.items()}, errors


def headline(graded: Graded) -> dict[str, float]:
    """A short summary for the training log: pass@1, the largest maj@k and pass@k, greedy."""
    metrics, _ = summary_of(graded)
    n = len(graded.verdicts[0])
    return {k: metrics[k] for k in ("pass@1", f"pass@{n}", f"maj@{n}", "greedy") if k in metrics}
