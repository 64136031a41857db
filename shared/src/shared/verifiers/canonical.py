"""Canonical forms: a string for an answer such that equal strings are equal answers.

The converse does not hold (two spellings may have two forms); classes are therefore built from
canonical forms first and from pairwise comparison of the few that remain.
"""

from __future__ import annotations

from shared.verifiers.exact import Exhausted, NotScalar, inline_budget, key, normal
from shared.verifiers.judge import readings
from shared.verifiers.nodes import (
    Clock,
    Fn,
    Group,
    Matrix,
    Node,
    Numeral,
    Quantity,
    Rel,
    Text,
    children,
)
from shared.verifiers.policy import Policy
from shared.verifiers.reader import meaning_of
from shared.verifiers.shapes import simplified as plain
from shared.verifiers.text import squeeze


def canonical(answer: str, policy: Policy) -> str:
    """The canonical form of an answer under a policy."""
    if policy.kind != "math":
        return answer.strip()
    return _form(readings(answer, policy)[0]) or squeeze(answer)


def _form(node: Node) -> str:
    node = plain(node)
    named = meaning_of(node)
    if named:
        return f"<{named}>"
    match node:
        case Text(value=value):
            return f"'{value}'"
        case Clock(hour=hour, minute=minute, second=second, half=half):
            return f"{hour}:{minute:02}:{second:02}{half}"
        case Numeral(digits=digits, base=base):
            return f"{digits.lstrip('0') or '0'}_{base}"
        case Quantity(value=value, unit=unit):
            return f"{_form(value)} [{unit}]"
        case Matrix(rows=rows):
            return "matrix(" + "; ".join(", ".join(_form(c) for c in row) for row in rows) + ")"
        case Group(opening=opening, closing=closing, items=items):
            parts = [_form(item) for item in items]
            return opening + ", ".join(sorted(parts) if opening in ("", "{") else parts) + closing
        case Rel(ops=ops, parts=parts):
            sides = [_form(part) for part in parts]
            return sides[0] + "".join(f" {op} {side}" for op, side in zip(ops, sides[1:], strict=True))
    try:
        return key(normal(node, inline_budget()))
    except (Exhausted, NotScalar):
        return _shape(node)


def _shape(node: Node) -> str:
    name = node.name if isinstance(node, Fn) else type(node).__name__
    extra = (
        getattr(node, "op", "") or getattr(node, "value", "")
        if not children(node)
        else getattr(node, "op", "")
    )
    return f"{name}{extra}({', '.join(_form(child) for child in children(node))})"
