"""Curves of several seeds as one line with a band, for every chart of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.experiments.claims import ClaimsFile, Panel
from shared.experiments.summary import Summary


@dataclass(frozen=True, slots=True)
class Series:
    """One arm's curve of one metric.

    Attributes:
        arm, label: which arm, and its name for people.
        colour: position in the palette; the same arm has the same colour in every chart.
        seeds: seeds behind it.
        steps: steps that every seed logged, so that the mean is always over the same seeds.
        mean, low, high: over seeds at each step; the band is their full range.
    """

    arm: str
    label: str
    colour: int
    seeds: tuple[int, ...]
    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def arm_order(summary: Summary, claims: ClaimsFile) -> tuple[str, ...]:
    """Arms that ran, those the claims file names first and in its order."""
    named = [a for a in claims.arms if a in summary.arms]
    return (*named, *(a for a in summary.arms if a not in claims.arms))


def panel_series(panel: Panel, summary: Summary, claims: ClaimsFile) -> tuple[Series, ...]:
    """The curves of a chart; arms without runs or without the metric are left out."""
    order = arm_order(summary, claims)
    palette = {arm: i for i, arm in enumerate(dict.fromkeys([*claims.arms, *order]))}
    found = []
    for arm in panel.arms or order:
        curves = {
            seed: {row["step"]: row[panel.metric] for row in run.curve if panel.metric in row}
            for seed, run in summary.of_arm(arm).items()
        }
        curves = {seed: curve for seed, curve in curves.items() if curve}
        if curves:
            found.append(_series(arm, claims.arms.get(arm, arm), palette[arm], curves))
    return tuple(found)


def _series(arm: str, label: str, colour: int, curves: Mapping[int, Mapping[float, float]]) -> Series:
    steps = sorted(set.intersection(*(set(curve) for curve in curves.values())))
    columns: list[Sequence[float]] = [[curve[step] for curve in curves.values()] for step in steps]
    return Series(
        arm=arm,
        label=label,
        colour=colour,
        seeds=tuple(sorted(curves)),
        steps=tuple(steps),
        mean=tuple(sum(c) / len(c) for c in columns),
        low=tuple(min(c) for c in columns),
        high=tuple(max(c) for c in columns),
    )
