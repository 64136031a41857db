"""Grade the same generations under all graders and print where they differ.

    python -m shared.verifiers.compare generations.jsonl [--modes ours srt_shipped ...] [--show 10]

The file holds one JSON object a line with ``response`` and ``answer`` (the reference; ``gold`` is
read as well) and, optionally, ``id``. Printed are each grader's accuracy, how often it accepts what
the first one rejects and the reverse, and examples. Nothing is written unless ``--out`` names a file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from shared.verifiers.shipped import MODES

DEFAULT_MODES = (
    "ours",
    "ours_boxed",
    "srt_shipped",
    "serl_shipped",
    "sept_shipped",
    "rlt_shipped",
    "guru_shipped",
)


def load(path: Path) -> list[dict[str, Any]]:
    """The rows of a generations file.

    Raises:
        ValueError: when a line is no JSON object or lacks a field; the message names the line.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}:{number} is no JSON: {error.msg}.") from error
        gold = row.get("answer", row.get("gold")) if isinstance(row, dict) else None
        if gold is None or not isinstance(row.get("response"), str):
            raise ValueError(f"{path}:{number} needs a text 'response' and an 'answer' (or 'gold').")
        rows.append({"id": str(row.get("id", number)), "response": row["response"], "answer": str(gold)})
    if not rows:
        raise ValueError(f"{path} holds no generations.")
    return rows


def grade(rows: Sequence[dict[str, Any]], modes: Sequence[str]) -> dict[str, list[float]]:
    """Scores of every row under every mode.

    Raises:
        ValueError: for an unknown mode.
    """
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown:
        raise ValueError(f"Unknown modes {unknown}; known are {sorted(MODES)}.")
    responses, answers = [r["response"] for r in rows], [r["answer"] for r in rows]
    return {mode: MODES[mode](responses, answers) for mode in modes}


def summary(scores: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Per mode: accuracy, and the numbers of rows where it is milder or stricter than the first mode."""
    reference = next(iter(scores.values()))
    out = []
    for mode, values in scores.items():
        out.append(
            {
                "mode": mode,
                "accuracy": sum(values) / len(values),
                "accepts_more": sum(v > r for v, r in zip(values, reference, strict=True)),
                "rejects_more": sum(v < r for v, r in zip(values, reference, strict=True)),
            }
        )
    return out


def _print(rows: Sequence[dict[str, Any]], scores: dict[str, list[float]], show: int) -> None:
    console = Console()
    first = next(iter(scores))
    table = Table(title=f"{len(rows)} generations, compared with {first}")
    for column in ("mode", "accuracy", "accepts more", "rejects more"):
        table.add_column(column, justify="left" if column == "mode" else "right")
    for line in summary(scores):
        table.add_row(
            line["mode"], f"{line['accuracy']:.4f}", str(line["accepts_more"]), str(line["rejects_more"])
        )
    console.print(table)
    differing = [i for i in range(len(rows)) if len({values[i] for values in scores.values()}) > 1]
    console.print(f"{len(differing)} generations are graded differently by some mode.")
    for index in differing[:show]:
        row = rows[index]
        right = [mode for mode, values in scores.items() if values[index]]
        console.print(
            f"[{row['id']}] reference {row['answer']!r}, response ends {row['response'][-80:]!r}",
            markup=False,
        )
        console.print(f"    right for: {', '.join(right)}", markup=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.verifiers.compare", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("generations", type=Path)
    parser.add_argument("--modes", nargs="+", default=list(DEFAULT_MODES), metavar="MODE")
    parser.add_argument("--show", type=int, default=10, help="how many differing generations to print")
    parser.add_argument("--out", type=Path, help="write all scores as JSON lines to this file")
    options = parser.parse_args(argv)
    try:
        rows = load(options.generations)
        scores = grade(rows, options.modes)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    _print(rows, scores, options.show)
    if options.out:
        lines = [
            json.dumps({"id": r["id"], **{m: v[i] for m, v in scores.items()}}) for i, r in enumerate(rows)
        ]
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
