"""The canonical file of a data set: a line is ``{id, problem, answer, source, choices?, meta?}`` in JSON.

``problem`` is the bare question: no prompt suffix, no chat template. ``answer`` is the truth as text
(``null`` where the source has none). Reading for training and evaluation is :func:`load_problems`,
which also reads the parquet files of :mod:`shared.data.verl_rows`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shared.data.verl_rows import HIDDEN, UNLABELLED, row_to_problem
from shared.problems import Problem

Row = dict[str, Any]
"""A canonical row."""

_KNOWN = {"id", "problem", "answer", "source", "choices", "meta"}


def load_problems(path: Path) -> list[Problem]:
    """Problems of a canonical JSONL file or of a parquet file in verl's schema, in file order.

    Raises:
        FileNotFoundError: there is no such file; the message says how to make it.
        ValueError: another format, a missing or unknown column, a repeated id, or no rows.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no {path}: make it with `python -m shared.data.prepare {path.stem}` "
            "(add --from-folder DIR if you have the data already)"
        )
    if path.suffix == ".parquet":
        problems = _from_parquet(path)
    elif path.suffix == ".jsonl":
        problems = [row_problem(row) for row in read_rows(path)]
    else:
        raise ValueError(f"{path} is neither .jsonl (canonical rows) nor .parquet (verl's schema)")
    if not problems:
        raise ValueError(f"{path} is empty: a data set has at least one problem")
    _refuse_repeated(path, (problem.id for problem in problems))
    return problems


def row_problem(row: Mapping[str, Any]) -> Problem:
    """The problem of a canonical row; a sentinel label counts as no label."""
    meta = dict(row.get("meta") or {})
    choices = row.get("choices")
    level = meta.get("level")
    answer = row["answer"]
    return Problem(
        id=row["id"],
        prompt=row["problem"],
        answer=None if answer is None or answer == UNLABELLED else str(answer),
        source=row.get("source") or str(row["id"]).split("/")[0],
        level=level if isinstance(level, int) else None,
        choices=tuple(choices) if isinstance(choices, list) else None,
        meta=meta,
    )


def read_rows(path: Path) -> list[Row]:
    """Canonical rows of a JSONL file, each checked.

    Raises:
        ValueError: a line is not JSON, lacks a field, has an unknown one, or repeats an id.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} line {number} is not JSON: {error}") from error
        check_row(row, f"{path} line {number}")
        rows.append(row)
    _refuse_repeated(path, (row["id"] for row in rows))
    return rows


def check_row(row: Any, where: str) -> None:
    """Refuse a row that is not canonical.

    Raises:
        ValueError: naming the place, what is wrong and the columns there are.
    """
    if not isinstance(row, dict):
        raise ValueError(f"{where} is not a JSON object")
    missing = {"id", "problem", "answer"} - set(row)
    unknown = set(row) - _KNOWN
    if missing or unknown:
        wrong = (
            f"lacks {', '.join(sorted(missing))}" if missing else f"has unknown {', '.join(sorted(unknown))}"
        )
        raise ValueError(f"{where} {wrong}; its columns are {', '.join(row)}")
    if not str(row["problem"]).strip():
        raise ValueError(f"{where} has an empty problem text")


def dump_rows(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The bytes of a canonical file; the same rows give the same bytes, which is what hashes refer to."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def sha256(data: bytes) -> str:
    """Hash of a file's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def problem_row(problem: Problem) -> Row:
    """The canonical row of a problem; hidden truth, when there is any, is the answer of the file."""
    meta = {key: value for key, value in problem.meta.items() if key != HIDDEN}
    row: Row = {
        "id": problem.id,
        "problem": problem.prompt,
        "answer": problem.meta.get(HIDDEN, problem.answer),
        "source": problem.source,
    }
    if problem.choices is not None:
        row["choices"] = list(problem.choices)
    if meta:
        row["meta"] = meta
    return row


def _from_parquet(path: Path) -> list[Problem]:
    import pyarrow.parquet as pq

    columns = pq.read_schema(path).names
    missing = {"data_source", "prompt", "reward_model"} - set(columns)
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(sorted(missing))} of verl's schema; it has {', '.join(columns)}"
        )
    return [row_to_problem(row) for row in pq.read_table(path).to_pylist()]


def _refuse_repeated(path: Path, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ValueError(f"{path} repeats the id {one!r}: ids must be unique")
        seen.add(one)
