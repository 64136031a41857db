"""The HTML page of a run: one file, no network, readable without scripts except for the browser.

Curves and histograms are drawn here as SVG; the browser of problems is ``page.js`` over embedded
data, cut to the first problems of each task so that the page stays openable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from shared.metrics import Interval

from eval_suite.aggregate import Aggregate
from eval_suite.layout import SuiteRecord
from eval_suite.measure import TaskResult

_BROWSE_PROBLEMS, _BROWSE_DRAWS, _BROWSE_CHARACTERS = 60, 4, 2000
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 260, 150, 34, 22
_BINS = 20


def render_page(
    suite: SuiteRecord, results: Sequence[TaskResult], mean: Aggregate, rows: Sequence[Mapping[str, str]]
) -> str:
    """The whole page as a string."""
    title = f"{suite.suite} under profile {suite.profile}"
    style, script = _resource("page.css"), _resource("page.js")
    data = json.dumps(_browser_data(results), ensure_ascii=False).replace("<", "\\u003c")
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{style}</style></head><body>",
            f"<header><h1>{escape(title)}</h1><p>{escape(_subtitle(results))}</p></header><main>",
            _aggregate(mean),
            "<section><h2>Tasks</h2><p>Per cent; in brackets the 95&#8239;% interval over questions, "
            f"their draws included.</p>{_table(rows)}</section>",
            f"<section><h2>pass@k and maj@k</h2><div class=grid>{_curves(results)}</div></section>",
            "<section><h2>Response lengths (tokens)</h2>"
            f"<div class=grid>{_histograms(results)}</div></section>",
            _categories(results),
            _browser_section(),
            f'</main><script type="application/json" id="data">{data}</script>',
            f"<script>{script}</script></body></html>\n",
        ]
    )


def _resource(name: str) -> str:
    return (files("eval_suite") / name).read_text(encoding="utf-8")


def _subtitle(results: Sequence[TaskResult]) -> str:
    engines = {json.dumps(r.description.get("engine", {}), sort_keys=True) for r in results}
    return "; ".join(
        ", ".join(f"{key} {value}" for key, value in json.loads(engine).items()) for engine in sorted(engines)
    )


def _aggregate(mean: Aggregate) -> str:
    if mean.mean is not None:
        band = f" [{100 * mean.interval.low:.2f}, {100 * mean.interval.high:.2f}]" if mean.interval else ""
        value = f"<b>{100 * mean.mean:.2f}</b>{band}"
        return f'<section class="card good">{value} mean of {mean.tasks} tasks</section>'
    items = "".join(f"<li><b>{escape(k)}</b> {escape(v)}</li>" for k, v in mean.missing.items())
    return (
        f'<section class="card bad"><b>No suite mean</b>: {len(mean.missing)} of {mean.tasks} tasks are '
        f"missing or partial<details><summary>which and why</summary><ul>{items}</ul></details></section>"
    )


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    body = "".join("<tr>" + "".join(map(_cell, row, row.values())) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class=scroll>{table}</div>"


def _cell(column: str, text: str) -> str:
    if column == "remarks" and text:  # long: named here, told in full above the table
        return f'<td title="{escape(text, quote=True)}">partial</td>'
    return f"<td>{escape(text)}</td>"


def _categories(results: Sequence[TaskResult]) -> str:
    parts = []
    for r in results:
        if not r.categories:
            continue
        rows = [
            {
                "category": name,
                "problems": str(count),
                "avg": f"{100 * value:.1f}",
                **({"guess adjusted": f"{100 * r.guess_adjusted[name]:.1f}"} if r.guess_adjusted else {}),
            }
            for name, (count, value) in r.categories.items()
        ]
        title = f"{r.task.title} by {r.task.category}"
        parts.append(f"<details><summary>{escape(title)}</summary>{_table(rows)}</details>")
    return f"<section><h2>Categories</h2>{''.join(parts)}</section>" if parts else ""


def _curves(results: Sequence[TaskResult]) -> str:
    drawn = [_curve(r) for r in results if r.metrics and r.n > 1]
    return "".join(drawn) or "<p>One sample per problem: no curves.</p>"


def _curve(r: TaskResult) -> str:
    ks = sorted(int(name[5:]) for name in r.metrics if name.startswith("pass@"))
    span = max(1.0, float(np.log2(ks[-1])))

    def point(k: int, value: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - 8) * float(np.log2(k)) / span
        return x, 8 + (_HEIGHT - _BOTTOM - 8) * (1 - value)

    parts = [_axes([(point(k, 0)[0], str(k)) for k in ks], ["0", "50", "100"])]
    for name in ("pass", "maj"):
        values = [r.metrics[f"{name}@{k}"] for k in ks]
        if all(isinstance(v, Interval) for v in values):
            upper = [point(k, v.high) for k, v in zip(ks, values, strict=True) if isinstance(v, Interval)]
            lower = [point(k, v.low) for k, v in zip(ks, values, strict=True) if isinstance(v, Interval)]
            parts.append(f'<polygon class="{name} band" points="{_points([*upper, *reversed(lower)])}"/>')
        line = [point(k, v.mean if isinstance(v, Interval) else v) for k, v in zip(ks, values, strict=True)]
        parts.append(f'<polyline class="{name}" points="{_points(line)}"/>')
    return _figure(r.task.title, "".join(parts), '<i class="pass">pass@k</i> <i class="maj">maj@k</i>')


def _histograms(results: Sequence[TaskResult]) -> str:
    return "".join(_histogram(r) for r in results if r.groups)


def _histogram(r: TaskResult) -> str:
    lengths = np.array([draw.n_response_tokens for group, _ in r.groups for draw in group.draws])
    cut = np.array([draw.finish_reason == "length" for group, _ in r.groups for draw in group.draws])
    top = max(1, int(lengths.max()))
    edges = np.linspace(0, top, _BINS + 1)
    whole, _ = np.histogram(lengths[~cut], edges)
    truncated, _ = np.histogram(lengths[cut], edges)
    scale = (_HEIGHT - _BOTTOM - 8) / max(1, int((whole + truncated).max()))
    width = (_WIDTH - _LEFT - 8) / _BINS
    bars = []
    for i, (a, b) in enumerate(zip(whole, truncated, strict=True)):
        x, base = _LEFT + i * width, _HEIGHT - _BOTTOM
        for count, name, below in ((a, "bar", 0), (b, "bar cut", a)):
            if count:
                y = base - (below + count) * scale
                size = f'width="{width - 1:.1f}" height="{count * scale:.1f}"'
                bars.append(f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" {size}/>')
    axes = _axes([(_LEFT, "0"), (_WIDTH - 8, str(top))], ["0", "", str(int((whole + truncated).max()))])
    legend = f"mean {r.tokens['mean']:.0f}, p95 {r.tokens['p95']:.0f}"
    if cut.any():
        legend += f', <i class="cut">{100 * cut.mean():.0f} % truncated</i>'
    return _figure(r.task.title, axes + "".join(bars), legend)


def _axes(xs: Sequence[tuple[float, str]], ys: Sequence[str]) -> str:
    base = _HEIGHT - _BOTTOM
    parts = [f'<path class="axis" d="M{_LEFT} 8V{base}H{_WIDTH - 8}"/>']
    parts += [f'<text x="{x:.1f}" y="{base + 14}" text-anchor="middle">{text}</text>' for x, text in xs]
    for i, text in enumerate(ys):
        y = base - i * (base - 8) / (len(ys) - 1)
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return "".join(parts)


def _figure(title: str, inner: str, legend: str) -> str:
    view = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title, quote=True)}"'
    svg = f"<svg {view}>{inner}</svg>"
    return f"<figure><figcaption>{escape(title)} <small>{legend}</small></figcaption>{svg}</figure>"


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _browser_section() -> str:
    return (
        '<section id="browser"><h2>Problems</h2><p><label>Task <select id="task"></select></label> '
        '<label>Show <select id="filter"><option value="all">all</option>'
        '<option value="right">always right</option>'
        '<option value="mixed">sometimes right</option><option value="wrong">never right</option>'
        '<option value="none">some draw without an answer</option></select></label> '
        '<label>Find <input id="find" type="search"></label> <span id="count"></span></p>'
        f"<p><small>The first {_BROWSE_PROBLEMS} problems of a task and {_BROWSE_DRAWS} draws of each; "
        "long texts are cut in the middle. Everything is in the stored parts.</small></p>"
        '<div id="problems"></div></section>'
    )


def _browser_data(results: Sequence[TaskResult]) -> list[dict[str, Any]]:
    data = []
    for r in results:
        problems = [
            {
                "id": group.problem.id,
                "question": _cut(group.problem.prompt),
                "gold": group.problem.answer,
                "draws": [
                    {
                        "outcome": score.outcomes[i],
                        "answer": score.answers[i],
                        "finish": draw.finish_reason,
                        "tokens": draw.n_response_tokens,
                        "text": _cut(draw.text),
                    }
                    for i, draw in enumerate(group.draws[:_BROWSE_DRAWS])
                ],
            }
            for group, score in r.groups[:_BROWSE_PROBLEMS]
        ]
        data.append({"task": r.task.id, "title": r.task.title, "problems": problems})
    return data


def _cut(text: str) -> str:
    half = _BROWSE_CHARACTERS // 2
    return text if len(text) <= _BROWSE_CHARACTERS else f"{text[:half]}\n[...]\n{text[-half:]}"
