"""Subsets of the real line: intervals, unions, and the solution sets of simple inequalities.

A set is a list of pieces; a piece has two end points (nodes, compared exactly by the caller) and says
which ends belong to it. Only what answers need is here: union, difference from the line, chains of
linear inequalities in one variable, ``|x| < a`` and ``x != a``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from shared.verifiers.exact import Budget, Form, NotScalar, as_rational, key, normal
from shared.verifiers.nodes import (
    MINUS_ONE,
    Add,
    Builder,
    Fn,
    Group,
    Mul,
    Node,
    Num,
    Pow,
    Rel,
    SetOp,
    Sym,
    negative,
)

INFINITY = Sym("#oo")
MINUS_INFINITY = Mul((MINUS_ONE, INFINITY))
_FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval or, with equal closed ends, a point."""

    low: Node
    high: Node
    low_closed: bool
    high_closed: bool


LINE = Piece(MINUS_INFINITY, INFINITY, False, False)


def is_infinite(node: Node) -> int:
    """+1 or -1 for plus or minus infinity, else 0."""
    if isinstance(node, Sym) and node.name == "#oo":
        return 1
    if (
        isinstance(node, Mul)
        and len(node.factors) == 2
        and node.factors[1] == INFINITY
        and node.factors[0] == MINUS_ONE
    ):
        return -1
    return 0


def is_interval(node: Node) -> bool:
    """Whether the node can be read as an interval: two ends in round or square brackets."""
    return (
        isinstance(node, Group)
        and node.opening in ("(", "[")
        and node.closing in (")", "]")
        and len(node.items) == 2
    )


def surely_interval(node: Node) -> bool:
    """An interval that cannot be a pair: mixed or square brackets, or an infinite end."""
    if not is_interval(node):
        return False
    assert isinstance(node, Group)
    return node.opening == "[" or node.closing == "]" or any(is_infinite(i) for i in node.items)


def point(node: Node) -> Piece:
    return Piece(node, node, True, True)


def float_of(node: Node, budget: Budget) -> float | None:
    """An end point's place on the line, for ordering only."""
    infinite = is_infinite(node)
    if infinite:
        return infinite * float("inf")
    try:
        value = as_rational(normal(node, budget))
    except NotScalar:
        return None
    if value is not None:
        return float(value) if abs(value) < 10**300 else None
    from shared.verifiers.numeric import approximate

    number = approximate(node, budget)
    return None if number is None or abs(number.imag) > 1e-12 else number.real


def pieces(node: Node, budget: Budget) -> list[Piece] | None:
    """The node as a subset of the line, ``None`` if it is none (or depends on variables)."""
    match node:
        case Group(opening=opening, closing=closing, items=(low, high)) if is_interval(node):
            return [Piece(low, high, opening == "[", closing == "]")]
        case Group(opening="{", items=items):
            return [point(item) for item in items]
        case SetOp(op="union", args=args):
            out: list[Piece] = []
            for arg in args:
                part = pieces(arg, budget)
                if part is None:
                    return None
                out.extend(part)
            return merge(out, budget)
        case SetOp(op="minus", args=(whole, removed)):
            return _minus(whole, removed, budget)
        case SetOp(op="intersection", args=args):
            current: list[Piece] | None = [LINE]
            for arg in args:
                part = pieces(arg, budget)
                current = None if part is None or current is None else intersect(current, part, budget)
            return current
        case Sym(name="#R"):
            return [LINE]
        case Sym(name="#empty"):
            return []
        case Rel(ops=("in",), parts=(Sym(), target)):
            return pieces(target, budget)
        case Rel():
            return solve(node, budget)
        case Builder(element=element, conditions=conditions):
            return _builder(element, conditions, budget)
        case Group(opening="", items=items) if len(items) > 1 and all(surely_interval(i) for i in items):
            return pieces(SetOp("union", items), budget)
        case Group(opening="", items=items) if items and all(isinstance(i, Rel) for i in items):
            return _union_of_relations(items, budget)
    return None


def _union_of_relations(items: tuple[Node, ...], budget: Budget) -> list[Piece] | None:
    """Relations as alternatives when they are disjoint ("x < 1 or x > 3"), else as joint conditions."""
    if len({variable_of(item) for item in items}) != 1:
        return None
    groups: list[list[Piece]] = []
    for item in items:
        assert isinstance(item, Rel)
        part = None if set(item.ops) == {"="} else pieces(item, budget)
        if part is None:
            return None
        groups.append(part)
    both: list[Piece] | None = groups[0]
    for group in groups[1:]:
        both = None if both is None else intersect(both, group, budget)
    return both if both else merge([piece for group in groups for piece in group], budget)


def _builder(element: Node, conditions: tuple[Node, ...], budget: Budget) -> list[Piece] | None:
    current: list[Piece] | None = [LINE]
    if isinstance(element, Rel):
        if element.ops != ("in",):
            return None
        if element.parts[1] != Sym("#R"):
            return None
        element = element.parts[0]
    if not isinstance(element, Sym):
        return None
    for condition in conditions:
        if variable_of(condition) != element.name:
            return None
        part = pieces(condition, budget)
        current = None if part is None or current is None else intersect(current, part, budget)
    return current


def variable_of(node: Node) -> str | None:
    """The one variable of a relation or of a set of relations."""
    from shared.verifiers.numeric import variables

    names = variables(node)
    return names[0] if len(names) == 1 else None


def _minus(whole: Node, removed: Node, budget: Budget) -> list[Piece] | None:
    first, second = pieces(whole, budget), pieces(removed, budget)
    if first is None or second is None:
        return None
    for piece in second:
        rest: list[Piece] = []
        if is_infinite(piece.low) != -1:
            rest.append(Piece(MINUS_INFINITY, piece.low, False, not piece.low_closed))
        if is_infinite(piece.high) != 1:
            rest.append(Piece(piece.high, INFINITY, not piece.high_closed, False))
        result = intersect(first, rest, budget)
        if result is None:
            return None
        first = result
    return first


def intersect(left: list[Piece], right: list[Piece], budget: Budget) -> list[Piece] | None:
    """The common part, ``None`` when end points cannot be ordered."""
    out: list[Piece] = []
    for a in left:
        for b in right:
            ends = [float_of(x, budget) for x in (a.low, b.low, a.high, b.high)]
            if any(e is None for e in ends):
                return None
            al, bl, ah, bh = (float(e) for e in ends if e is not None)
            low, low_closed = (a.low, a.low_closed) if al > bl else (b.low, b.low_closed)
            if al == bl:
                low_closed = a.low_closed and b.low_closed
            high, high_closed = (a.high, a.high_closed) if ah < bh else (b.high, b.high_closed)
            if ah == bh:
                high_closed = a.high_closed and b.high_closed
            lowest, highest = max(al, bl), min(ah, bh)
            if lowest < highest or (lowest == highest and low_closed and high_closed):
                out.append(Piece(low, high, low_closed, high_closed))
    return merge(out, budget)


def merge(parts: list[Piece], budget: Budget) -> list[Piece] | None:
    """Pieces in order, joined where they touch; ``None`` when end points cannot be ordered."""
    placed = []
    for part in parts:
        low, high = float_of(part.low, budget), float_of(part.high, budget)
        if low is None or high is None:
            return parts if len(parts) == 1 else None
        if low > high or (low == high and not (part.low_closed and part.high_closed)):
            continue
        placed.append((low, not part.low_closed, high, part))
    placed.sort(key=lambda item: item[:3])
    out: list[tuple[float, Piece]] = []
    for low, _, high, part in placed:
        if out:
            end, last = out[-1]
            if low < end or (low == end and (part.low_closed or last.high_closed)):
                if high > end or (high == end and part.high_closed):
                    out[-1] = (high, Piece(last.low, part.high, last.low_closed, part.high_closed))
                continue
        out.append((high, part))
    return [part for _, part in out]


def solve(relation: Rel, budget: Budget) -> list[Piece] | None:
    """The solution set of a chain of inequalities in one variable, where each link is linear."""
    variable = variable_of(relation)
    if variable is None or any(op not in _FLIP for op in relation.ops):
        return None
    current: list[Piece] | None = [LINE]
    for op, left, right in zip(relation.ops, relation.parts, relation.parts[1:], strict=False):
        link = _link(op, left, right, variable, budget)
        current = None if link is None or current is None else intersect(current, link, budget)
    return current


def _linear(form: Form, name: str) -> tuple[Form, Form] | None:
    """Coefficient and rest of a form that is linear in an atom."""
    slope: Form = {}
    rest: Form = {}
    for monomial, coefficient in form.items():
        powers = dict(monomial)
        if name in powers:
            if powers[name] != 1:
                return None
            slope[tuple((n, e) for n, e in monomial if n != name)] = coefficient
        elif any(name in n for n in powers):
            return None
        else:
            rest[monomial] = coefficient
    return (slope, rest) if slope else None


def _link(op: str, left: Node, right: Node, variable: str, budget: Budget) -> list[Piece] | None:
    try:
        form = normal(Add((left, negative(right))), budget)
    except NotScalar:
        return None
    absolute = f"fabs({key({(('x' + variable, Fraction(1)),): Fraction(1)})})"
    for name in ("x" + variable, absolute):
        parts = _linear(form, name)
        if parts is None:
            continue
        slope = as_rational(parts[0])
        if slope is None:
            continue
        bound = _to_node(parts[1], -1 / slope)
        if bound is None:
            bound = _bound_by_tree(left, right, variable)
            if bound is None:
                return None
        direction = op if slope > 0 else _FLIP[op]
        return _ray(direction, bound) if name[0] == "x" else _absolute(direction, bound, budget)
    return None


def _bound_by_tree(left: Node, right: Node, variable: str) -> Node | None:
    """``x < expression``: the bound as written, when one side is the bare variable."""
    if left == Sym(variable):
        return right
    return left if right == Sym(variable) else None


def _to_node(form: Form, factor: Fraction) -> Node | None:
    """A form of rationals, roots and named constants as a tree again."""
    terms: list[Node] = []
    for monomial, coefficient in form.items():
        factors: list[Node] = [Num(coefficient * factor)]
        for name, exponent in monomial:
            if name[0] == "n":
                base: Node = Num(Fraction(int(name[1:])))
            elif name in ("x#pi", "x#e"):
                base = Sym(name[1:])
            elif name == "x#oo" and exponent == 1:
                return INFINITY if coefficient * factor > 0 else MINUS_INFINITY
            else:
                return None
            factors.append(base if exponent == 1 else Pow(base, Num(exponent)))
        terms.append(Mul(tuple(factors)) if len(factors) > 1 else factors[0])
    return Add(tuple(terms)) if len(terms) != 1 else terms[0]


def _ray(op: str, bound: Node) -> list[Piece]:
    if op == "=":
        return [point(bound)]
    if op == "!=":
        return [Piece(MINUS_INFINITY, bound, False, False), Piece(bound, INFINITY, False, False)]
    if op in ("<", "<="):
        return [Piece(MINUS_INFINITY, bound, False, op == "<=")]
    return [Piece(bound, INFINITY, op == ">=", False)]


def _absolute(op: str, bound: Node, budget: Budget) -> list[Piece] | None:
    place = float_of(bound, budget)
    if place is None or place <= 0:
        return None
    if op in ("<", "<="):
        return [Piece(negative(bound), bound, op == "<=", op == "<=")]
    if op in (">", ">="):
        return [
            Piece(MINUS_INFINITY, negative(bound), False, op == ">="),
            Piece(bound, INFINITY, op == ">=", False),
        ]
    return [point(negative(bound)), point(bound)] if op == "=" else None


def is_absolute(node: Node) -> bool:
    """Whether a node is an absolute value."""
    return isinstance(node, Fn) and node.name == "abs"
