"""The "difference simplifies to zero" stage of the PRM800K family, with its many exits.

The originals parse model text with SymPy's string parser; here the same stage runs on this package's
parser and exact forms, after the same conditions: brackets must match, two fractions must match
literally, exactly one integer means different, long or nested powers and more than two letters are
not tried at all.
"""

from __future__ import annotations

import re

from shared.verifiers.exact import Exhausted, NotScalar, inline_budget
from shared.verifiers.judge import readings
from shared.verifiers.nodes import Group
from shared.verifiers.policy import Policy
from shared.verifiers.scalars import same_scalar

_STRICT = Policy(name="shipped", units="strict", percent="value", rounded_digits=0)
_FRACTION = re.compile(r"-?\(?-?\d+\)?/\(?\d+\)?\.?\d*")


def _elements(text: str) -> list[str]:
    bracketed = len(text) > 2 and text[0] in "([" and text[-1] in ")]"
    inner = text[1:-1] if bracketed else text
    if bracketed and not any(c in inner for c in "()[]"):
        return [part.strip() for part in inner.split(",")]
    return [text]


def same_by_simplification(gold: str, answer: str) -> bool:
    """Whether two normalised answers are equal in the eyes of the stage."""
    if not answer:
        return False
    first, second = _elements(gold), _elements(answer)
    if len(first) != len(second) or (len(first) > 1 and (gold[0] != answer[0] or gold[-1] != answer[-1])):
        return False
    return all(_same_element(a, b) for a, b in zip(first, second, strict=True))


def _same_element(gold: str, answer: str) -> bool:
    if _FRACTION.fullmatch(gold) and _FRACTION.fullmatch(answer):
        return gold == answer
    if _is_integer(gold) != _is_integer(answer):
        return False
    if any(_too_hard(text) for text in (gold, answer)):
        return False
    left, right = readings(gold, _STRICT)[0], readings(answer, _STRICT)[0]
    if isinstance(left, Group) or isinstance(right, Group):
        return False
    try:
        return same_scalar(left, right, _STRICT, inline_budget())
    except (Exhausted, NotScalar):
        return False  # as shipped: whatever fails is wrong


def _is_integer(text: str) -> bool:
    """As the originals test it: a plain number, e-notation included, whose value is whole."""
    plain = text.replace(",", "")
    if not re.fullmatch(r"-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?", plain):
        return False
    return float(plain) % 1 == 0


def _too_hard(text: str) -> bool:
    letters = {c for c in text.replace("sqrt", "").replace("frac", "") if c.isalpha()}
    return len(letters) > 2 or "^{" in text or "^(" in text or bool(re.search(r"\^[0-9]+\^", text))
