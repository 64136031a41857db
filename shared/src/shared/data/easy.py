"""``python -m shared.data.easy``: the easiest third of a data set, from stored rollouts of a base model.

SRT ranks DAPO by pass rate (needs labels) or by the frequency of the majority answer (label-free),
both from 32 samples at temperature 1, and keeps the top third (paper §5.2). Which of two equally
easy problems comes first is not specified there; here it is the order of the file.

Rollouts are a folder of ``shared.generation`` parts (parquet or JSON lines with ``problem_id`` and
``text``), or any files with these two columns.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from shared.data.canonical import dump_rows, load_problems, problem_row, sha256
from shared.data.fetch import read_raw
from shared.data.verl_rows import HIDDEN, SUFFIX, parquet_bytes
from shared.files import write_atomically
from shared.problems import Problem
from shared.verifiers import BOXED, extract, verify_batch

By = Literal["pass_rate", "majority"]
"""Ranked by the share of right samples, or by the share of the most frequent answer (of all samples)."""


def easiness(problem: Problem, texts: Sequence[str], by: By) -> Fraction:
    """How easy a problem is for the model that wrote ``texts``, in [0, 1], exact.

    Raises:
        ValueError: no samples, or a pass rate without a reference answer.
    """
    if not texts:
        raise ValueError(f"{problem.id} has no rollouts")
    if by == "majority":
        answers = Counter(answer for text in texts if (answer := extract(text, BOXED)) is not None)
        return Fraction(max(answers.values(), default=0), len(texts))
    truth = problem.meta.get(HIDDEN, problem.answer)
    if truth is None:
        raise ValueError(f"{problem.id} has no reference answer: rank by majority instead")
    return Fraction(sum(v.correct for v in verify_batch(texts, str(truth), BOXED)), len(texts))


def easiest(
    problems: Sequence[Problem],
    rollouts: Mapping[str, Sequence[str]],
    by: By,
    share: Fraction = Fraction(1, 3),
) -> list[tuple[Problem, Fraction]]:
    """The easiest ``floor(share * len(problems))`` problems, easiest first, with their easiness.

    Raises:
        ValueError: problems without rollouts, or with different numbers of them.
    """
    counts = Counter(len(rollouts.get(problem.id, ())) for problem in problems)
    if 0 in counts:
        first = next(problem.id for problem in problems if not rollouts.get(problem.id))
        raise ValueError(
            f"{counts[0]} of {len(problems)} problems have no rollouts (first: {first}): generate them"
        )
    if len(counts) > 1:
        numbers = ", ".join(f"{count} problems with {n}" for n, count in sorted(counts.items()))
        raise ValueError(f"every problem needs the same number of rollouts, here are {numbers}")
    scored = [(problem, easiness(problem, rollouts[problem.id], by)) for problem in problems]
    scored.sort(key=lambda pair: -pair[1])  # stable: ties keep the order of the file
    return scored[: int(share * len(scored))]


def read_rollouts(folder: Path) -> dict[str, list[str]]:
    """Texts by problem id, in order of the sample index where there is one.

    Raises:
        ValueError: no files, a missing column, or a sample stored twice.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".parquet", ".jsonl"))
    found: dict[str, dict[int, str]] = {}
    for path in files:
        for number, row in enumerate(read_raw(path)):
            missing = {"problem_id", "text"} - set(row)
            if missing:
                raise ValueError(
                    f"{path} lacks {', '.join(sorted(missing))}; its columns are {', '.join(row)}"
                )
            _add(found.setdefault(row["problem_id"], {}), row, f"{path} row {number}")
    if not found:
        raise ValueError(f"{folder} holds no rollouts (parquet or JSON lines with problem_id and text)")
    return {name: [texts[i] for i in sorted(texts)] for name, texts in found.items()}


def _add(texts: dict[int, str], row: Mapping[str, Any], where: str) -> None:
    sample = int(row.get("sample", len(texts)))
    if sample in texts and texts[sample] != row["text"]:
        raise ValueError(
            f"{where}: sample {sample} of {row['problem_id']} is stored twice with different texts"
        )
    texts[sample] = row["text"]


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.data.easy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", type=Path, help="canonical JSONL (or parquet) the rollouts belong to")
    parser.add_argument("rollouts", type=Path, help="folder of stored rollouts")
    parser.add_argument("out", type=Path, help="canonical JSONL to write; a .parquet is written beside it")
    parser.add_argument("--by", choices=get_args(By), required=True)
    parser.add_argument("--share", type=Fraction, default=Fraction(1, 3), help="part to keep (default 1/3)")
    given = parser.parse_args(argv)
    try:
        problems = load_problems(given.data)
        kept = easiest(problems, read_rollouts(given.rollouts), given.by, given.share)
        data = dump_rows(problem_row(problem) for problem, _ in kept)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_atomically(given.out, data)
    write_atomically(given.out.with_suffix(".parquet"), parquet_bytes([p for p, _ in kept], "train", SUFFIX))
    manifest = {
        "from": str(given.data),
        "by": given.by,
        "share": str(given.share),
        "rows": len(kept),
        "sha256": sha256(data),
        "easiness_of_the_last": float(kept[-1][1]) if kept else None,
    }
    write_atomically(given.out.with_suffix(".source.json"), (json.dumps(manifest, indent=2) + "\n").encode())
    print(f"kept {len(kept)} of {len(problems)} problems in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
