"""Means over tasks. A mean over fewer tasks than the suite has is not computed, but refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.metrics import Interval


@dataclass(frozen=True)
class Aggregate:
    """The mean over a suite, or what is missing for it.

    Attributes:
        tasks: number of tasks the suite has.
        missing: task -> why it cannot enter the mean.
        mean: plain mean of the tasks' primary numbers, ``None`` unless nothing is missing; its
            interval takes the tasks as given and their questions as sampled.
        domains: domain -> mean of its tasks, for domains of which no task is missing.
    """

    tasks: int
    missing: dict[str, str]
    mean: float | None = None
    interval: Interval | None = None
    domains: dict[str, float] = field(default_factory=dict)


def aggregate(
    suite: Sequence[str],
    values: Mapping[str, float],
    domains: Mapping[str, str],
    missing: Mapping[str, str],
    errors: Mapping[str, float] | None = None,
) -> Aggregate:
    """Average a suite.

    Args:
        suite: its tasks.
        values: task -> primary number.
        domains: task -> domain.
        missing: task -> why it has no number, or not the whole one.
        errors: task -> standard error, for the interval (tasks are independent).
    """
    absent = {
        task: missing.get(task, "not generated") for task in suite if task in missing or task not in values
    }
    by_domain: dict[str, list[str]] = {}
    for task in suite:
        by_domain.setdefault(domains[task], []).append(task)
    means = {
        domain: math.fsum(values[task] for task in members) / len(members)
        for domain, members in by_domain.items()
        if not any(task in absent for task in members)
    }
    if absent:
        return Aggregate(len(suite), absent, domains=means)
    mean = math.fsum(values[task] for task in suite) / len(suite)
    interval = None
    if errors is not None and all(task in errors for task in suite):
        half = 1.959964 * math.sqrt(math.fsum(errors[task] ** 2 for task in suite)) / len(suite)
        interval = Interval(mean, mean - half, mean + half)
    return Aggregate(len(suite), {}, mean, interval, means)
