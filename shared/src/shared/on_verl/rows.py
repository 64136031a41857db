"""Problems as rows of verl's parquet schema, and back.

The schema is the one SRT's own preprocessing writes: ``prompt`` is a chat, ``reward_model`` holds
the label that may be trained on and the hidden truth that may only be monitored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.problems import FinishReason, Problem, Response

UNLABELLED = "LABEL_BY_SELF_CONSISTENCY"
"""Stands where a label is missing; never an answer (SRT, authors' code)."""
HIDDEN = "hidden_answer"
"""Key of ``Problem.meta`` with the truth that training must not see."""


def problem_to_row(problem: Problem, split: str, index: int) -> dict[str, Any]:
    """One row; an unlabelled problem gets the sentinel as its label."""
    label = UNLABELLED if problem.answer is None else problem.answer
    truth = problem.meta.get(HIDDEN, problem.answer)
    return {
        "data_source": problem.source,
        "prompt": [{"role": "user", "content": problem.prompt}],
        "ability": "math",
        "reward_model": {
            "style": "rule",
            "ground_truth": label,
            "solution_hidden_during_training": "" if truth is None else str(truth),
        },
        "extra_info": {"split": split, "index": index, "id": problem.id, "level": problem.level},
    }


def row_to_problem(row: Mapping[str, Any]) -> Problem:
    """The problem of a row.

    The sentinel becomes ``answer=None``; the hidden truth goes to ``meta``, for monitors only.

    Raises:
        ValueError: the prompt is not a single user message.
    """
    chat = [dict(message) for message in row["prompt"]]
    if [message["role"] for message in chat] != ["user"]:
        roles = ", ".join(str(m["role"]) for m in chat)
        raise ValueError(f"a prompt must be one user message, this row has: {roles}")
    reward_model, extra = row["reward_model"], row.get("extra_info") or {}
    label = reward_model["ground_truth"]
    hidden = reward_model.get("solution_hidden_during_training") or None
    return Problem(
        id=str(extra.get("id") or f"{row['data_source']}/{extra.get('index', 0)}"),
        prompt=chat[0]["content"],
        answer=None if label == UNLABELLED else label,
        source=row["data_source"],
        level=extra.get("level"),
        meta={} if hidden is None else {HIDDEN: hidden},
    )


def write_parquet(problems: Iterable[Problem], path: Path, split: str) -> None:
    """Write problems as a parquet file that verl and the local engine read."""
    import pyarrow
    import pyarrow.parquet

    rows = [problem_to_row(problem, split, index) for index, problem in enumerate(problems)]
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def response_of(
    token_ids: Sequence[int], text: str, end_ids: Iterable[int], logprobs: Sequence[float] | None = None
) -> Response:
    """A response from what verl stores of it; without a final end token it was cut off."""
    ended = len(token_ids) > 0 and token_ids[-1] in set(end_ids)
    return Response(
        text=text,
        token_ids=tuple(token_ids),
        logprobs=None if logprobs is None else tuple(logprobs),
        finish_reason=FinishReason.STOP if ended else FinishReason.LENGTH,
    )
