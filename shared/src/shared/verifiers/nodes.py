"""The small syntax tree that answers are parsed into. Pure data, no behaviour.

Numbers are exact (:class:`fractions.Fraction`); nothing here is ever evaluated to a float.
Constants are symbols whose name begins with ``#``, which no variable does: ``#pi``, ``#e``, ``#i``,
``#oo`` (infinity), ``#deg`` (one degree), ``#pct`` (one per cent), ``#R``, ``#Z``, ``#N``, ``#Q``,
``#C`` and ``#empty`` for sets, ``#dots`` for an ellipsis.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Num:
    """A number; ``decimals`` counts the digits after the point as written (0: not a decimal)."""

    value: Fraction
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Sym:
    name: str


@dataclass(frozen=True, slots=True)
class Add:
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mul:
    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Pow:
    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Fn:
    """A function of its arguments; names unknown to the evaluator are opaque."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class PlusMinus:
    """``sign`` +1 for plus-minus, -1 for minus-plus."""

    sign: int
    arg: Node


@dataclass(frozen=True, slots=True)
class Group:
    """Items in brackets; ``opening`` and ``closing`` are brackets or, for a bare list, empty."""

    opening: str
    closing: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class SetOp:
    """``union``, ``intersection`` or ``minus`` of sets."""

    op: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Rel:
    """A chain of relations: ``len(ops) == len(parts) - 1``. Operators: = != < > <= >= ~ in to."""

    ops: tuple[str, ...]
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Builder:
    """A set described by conditions on an element."""

    element: Node
    conditions: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with a unit; ``unit`` is the text of the unit in normal form."""

    value: Node
    unit: str


@dataclass(frozen=True, slots=True)
class Ratio:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Numeral:
    """Digits in a stated base."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day: minutes and seconds after midnight; ``half`` is ``am``, ``pm`` or empty if not said."""

    hour: int
    minute: int
    second: int
    half: str


@dataclass(frozen=True, slots=True)
class Text:
    """Words, folded: case, articles, punctuation and spacing do not count."""

    value: str


Node = (
    Num | Sym | Add | Mul | Pow | Fn | PlusMinus | Group | SetOp | Rel | Builder | Matrix | Quantity | Ratio
    | Numeral | Clock | Text
)  # fmt: skip

ONE = Num(Fraction(1))
MINUS_ONE = Num(Fraction(-1))


def negative(node: Node) -> Node:
    """``-node``; numbers are negated in place."""
    if isinstance(node, Num):
        return Num(-node.value, node.decimals)
    return Mul((MINUS_ONE, node))


def quotient(top: Node, bottom: Node) -> Node:
    """``top / bottom``."""
    if (
        isinstance(top, Num)
        and isinstance(bottom, Num)
        and bottom.value
        and not (top.decimals or bottom.decimals)
    ):
        return Num(top.value / bottom.value)
    return Mul((top, Pow(bottom, MINUS_ONE)))


def children(node: Node) -> tuple[Node, ...]:
    """The direct parts of a node."""
    match node:
        case Add(terms=parts) | Mul(factors=parts) | Fn(args=parts) | Group(items=parts) | SetOp(args=parts):
            return parts
        case Rel(parts=parts) | Ratio(parts=parts):
            return parts
        case Pow(base=base, exponent=exponent):
            return (base, exponent)
        case PlusMinus(arg=arg) | Quantity(value=arg):
            return (arg,)
        case Builder(element=element, conditions=conditions):
            return (element, *conditions)
        case Matrix(rows=rows):
            return tuple(cell for row in rows for cell in row)
    return ()
