"""Shapes of answers: what a tree says once signs, names and approximations are written out.

Pure rewriting and questions about trees, used by :mod:`shared.verifiers.equality`; nothing is compared here.
"""

from __future__ import annotations

from fractions import Fraction

from shared.verifiers.exact import inline_budget, symbols
from shared.verifiers.nodes import (
    Add,
    Builder,
    Clock,
    Fn,
    Group,
    Matrix,
    Mul,
    Node,
    Num,
    PlusMinus,
    Pow,
    Quantity,
    Ratio,
    Rel,
    SetOp,
    Sym,
    children,
    negative,
)
from shared.verifiers.reader import has_plus_minus, meaning_of
from shared.verifiers.sets import surely_interval
from shared.verifiers.units import normal_unit

FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def simplified(node: Node) -> Node:
    """Plus-minus written out, approximations dropped, repeated names of a list taken off."""
    node = without_approximation(node)
    named = meaning_of(node)
    if named in ("reals", "empty"):
        return Sym("#R" if named == "reals" else "#empty")
    if isinstance(node, Group) and node.opening in ("", "{"):
        items: list[Node] = []
        for item in node.items:
            items.extend(expand(item))
        node = Group(node.opening, node.closing, tuple(items)) if len(items) != 1 else items[0]
    else:
        variants = expand(node)
        node = variants[0] if len(variants) == 1 else Group("", "", tuple(variants))
    return one_name(node)


def without_approximation(node: Node) -> Node:
    """``x = 5/3 ~ 1.67`` says 5/3; the part behind the sign is dropped."""
    if isinstance(node, Rel) and "~" in node.ops:
        cut = node.ops.index("~")
        parts = node.parts[: cut + 1]
        if not roughly_equal(node.parts[cut], node.parts[cut + 1]):
            return node
        if cut == 0 and is_label(parts[0]):
            return node.parts[1]
        return parts[0] if cut == 0 else Rel(node.ops[:cut], parts)
    return node


def roughly_equal(left: Node, right: Node) -> bool:
    """Whether two constants agree within a few per cent; anything else is taken on trust."""
    from shared.verifiers import numeric

    if numeric.variables(left, right):
        return True
    found = numeric.gap(left, right, inline_budget())
    return found is None or found[0] <= 0.05 * found[1] + 0.05


def expand(node: Node) -> list[Node]:
    """The values of a tree with plus-minus signs: the upper signs together, then the lower ones."""
    if not has_plus_minus(node):
        return [node]
    return [choose(node, 1), choose(node, -1)]


def choose(node: Node, sign: int) -> Node:
    if not has_plus_minus(node):
        return node
    match node:
        case PlusMinus(sign=own, arg=arg):
            inner = choose(arg, sign)
            return inner if own * sign > 0 else negative(inner)
        case Add(terms=terms):
            return Add(tuple(choose(t, sign) for t in terms))
        case Mul(factors=factors):
            return Mul(tuple(choose(f, sign) for f in factors))
        case Pow(base=base, exponent=exponent):
            return Pow(choose(base, sign), choose(exponent, sign))
        case Fn(name=name, args=args):
            return Fn(name, tuple(choose(a, sign) for a in args))
        case Group(opening=opening, closing=closing, items=items):
            return Group(opening, closing, tuple(choose(i, sign) for i in items))
        case Rel(ops=ops, parts=parts):
            return Rel(ops, tuple(choose(p, sign) for p in parts))
        case Quantity(value=value, unit=unit):
            return Quantity(choose(value, sign), unit)
        case Ratio(parts=parts):
            return Ratio(tuple(choose(p, sign) for p in parts))
        case SetOp(op=op, args=args):
            return SetOp(op, tuple(choose(a, sign) for a in args))
        case Builder(element=element, conditions=conditions):
            return Builder(choose(element, sign), tuple(choose(c, sign) for c in conditions))
        case Matrix(rows=rows):
            return Matrix(tuple(tuple(choose(cell, sign) for cell in row) for row in rows))
    return node


def assignment(node: Node) -> tuple[str, Node] | None:
    """Name and value of ``x = 5`` or ``x = 2 + 3 = 5``."""
    if (
        isinstance(node, Rel)
        and set(node.ops) == {"="}
        and len(node.parts) == 2
        and isinstance(node.parts[0], Sym)
    ):
        name = node.parts[0].name
        return None if name.startswith("#") else (name, node.parts[-1])
    return None


def loose(name: str) -> bool:
    return name.startswith(("text ", "call "))


def one_name(node: Node) -> Node:
    """``x = 1, x = 2`` and ``x = 1, 2`` are the list 1, 2: a name that is the same throughout is dropped."""
    if not (isinstance(node, Group) and node.opening in ("", "{") and len(node.items) > 1):
        return node
    named = [assignment(item) for item in node.items]
    if named[0] is None:
        return node
    name = named[0][0]
    if all(n is not None and n[0] == name for n in named):
        return Group(node.opening, node.closing, tuple(n[1] for n in named if n is not None))
    if all(n is None for n in named[1:]) and not any(isinstance(i, Rel) for i in node.items[1:]):
        return Group(node.opening, node.closing, (named[0][1], *node.items[1:]))
    return node


def named_values(node: Node) -> dict[str, Node] | None:
    """Several different names with a value each, also as ``(x, y) = (1, 2)``."""
    if (
        isinstance(node, Rel)
        and node.ops == ("=",)
        and isinstance(node.parts[0], Group)
        and isinstance(node.parts[1], Group)
    ):
        names, values = node.parts[0].items, node.parts[1].items
        if len(names) == len(values) and all(isinstance(n, Sym) for n in names):
            return {n.name: v for n, v in zip(names, values, strict=True) if isinstance(n, Sym)}
        return None
    if not isinstance(node, Group) or len(node.items) < 2:
        return None
    if node.opening not in ("", "(", "{"):
        return None
    named = [assignment(item) for item in node.items]
    if any(n is None for n in named):
        return None
    out = {n[0]: n[1] for n in named if n is not None}
    return out if len(out) == len(named) else None


def items_of(group: Group) -> tuple[Node, ...]:
    return group.items


def is_label(node: Node) -> bool:
    """A left side that only names what is asked for: ``x``, ``f(2)``, ``AB``, ``x + y``, ``|AB|``."""
    if isinstance(node, Sym):
        return not node.name.startswith("#")
    if isinstance(node, Fn):
        return (
            node.name not in ("root", "sin", "cos", "tan", "log", "ln", "exp", "factorial")
            and has_variable(node)
        ) or (node.name in ("f", "g", "h"))
    if isinstance(node, (Add, Mul)):
        return all(is_label(child) for child in children(node))
    return False


def has_variable(node: Node) -> bool:
    if isinstance(node, Sym):
        return not node.name.startswith("#")
    return any(has_variable(child) for child in children(node))


def is_line_set(node: Node) -> bool:
    if isinstance(node, (SetOp, Builder)) or surely_interval(node) or node == Sym("#R"):
        return True
    if isinstance(node, Rel):
        return any(op in ("<", ">", "<=", ">=", "!=", "in") for op in node.ops)
    return isinstance(node, Group) and all_relations(node)


def all_relations(node: Group) -> bool:
    return bool(node.items) and all(isinstance(i, Rel) and set(i.ops) != {"="} for i in node.items)


def brackets(group: Group) -> tuple[str, str]:
    opening = "(" if group.opening == "<" else group.opening
    closing = ")" if group.closing == ">" else group.closing
    return opening, closing


def mirrored(relation: Rel) -> Rel:
    ops = tuple(FLIP.get(op, op) for op in reversed(relation.ops))
    return Rel(ops, tuple(reversed(relation.parts)))


def same_time(left: Clock, right: Clock) -> bool:
    if (left.minute, left.second) != (right.minute, right.second):
        return False
    hours = []
    for clock in (left, right):
        hour = clock.hour % 12 + 12 * (clock.half == "pm") if clock.half else clock.hour
        hours.append((hour, bool(clock.half) or clock.hour > 12 or clock.hour == 0))
    (a, a_sure), (b, b_sure) = hours
    return a == b if a_sure == b_sure else a % 12 == b % 12


def without_condition(node: Node) -> Node | None:
    """The answer of a list "answer, condition on a parameter in it"; ``None`` for any other node."""
    if not (isinstance(node, Group) and node.opening == "" and len(node.items) == 2):
        return None
    answer, condition = node.items
    if (
        not isinstance(condition, Rel)
        or set(condition.ops) & {"=", "~"}
        or not isinstance(condition.parts[0], Sym)
    ):
        return None
    named = assignment(answer)
    parameter = condition.parts[0].name
    inside = symbols(named[1]) if named else set() if isinstance(answer, Rel) else symbols(answer)
    return answer if parameter in inside and parameter.isalpha() else None


def one_letter_unit(node: Node) -> Quantity | None:
    """``3000 g`` and ``5 m^2``, read as a number times a variable; a unit where the other side has one."""
    if not (isinstance(node, Mul) and len(node.factors) == 2 and isinstance(node.factors[0], Num)):
        return None
    value, rest = node.factors
    power = ""
    if isinstance(rest, Pow):
        if not isinstance(rest.exponent, Num):
            return None
        power = f"^{rest.exponent.value}"
        rest = rest.base
    if isinstance(rest, Sym) and rest.name in ("m", "g", "L", "l", "s", "h", "N", "J", "W", "V", "A", "K"):
        return Quantity(value, normal_unit(rest.name + power))
    return None


def simplify_number(node: Node) -> Node:
    if isinstance(node, Mul) and all(isinstance(f, Num) for f in node.factors):
        value = Fraction(1)
        decimals = 0
        for part in node.factors:
            assert isinstance(part, Num)
            value *= part.value
            decimals = max(decimals, part.decimals)
        return Num(value, decimals)
    return node
