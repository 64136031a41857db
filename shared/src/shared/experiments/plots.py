"""Curves with bands as PNG files, for Markdown and READMEs (the HTML page draws its own)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shared.experiments.series import Series
from shared.files import write_atomically

# Okabe & Ito's palette, told apart with every common colour blindness; the page uses the same order.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#AA4A86", "#B57A00", "#3A8FBF", "#6B6B6B", "#8A6D3B")
_INK = "#4a4a4a"


def draw_panel(path: Path, title: str, series: Sequence[Series]) -> None:
    """One chart: mean over seeds, band from the lowest to the highest seed, labels at the line ends."""
    figure = Figure(figsize=(6.4, 3.6), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    for one in series:
        colour = PALETTE[one.colour % len(PALETTE)]
        style = "-" if one.colour < len(PALETTE) else "--"
        axes.fill_between(one.steps, one.low, one.high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(one.steps, one.mean, style, color=colour, linewidth=1.8)
    _labels(axes, series)
    axes.set_title(title, loc="left", fontsize=10, color="#1a1a1a")
    axes.set_xlabel("update step", fontsize=8, color=_INK)
    axes.tick_params(labelsize=8, colors=_INK, length=0)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#b0b0b0")
    buffer = io.BytesIO()
    # without the version stamp equal data give equal bytes
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_atomically(path, buffer.getvalue())


def _labels(axes: Axes, series: Sequence[Series]) -> None:
    """Names beside the line ends, pushed apart where they would overlap."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.065
    ends = sorted((s for s in series if s.mean), key=lambda s: s.mean[-1])
    places = [s.mean[-1] for s in ends]
    for i in range(1, len(places)):  # upwards where they crowd, then down again from the top
        places[i] = max(places[i], places[i - 1] + gap)
    for i in reversed(range(len(places))):
        places[i] = min(places[i], high if i == len(places) - 1 else places[i + 1] - gap)
    for one, place in zip(ends, places, strict=True):
        axes.annotate(
            one.label,
            xy=(1.015, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=PALETTE[one.colour % len(PALETTE)],
            annotation_clip=False,
        )
