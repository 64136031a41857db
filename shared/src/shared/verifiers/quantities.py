"""Quantities: a number with a currency sign in front or a unit behind, and sums of them.

Decides where a value ends and the words of its unit begin; which words are units is known to
:mod:`shared.verifiers.units`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from shared.verifiers.brackets import ParseError, depth_step
from shared.verifiers.lexer import Token
from shared.verifiers.names import FUNCTIONS, GREEK
from shared.verifiers.nodes import Mul, Node, Num, Quantity, Sym
from shared.verifiers.parser import ExpressionParser
from shared.verifiers.units import conversion, is_unit, normal_unit

_SCALES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_SHORT_NOUNS = frozenset(
    [
        "men",
        "man",
        "boy",
        "cat",
        "dog",
        "pen",
        "egg",
        "car",
        "cup",
        "day",
        "way",
        "bag",
        "box",
        "hat",
        "toy",
        "pie",
        "kid",
        "row",
        "jar",
        "can",
        "ant",
        "bee",
        "cow",
        "pig",
        "hen",
    ]
)
_CURRENCIES = {"¤": "dollar", "€": "euro", "£": "sterling", "¥": "yen", "₹": "rupee"}


def compound(tokens: Sequence[Token]) -> Node | None:
    """ "1 hour 30 minutes": numbers and units in turn."""
    if len(tokens) not in (4, 6) or not all(t.kind == "num" for t in tokens[::2]):
        return None
    if not all(t.kind in ("text", "word") and is_unit(t.value.strip()) for t in tokens[1::2]):
        return None
    values = [Num(t.number or Fraction(0), t.decimals) for t in tokens[::2]]
    units = [normal_unit(t.value) for t in tokens[1::2]]
    return compound_quantity([Quantity(v, u) for v, u in zip(values, units, strict=True)])


def quantity_of(tokens: Sequence[Token]) -> Node | None:
    """A number with a currency sign in front or a unit behind."""
    body = list(tokens)
    unit = ""
    sign = body[:1] if body[0].kind == "op" and body[0].value in "-+" else []
    rest = body[len(sign) :]
    if rest and rest[0].value in _CURRENCIES and len(rest) > 1:
        unit = _CURRENCIES[rest[0].value]
        body = sign + rest[1:]
    elif body[-1].value in _CURRENCIES and len(body) > 1:
        unit = _CURRENCIES[body[-1].value]
        body = body[:-1]
    body, scale, trailing = _split_unit(body)
    if not (unit or trailing or scale != 1):
        return None
    value = ExpressionParser(body).parse()
    if scale != 1:
        value = Num(value.value * scale) if isinstance(value, Num) else Mul((value, Num(Fraction(scale))))
    name = normal_unit(trailing)
    if unit and name and name != unit:
        unit = unit if name in ("dollar", "euro") else f"{unit}*{name}"
    unit = unit or name
    if unit == "deg":
        return Mul((value, Sym("#deg")))
    if unit in ("percent", "percentage", "pct"):
        return Mul((value, Sym("#pct")))
    return Quantity(value, unit) if unit else value


def _split_unit(tokens: list[Token]) -> tuple[list[Token], int, str]:
    """Divide "12 square inches" into the value, a scale word (million) and the unit phrase."""
    start = len(tokens)
    for index in range(1, len(tokens)):
        if _unit_begins(tokens, index):
            start = index
            break
    value, unit = tokens[:start], tokens[start:]
    scale = 1
    while unit and unit[0].value.strip().lower() in _SCALES:
        scale *= _SCALES[unit[0].value.strip().lower()]
        unit = unit[1:]
    if any(t.kind == "text" and re.search(r"\d", t.value) for t in unit):
        raise ParseError("Numbers stand inside the words behind a value.")
    return value, scale, " ".join(t.value for t in unit if t.value not in "{}")


def _unit_begins(tokens: list[Token], index: int) -> bool:
    """Whether everything from ``index`` on is a unit of the value before it."""
    before, token = tokens[index - 1], tokens[index]
    ends_value = (
        before.kind in ("num", "thousands")
        or before.value in (")", "}", "%", "pi", "]")
        or before.kind == "word"
    )
    if not ends_value or token.kind not in ("text", "word"):
        return False
    depth = 0
    for t in tokens[:index]:
        depth += depth_step(t)
    if depth:
        return False
    if token.kind == "word" and not _unit_word(token, before):
        return False
    if token.kind == "text" and not re.search(r"[A-Za-z]", token.value):
        return False
    for position in range(index, len(tokens)):
        t = tokens[position]
        if t.kind == "word" and len(t.value) == 1 and tokens[index].kind == "word" and position == index:
            return False
        if t.kind in ("word", "text") or t.value in (
            "/",
            "^",
            "{",
            "}",
            ".",
            "cdot",
            "*",
            "-",
            "(",
            ")",
            "'",
        ):
            continue
        if t.kind == "num" and tokens[position - 1].value in ("^", "{", "-"):
            continue
        return False
    return True


def _unit_word(token: Token, before: Token) -> bool:
    word = token.value
    if len(word) == 1 or word in FUNCTIONS or word in GREEK:
        return False
    if word.lower() in _SCALES or is_unit(word):
        return before.kind != "word"
    noun = len(word) >= 4 or word.lower() in _SHORT_NOUNS or word in ("per", "of", "sq", "cu")
    return noun and token.space and before.kind in ("num", "thousands")


def compound_quantity(items: Sequence[Node]) -> Node | None:
    """ "2 hours and 15 minutes" is one quantity."""
    if len(items) not in (2, 3) or not all(
        isinstance(i, Quantity) and isinstance(i.value, Num) for i in items
    ):
        return None
    total = Fraction(0)
    last: Fraction | None = None
    target = items[-1].unit  # type: ignore[union-attr]
    for item in items:
        assert isinstance(item, Quantity) and isinstance(item.value, Num)
        factor = conversion(item.unit, target)
        if factor is None or (last is not None and (factor >= last or item.value.value * factor >= last)):
            return None
        last = factor
        total += item.value.value * factor
    return Quantity(Num(total), target)


def shared_unit(items: Sequence[Node]) -> list[Node]:
    """``3, 5 cm``: the unit behind the last of several numbers belongs to all of them."""
    last = items[-1]
    if isinstance(last, Quantity) and all(isinstance(i, Num) for i in items[:-1]):
        return [*(Quantity(i, last.unit) for i in items[:-1]), last]
    return list(items)
