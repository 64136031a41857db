"""Guru (Reasoning360): rule-based mathematics, tables, option letters, as the released code behaves.

Kept as shipped: the symbolic stage of step 5 never runs (its timer is misused and the error
swallowed), so only the simplification stage can see that two forms agree; answers with pi fail the
numeric stage; the percent rule accepts a hundredth and a hundredfold of the gold; option letters are
scanned in alphabetical order. Not kept: the random guess on an unread letter (0 here), and evaluation
of model text in tables (a small arithmetic reading here).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.verifiers.exact import Exhausted, NotScalar, as_rational, inline_budget, normal
from shared.verifiers.judge import readings
from shared.verifiers.policy import MATH
from shared.verifiers.shipped.strings import after_think, hendrycks, last_box, minerva
from shared.verifiers.shipped.sympy_stage import same_by_simplification

_TAIL = 5000


def _number(text: str) -> float | None:
    plain = text.replace(",", "").strip()
    scale = 1.0
    if plain.endswith(("%", "\\%")):
        plain, scale = plain.rstrip("%").rstrip("\\"), 0.01
    return (
        float(plain) * scale if re.fullmatch(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?", plain) else None
    )


def _close(gold: float, value: float, tolerance: float) -> bool:
    """Relative closeness to the gold, its hundredth or its hundredfold."""
    return any(abs(value - g) <= tolerance * max(abs(value), abs(g)) for g in (gold, gold / 100, gold * 100))


def _matrix(text: str) -> str:
    return re.sub(r"\\(begin|end)\{[pbB]?matrix\}", r"\\\1{pmatrix}", re.sub(r"\s+", "", text))


def _same_math(gold: str, answer: str) -> bool:
    if hendrycks(gold) == hendrycks(answer):
        return True
    a, b = minerva(gold), minerva(answer)
    if a == b or same_by_simplification(a, b):
        return True
    first, second = _number(gold), _number(answer)
    if first is not None and second is not None:
        return _close(first, second, 1e-4)
    return "matrix" in gold and _matrix(gold) == _matrix(answer)


def guru_math(responses: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Score of each response by the rules of the mathematics domain."""
    scores = []
    for response, gold in zip(responses, answers, strict=True):
        tail = after_think(response)
        found = last_box(tail) or tail.strip()
        scores.append(float(len(found) <= _TAIL and _same_math(gold, found)))
    return scores


def _table_value(text: str) -> float | None:
    """Arithmetic in a table answer: commas and dollars dropped, per cent as hundredths, colon as division."""
    plain = re.sub(r"[,$\\]", "", text).replace(":", "/").strip()
    if not re.fullmatch(r"[\d\s.+\-*/()%]{1,60}", plain):
        return None
    try:
        value = as_rational(normal(readings(plain, MATH)[0], inline_budget()))
    except (Exhausted, NotScalar):
        return None
    return None if value is None else float(value)


def _same_cell(gold: str, answer: str) -> bool:
    first, second = _table_value(gold), _table_value(answer)
    if first is not None and second is not None:
        return _close(first, second, 1e-3)
    return hendrycks(gold) == hendrycks(answer)


def guru_table(responses: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Score of each response by the rules of the table domain; several answers are joined by a bar."""
    scores = []
    for response, gold in zip(responses, answers, strict=True):
        tail = after_think(response).lower()
        found = last_box(tail) or tail.strip()
        found = re.sub(r"\\\\text\{([^{}]*)\}", r"\1", found)  # two backslashes: the shipped pattern
        parts = sorted(part.strip() for part in found.split("|"))
        golds = sorted(part.strip() for part in gold.lower().split("|"))
        same = len(parts) == len(golds) and all(_same_cell(g, p) for g, p in zip(golds, parts, strict=True))
        scores.append(float(same))
    return scores


def guru_letter(responses: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Boxed option letter (SuperGPQA, GPQA): the first letter of the alphabet that occurs in the box."""
    scores = []
    for response, gold in zip(responses, answers, strict=True):
        text = re.split(r"<\|im_end\|>|<\|endoftext\|>|</s>", response)[0]
        found = last_box(text)
        if found is None:
            lines = re.findall(r"(?:Final Answer|The answer is):\s*(.+)", text)
            found = lines[-1] if lines else ""
        letter = next((c for c in "ABCDEFGHIJ" if c in re.sub(r"\\text", "", found)), None)
        scores.append(float(letter == gold.strip()))
    return scores


def guru_letter_line(responses: Sequence[str], answers: Sequence[str]) -> list[float]:
    """``Answer: X`` line (GPQA main): the first one counts."""
    scores = []
    for response, gold in zip(responses, answers, strict=True):
        match = re.search(r"answer\s*:\s*\$?([A-D])\$?", response, re.IGNORECASE)
        scores.append(float(match is not None and match.group(1).upper() == gold.strip()))
    return scores
