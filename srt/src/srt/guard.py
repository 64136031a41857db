"""Stopping before the collapse, and choosing the checkpoint to keep.

``ValidationGuard`` is the paper's early stopping on a small labelled set (appendix I of v1: 1 % of
DAPO is enough). ``ConcentrationGuard`` needs no labels: it watches prompts electing one answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.training import StopFn

from srt.config import GuardConfig

WATCHED = "val/pass@1"


class ValidationGuard:
    """Stop once validation accuracy is ``drop`` below its best so far, at two evaluations in a row."""

    def __init__(self, drop: float) -> None:
        self._drop, self._best, self._low = drop, 0.0, 0

    def __call__(self, metrics: Mapping[str, Any]) -> str | None:
        """See :data:`shared.training.StopFn`."""
        if WATCHED not in metrics:
            return None
        value = float(metrics[WATCHED])
        self._best = max(self._best, value)
        self._low = self._low + 1 if value < self._best - self._drop else 0
        return f"validation accuracy fell from {self._best:.3f} to {value:.3f}" if self._low >= 2 else None


class ConcentrationGuard:
    """Stop once the concentration of elected answers, averaged over 4 steps, rose by ``drop``."""

    def __init__(self, drop: float, window: int = 4) -> None:
        self._drop, self._window = drop, window
        self._seen: list[float] = []

    def __call__(self, metrics: Mapping[str, Any]) -> str | None:
        """See :data:`shared.training.StopFn`."""
        if "monitor/concentration" not in metrics:
            return None
        self._seen.append(float(metrics["monitor/concentration"]))
        if len(self._seen) < 2 * self._window:
            return None
        start = sum(self._seen[: self._window]) / self._window
        now = sum(self._seen[-self._window :]) / self._window
        return (
            f"answer concentration rose from {start:.2f} to {now:.2f}" if now > start + self._drop else None
        )


def guard_of(config: GuardConfig) -> StopFn | None:
    """The stop condition of a run."""
    if config.kind == "validation":
        return ValidationGuard(config.drop)
    return ConcentrationGuard(config.drop) if config.kind == "concentration" else None


def best_step(history: Sequence[Mapping[str, Any]]) -> int:
    """The evaluated step with the highest validation accuracy, the earliest among equals.

    Raises:
        ValueError: nothing was evaluated.
    """
    scored = [(float(m[WATCHED]), -int(m["step"])) for m in history if WATCHED in m]
    if not scored:
        raise ValueError("no checkpoint can be chosen: the run has no validation results")
    return -max(scored)[1]
