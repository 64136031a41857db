"""Columns of public sources to canonical rows, one small function a source.

Only the layouts of the cards' hub ids are known here. Options of GPQA are shuffled by a hash of
the question, so that every run and machine sees the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
_LETTERS = "ABCDEFGHIJ"


def convert(task: str, rows: list[Row]) -> list[Row]:
    """Rows of a source to canonical rows.

    Raises:
        ValueError: nobody has said how this source is laid out.
    """
    converter = _CONVERTERS.get(task)
    if converter is None:
        raise ValueError(
            f"{task}: no converter for its hub layout in eval_suite/sources.py; use a canonical file"
        )
    return [{"id": f"{task}/{i}", "source": task, **converter(row)} for i, row in enumerate(rows)]


def convert_examples(task: str, rows: list[Row]) -> list[Row]:
    """Few-shot rows; they keep their worked answer in ``meta.cot``."""
    return [{**row, "id": f"{task}-example/{i}"} for i, row in enumerate(convert(task, rows))]


def _math500(row: Row) -> Row:
    meta = {"subject": row["subject"], "level": row["level"]}
    return {"problem": row["problem"], "answer": row["answer"], "meta": meta}


def _gsm8k(row: Row) -> Row:
    return {
        "problem": row["question"],
        "answer": row["answer"].rpartition("####")[2].strip().replace(",", ""),
    }


def _problem_answer(row: Row) -> Row:
    return {"problem": row["problem"], "answer": str(row["answer"])}


def _question_answer(row: Row) -> Row:
    return {"problem": row["question"], "answer": str(row["answer"])}


def _gpqa(row: Row) -> Row:
    right = row["Correct Answer"].strip()
    options = [right, *(row[f"Incorrect Answer {i}"].strip() for i in (1, 2, 3))]
    options.sort(key=lambda text: hashlib.sha256(f"{row['Question']}\x1f{text}".encode()).digest())
    return {
        "problem": row["Question"].strip(),
        "answer": _LETTERS[options.index(right)],
        "choices": options,
        "meta": {"category": row.get("High-level domain", "none")},
    }


def _mmlu_pro(row: Row) -> Row:
    options = [text for text in row["options"] if text != "N/A"]
    meta = {"category": row["category"], "question_id": row["question_id"]}
    if row.get("cot_content"):
        meta["cot"] = row["cot_content"].removeprefix("A: ").strip()
    return {"problem": row["question"], "answer": row["answer"], "choices": options, "meta": meta}


def _supergpqa(row: Row) -> Row:
    meta = {"category": row["discipline"], "uuid": row["uuid"]}
    return {
        "problem": row["question"],
        "answer": row["answer_letter"],
        "choices": list(row["options"]),
        "meta": meta,
    }


_CONVERTERS: dict[str, Callable[[Row], Row]] = {
    "aime24": _problem_answer,
    "aime25": _problem_answer,
    "gpqa_diamond": _gpqa,
    "gsm8k": _gsm8k,
    "math500": _math500,
    "minerva_math": _question_answer,
    "mmlu_pro": _mmlu_pro,
    "supergpqa": _supergpqa,
}
