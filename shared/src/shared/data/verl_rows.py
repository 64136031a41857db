"""verl's parquet schema: one row a problem, the label apart from the truth.

The layout is the one SRT's preprocessing writes: ``prompt`` is a chat, ``reward_model.ground_truth``
is the label that may be trained on, ``reward_model.solution_hidden_during_training`` is the truth,
for monitors only. A missing label is the sentinel :data:`UNLABELLED`; it is read back as ``None``
and so can never be verified as an answer.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

from shared.problems import Problem

UNLABELLED = "LABEL_BY_SELF_CONSISTENCY"
"""Stands where a label is missing (SRT, authors' code)."""

HIDDEN = "hidden_answer"
"""Key of ``Problem.meta`` with the truth that training must not see."""

SUFFIX = "Let's think step by step and output the final answer within \\boxed{}."
"""What SRT's scripts put after every question, with one space between (authors' code)."""


def problem_to_row(problem: Problem, split: str, index: int, suffix: str = "") -> dict[str, Any]:
    """One row. Without a label the sentinel stands in its place; the truth keeps its own field.

    Raises:
        ValueError: the sentinel itself is given as an answer.
    """
    truth = problem.meta.get(HIDDEN, problem.answer)
    if UNLABELLED in (problem.answer, truth):
        raise ValueError(f"{problem.id}: the sentinel {UNLABELLED} is no answer; use answer=None")
    return {
        "data_source": problem.source,
        "prompt": [{"role": "user", "content": f"{problem.prompt} {suffix}" if suffix else problem.prompt}],
        "ability": "reasoning_gym" if problem.source.startswith("reasoning_gym") else "math",
        "reward_model": {
            "style": "rule",
            "ground_truth": UNLABELLED if problem.answer is None else problem.answer,
            "solution_hidden_during_training": "" if truth is None else str(truth),
        },
        "extra_info": {"split": split, "index": index, "id": problem.id, "level": problem.level},
    }


def row_to_problem(row: Mapping[str, Any]) -> Problem:
    """The problem of a row, also of rows written by the authors' scripts.

    The sentinel becomes ``answer=None``; the hidden truth goes to ``meta``, for monitors only.

    Raises:
        ValueError: the prompt is not a single user message.
    """
    chat = [dict(message) for message in row["prompt"]]
    roles = [str(message["role"]) for message in chat]
    if roles != ["user"]:
        raise ValueError(f"a prompt must be one user message, this row has: {', '.join(roles) or 'none'}")
    reward, extra = row["reward_model"], row.get("extra_info") or {}
    label = reward["ground_truth"]
    hidden = reward.get("solution_hidden_during_training") or None
    return Problem(
        id=str(extra.get("id") or f"{row['data_source']}/{extra.get('index', 0)}"),
        prompt=chat[0]["content"],
        answer=None if label == UNLABELLED else label,
        source=row["data_source"],
        level=extra.get("level"),
        meta={} if hidden is None else {HIDDEN: hidden},
    )


def parquet_bytes(problems: Iterable[Problem], split: str, suffix: str = "") -> bytes:
    """Problems as the bytes of a parquet file that verl and the local engine read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [problem_to_row(problem, split, index, suffix) for index, problem in enumerate(problems)]
    schema = pa.schema(
        [
            ("data_source", pa.string()),
            ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
            ("ability", pa.string()),
            (
                "reward_model",
                pa.struct(
                    [(k, pa.string()) for k in ("style", "ground_truth", "solution_hidden_during_training")]
                ),
            ),
            (
                "extra_info",
                pa.struct(
                    [
                        ("split", pa.string()),
                        ("index", pa.int64()),
                        ("id", pa.string()),
                        ("level", pa.int64()),
                    ]
                ),
            ),
        ]
    )
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    return buffer.getvalue()
