"""Equality of two answers that have been read: the rules for lists, sets, relations, units and text.

:func:`judge` compares the texts of two answers, :func:`equal` two trees. Both are symmetric. They are
pure and bounded by the budget; deadlines are :mod:`shared.verifiers.pool`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from shared.verifiers.exact import Budget, Exhausted, NotScalar, inline_budget, numeral_value
from shared.verifiers.letters import letter_of
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
    Numeral,
    PlusMinus,
    Pow,
    Quantity,
    Ratio,
    Rel,
    SetOp,
    Sym,
    Text,
    children,
    negative,
)
from shared.verifiers.policy import Policy
from shared.verifiers.reader import has_plus_minus, meaning_of, read
from shared.verifiers.scalars import difference, matrix_of, same_equation, same_scalar
from shared.verifiers.sets import is_interval, pieces, surely_interval, variable_of
from shared.verifiers.text import fold, is_word, meaning, squeeze
from shared.verifiers.units import conversion, normal_unit

_FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_MAX_ITEMS = 200
_LONGEST = 20_000  # characters of both answers together; beyond that only literal equality counts
_QUALIFIER = re.compile(
    r"[,;]?\s*\$?\s*(?:\\(?:text|mbox|mathrm)\s*\{\s*)?\(?\b(?:where|for (?:all|any|some|every|each|which)|such that|"
    r"with (?:arbitrary|any)|in which|when|whenever|if|provided that|because|since)\b.*",
    re.DOTALL,
)


@lru_cache(maxsize=20_000)
def _read_cached(answer: str, policy: Policy) -> tuple[Node, ...]:
    return tuple(read(answer, policy))


def readings(answer: str, policy: Policy) -> tuple[Node, ...]:
    """The readings of an answer; short answers are remembered."""
    return _read_cached(answer, policy) if len(answer) <= 300 else tuple(read(answer, policy))


def judge(gold: str, answer: str, policy: Policy, budget: Budget) -> bool:
    """Whether an answer equals a reference answer. Symmetric in the two.

    Raises:
        Exhausted: the budget does not suffice to decide.
    """
    if len(gold) + len(answer) > _LONGEST:
        return gold.strip() == answer.strip()
    if squeeze(gold) == squeeze(answer):
        return True
    gold, answer = _without_qualifiers(gold, answer)
    named = _option(gold, answer)
    if named is not None:
        return named
    exhausted = False
    first, second = readings(gold, policy), readings(answer, policy)
    folded = fold(gold, policy.case_sensitive), fold(answer, policy.case_sensitive)
    if any(_wordy(node) for node in (first[0], second[0])) or is_word(folded[0].lower()):
        if _joined(folded[0]) == _joined(folded[1]):
            return True
        if meaning(folded[0]) and meaning(folded[0]) == meaning(folded[1]):
            return True
    for left in first:
        for right in second:
            try:
                if Comparison(policy, budget).equal(left, right):
                    return True
            except Exhausted:
                exhausted = True
    if exhausted:
        raise Exhausted
    return False


def _without_qualifiers(gold: str, answer: str) -> tuple[str, str]:
    """Drop a trailing "for all c", "where a is real" that only one side has; two are left for comparison."""
    found = [_QUALIFIER.search(side) for side in (gold, answer)]
    if (found[0] is None) == (found[1] is None):
        return gold, answer
    cut = [side[: m.start()] if m and re.search(r"\w", side[: m.start()]) else side
           for side, m in zip((gold, answer), found, strict=True)]  # fmt: skip
    return cut[0], cut[1]


def _joined(folded: str) -> str:
    """Words without the spaces between them: "non-linear" is "nonlinear"."""
    return re.sub(r"(?<=[a-z]) (?=[a-z])", "", folded)


def _wordy(node: Node) -> bool:
    return isinstance(node, Text) or (isinstance(node, Sym) and node.name.startswith("text "))


def _option(gold: str, answer: str) -> bool | None:
    """Option letters: when one side is a bare letter A to J and the other names an option, compare the letters."""
    sides = [fold(gold, True), fold(answer, True)]
    bare = [s for s in sides if len(s) == 1 and s in "ABCDEFGHIJ"]
    if len(bare) != 1:
        return None
    other = answer if sides[0] == bare[0] else gold
    letter = letter_of(other, "ABCDEFGHIJ")
    return None if letter is None or len(fold(other, True)) == 1 else letter == bare[0]


class Comparison:
    """Compares trees under one policy with one budget."""

    def __init__(self, policy: Policy, budget: Budget) -> None:
        self.policy = policy
        self.budget = budget

    # -- dispatch -------------------------------------------------------------------------------

    def equal(self, left: Node, right: Node) -> bool:
        """Whether two trees are the same answer."""
        self.budget.spend(10)
        if left == right:
            return True
        left, right = self._shortened(_plain(left)), self._shortened(_plain(right))
        if left == right:
            return True
        named = (meaning_of(left), meaning_of(right))
        if named[0] and named[0] == named[1]:
            return True
        for rule in (
            self._text,
            self._clock,
            self._numeral,
            self._relations,
            self._assigned,
            self._quantity,
            self._ratio,
            self._matrix,
            self._line,
            self._groups,
        ):
            verdict = rule(left, right)
            if verdict is not None:
                return verdict
        return self._scalar(left, right)

    def _shortened(self, node: Node) -> Node:
        """``x = 2 + 3 = 5`` says x = 5, if it does not contradict itself."""
        if isinstance(node, Group):
            return Group(node.opening, node.closing, tuple(self._shortened(item) for item in node.items))
        if not (isinstance(node, Rel) and len(node.parts) > 2 and set(node.ops) == {"="}):
            return node
        named = _is_label(node.parts[0])
        values = node.parts[1:] if named else node.parts
        if any(self._contradict(part, values[-1]) for part in values[:-1]):
            return node
        return Rel(("=",), (node.parts[0], values[-1]))

    def _contradict(self, left: Node, right: Node) -> bool:
        """Two values of one chain that differ."""
        return not self.equal(left, right)

    def _scalar(self, left: Node, right: Node) -> bool:
        try:
            return same_scalar(left, right, self.policy, self.budget)
        except NotScalar:
            return self._structure(left, right)

    def _structure(self, left: Node, right: Node) -> bool:
        """Trees of one shape with equal parts: the fallback for what has no value."""
        if type(left) is not type(right):
            return False
        for name in ("name", "op", "ops", "opening", "closing", "value", "unit", "sign"):
            if getattr(left, name, None) != getattr(right, name, None):
                return False
        first, second = children(left), children(right)
        if len(first) != len(second) or not first:
            return False
        return all(self.equal(a, b) for a, b in zip(first, second, strict=True))

    # -- words, times, numerals -----------------------------------------------------------------

    def _text(self, left: Node, right: Node) -> bool | None:
        if isinstance(left, Text) or isinstance(right, Text):
            return (
                isinstance(left, Text)
                and isinstance(right, Text)
                and _joined(left.value) == _joined(right.value)
            )
        return None

    def _clock(self, left: Node, right: Node) -> bool | None:
        if isinstance(left, Clock) and isinstance(right, Clock):
            return _same_time(left, right)
        for clock, other in ((left, right), (right, left)):
            if isinstance(clock, Clock):
                if clock.half:
                    return isinstance(other, Num) and clock.minute == 0 and other.value == clock.hour
                parts = (
                    (clock.hour, clock.minute, clock.second) if clock.second else (clock.hour, clock.minute)
                )
                return self.equal(Ratio(tuple(Num(Fraction(p)) for p in parts)), other)
        return None

    def _numeral(self, left: Node, right: Node) -> bool | None:
        if isinstance(left, Numeral) and isinstance(right, Numeral):
            return (
                left.base == right.base
                and numeral_value(left) is not None
                and numeral_value(left) == numeral_value(right)
            )
        for numeral, other in ((left, right), (right, left)):
            if isinstance(numeral, Numeral) and not isinstance(other, Rel):
                written = numeral.digits.lstrip("0")
                return (
                    isinstance(other, Num)
                    and not other.decimals
                    and written.isdigit()
                    and str(other.value) == written
                )
        return None

    # -- relations ------------------------------------------------------------------------------

    def _relations(self, left: Node, right: Node) -> bool | None:
        if not (isinstance(left, Rel) and isinstance(right, Rel)):
            return None
        if set(left.ops) == {"="} == set(right.ops):
            return self._equations(left, right)
        if len(left.ops) == len(right.ops) == 1 and left.ops[0] not in ("<", ">", "<=", ">=", "!=", "in"):
            return left.ops == right.ops and all(
                self.equal(a, b) for a, b in zip(left.parts, right.parts, strict=True)
            )
        names = variable_of(left), variable_of(right)
        solved = pieces(left, self.budget), pieces(right, self.budget)
        if solved[0] is not None and solved[1] is not None:
            return names[0] == names[1] and self._same_pieces(left, right) is True
        if len(left.ops) == len(right.ops) == 1:
            return self._single_inequality(left, right)
        if len(left.ops) != len(right.ops):
            return False
        for a, b in ((left, right), (left, _reversed(right))):
            if a.ops == b.ops and all(self.equal(x, y) for x, y in zip(a.parts, b.parts, strict=True)):
                return True
        return False

    def _single_inequality(self, left: Rel, right: Rel) -> bool:
        a, b = left.ops[0], right.ops[0]
        if (a in _FLIP and b in _FLIP) or a == b == "!=":
            if (a in "<>") != (b in "<>"):
                return False
            first = difference(*left.parts)
            second = difference(*right.parts)
            if a[0] != b[0]:
                second = negative(second)
            try:
                return same_equation(first, second, a != "!=", self.budget)
            except NotScalar:
                return False
        return a == b and all(self.equal(x, y) for x, y in zip(left.parts, right.parts, strict=True))

    def _equations(self, left: Rel, right: Rel) -> bool:
        one, two = _assignment(left), _assignment(right)
        if one and two:
            (name1, value1), (name2, value2) = one, two
            free = _loose(name1) or _loose(name2)
            if name1 == name2 or (
                free and (_has_variable(value1) or "text" in name1 + name2 or "call" not in name1 + name2)
            ):
                return self.equal(value1, value2)
            if not _has_variable(value1) and not _has_variable(value2):
                return False
        if len(left.parts) != 2 or len(right.parts) != 2:
            return len(left.parts) == len(right.parts) and all(
                self.equal(a, b) for a, b in zip(left.parts, right.parts, strict=True)
            )
        if isinstance(left.parts[0], Group) and isinstance(right.parts[0], Group):
            return all(self.equal(a, b) for a, b in zip(left.parts, right.parts, strict=True))
        try:
            return same_equation(difference(*left.parts), difference(*right.parts), False, self.budget)
        except NotScalar:
            return all(self.equal(a, b) for a, b in zip(left.parts, right.parts, strict=True))

    def _assigned(self, left: Node, right: Node) -> bool | None:
        """An equation against a bare value: the name on its left side does not count."""
        mapping = self._mappings(left, right)
        if mapping is not None:
            return mapping
        for relation, other in ((left, right), (right, left)):
            if not isinstance(relation, Rel) or isinstance(other, Rel):
                continue
            if set(relation.ops) == {"="}:
                value = self._right_side(relation)
                return False if value is None else self.equal(value, other)
            if relation.ops == ("in",) and _is_label(relation.parts[0]):
                return self.equal(relation.parts[1], other)
        return None

    def _right_side(self, relation: Rel) -> Node | None:
        """The value that an equation gives, ``None`` if it gives none or contradicts itself."""
        first, last = relation.parts[0], relation.parts[-1]
        if len(relation.parts) > 2:
            return None
        if _is_label(first) or (isinstance(first, Group) and all(_is_label(i) for i in first.items)):
            return last
        if _is_label(last) and not _has_variable(first) and len(relation.parts) == 2:
            return first
        if not _has_variable(first) and not _has_variable(last):
            return last if self._scalar(first, last) else None
        return None

    def _mappings(self, left: Node, right: Node) -> bool | None:
        """``x = 1, y = 2`` against another such list or against ``(1, 2)``."""
        one, two = _mapping(left), _mapping(right)
        if one is not None and two is not None:
            return one.keys() == two.keys() and all(self.equal(one[n], two[n]) for n in one)
        for mapping, other in ((one, right), (two, left)):
            if mapping is None:
                continue
            if isinstance(other, Group) and not (
                other.opening == "{" or (surely_interval(other) and len(other.items) == 2)
            ):
                values = list(mapping.values())
                in_order = len(values) == len(other.items) and all(
                    self.equal(a, b) for a, b in zip(values, other.items, strict=True)
                )
                by_name = [mapping[name] for name in sorted(mapping)]
                return in_order or (
                    other.opening != ""
                    and len(values) == len(other.items)
                    and all(self.equal(a, b) for a, b in zip(by_name, other.items, strict=True))
                )
            return False
        return None

    # -- quantities and ratios ------------------------------------------------------------------

    def _quantity(self, left: Node, right: Node) -> bool | None:
        if isinstance(left, Quantity) and isinstance(right, Quantity):
            factor = conversion(left.unit, right.unit)
            if factor is None:
                return False
            scaled = left.value if factor == 1 else Mul((left.value, Num(factor)))
            return self.equal(_simplify_number(scaled), right.value)
        for quantity, other in ((left, right), (right, left)):
            if isinstance(quantity, Quantity):
                spelled = _one_letter_unit(other)
                if spelled is not None and conversion(spelled.unit, quantity.unit) is not None:
                    return self._quantity(quantity, spelled)
                if quantity.unit == "rad":
                    return self.equal(quantity.value, other)
                if isinstance(other, (Rel, Group)) and not isinstance(quantity.value, Group):
                    return None
                return self.policy.units == "ignore" and self.equal(quantity.value, other)
        return None

    def _ratio(self, left: Node, right: Node) -> bool | None:
        if not (isinstance(left, Ratio) and isinstance(right, Ratio)):
            for ratio, other in ((left, right), (right, left)):
                if isinstance(ratio, Ratio) and (len(ratio.parts) != 2 or isinstance(other, Group)):
                    return False
            return None
        if len(left.parts) != len(right.parts):
            return False
        a, b = left.parts, right.parts
        return all(self.equal(Mul((a[0], y)), Mul((b[0], x))) for x, y in zip(a[1:], b[1:], strict=True))

    # -- groups ---------------------------------------------------------------------------------

    def _matrix(self, left: Node, right: Node) -> bool | None:
        one, two = matrix_of(left), matrix_of(right)
        if one is None and two is None:
            return None
        if one is not None and two is not None:
            return self._same_rows(one, two)
        matrix, other = (one, right) if one is not None else (two, left)
        assert matrix is not None
        if (
            isinstance(other, Group)
            and other.opening in ("(", "<", "[")
            and 1 in (len(matrix.rows), len(matrix.rows[0]))
        ):
            cells = [cell for row in matrix.rows for cell in row]
            return len(cells) == len(other.items) and all(
                self.equal(a, b) for a, b in zip(cells, other.items, strict=True)
            )
        return False

    def _same_rows(self, one: Matrix, two: Matrix) -> bool:
        if len(one.rows) != len(two.rows) or len(one.rows[0]) != len(two.rows[0]):
            return False
        return all(
            self.equal(a, b)
            for r, s in zip(one.rows, two.rows, strict=True)
            for a, b in zip(r, s, strict=True)
        )

    def _line(self, left: Node, right: Node) -> bool | None:
        """Subsets of the real line: at least one side must clearly be one."""
        if not (_is_line_set(left) or _is_line_set(right)):
            return None
        for side, other in ((left, right), (right, left)):
            if (
                surely_interval(side)
                and isinstance(other, Group)
                and other.opening == ""
                and not _all_relations(other)
            ):
                return False
        return self._same_pieces(left, right)

    def _same_pieces(self, left: Node, right: Node) -> bool | None:
        first, second = pieces(left, self.budget), pieces(right, self.budget)
        if first is None or second is None:
            if type(left) is not type(right):
                return False
            return self._unordered_structure(left, right)
        if len(first) != len(second):
            return False
        return all(
            (a.low_closed, a.high_closed) == (b.low_closed, b.high_closed)
            and self.equal(a.low, b.low)
            and self.equal(a.high, b.high)
            for a, b in zip(first, second, strict=True)
        )

    def _unordered_structure(self, left: Node, right: Node) -> bool:
        if isinstance(left, SetOp) and isinstance(right, SetOp):
            if left.op != right.op or left.op == "minus":
                return self._structure(left, right)
            return self._matching(left.args, right.args)
        if isinstance(left, Builder) and isinstance(right, Builder):
            return self.equal(left.element, right.element) and self._matching(
                left.conditions, right.conditions
            )
        if isinstance(left, Group) and isinstance(right, Group):
            return self._same_groups(left, right)
        return self._structure(left, right)

    def _groups(self, left: Node, right: Node) -> bool | None:
        if isinstance(left, Group) and isinstance(right, Group):
            return self._same_groups(left, right)
        for group, other in ((left, right), (right, left)):
            if isinstance(group, Group):
                if group.opening in ("", "{", "(") and len(group.items) == 1:
                    return self.equal(group.items[0], other)
                return False if not isinstance(other, (Add, Mul, Pow, Fn)) else None
        return None

    def _same_groups(self, left: Group, right: Group) -> bool:
        loose = ("", "{")
        if left.opening in loose and right.opening in loose:
            if self.policy.ordered and left.opening == right.opening == "":
                return self._in_order(left.items, right.items)
            return self._matching(_values(left), _values(right), as_set="{" in (left.opening, right.opening))
        if left.opening in loose or right.opening in loose:
            tuple_like, other = (right, left) if left.opening in loose else (left, right)
            if other.opening == "{" or (surely_interval(tuple_like) and len(tuple_like.items) == 2):
                return False
            return self._in_order(tuple_like.items, _values(other))
        if len(left.items) == len(right.items) == 2 and _brackets(left) != _brackets(right):
            return False
        return self._in_order(left.items, right.items)

    def _in_order(self, first: Sequence[Node], second: Sequence[Node]) -> bool:
        return len(first) == len(second) and all(self.equal(a, b) for a, b in zip(first, second, strict=True))

    def _matching(self, first: Sequence[Node], second: Sequence[Node], as_set: bool = False) -> bool:
        """A one-to-one match in any order; with ``as_set`` repetitions count once."""
        if as_set:
            first, second = self._distinct(first), self._distinct(second)
        if len(first) != len(second) or len(first) > _MAX_ITEMS:
            return False
        if any(isinstance(n, Sym) and n.name == "#dots" for n in first):
            return self._in_order(first, second)
        rest = list(second)
        for item in first:
            for index, candidate in enumerate(rest):
                if self.equal(item, candidate):
                    del rest[index]
                    break
            else:
                return False
        return True

    def _distinct(self, items: Sequence[Node]) -> list[Node]:
        out: list[Node] = []
        for item in items[:_MAX_ITEMS]:
            if not any(self.equal(item, seen) for seen in out):
                out.append(item)
        return out + list(items[_MAX_ITEMS:])


# -- helpers: shapes of trees -----------------------------------------------------------------------


def _plain(node: Node) -> Node:
    """Plus-minus written out, approximations dropped, repeated names of a list taken off."""
    node = _without_approximation(node)
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
    return _one_name(node)


def _without_approximation(node: Node) -> Node:
    """``x = 5/3 ~ 1.67`` says 5/3; the part behind the sign is dropped."""
    if isinstance(node, Rel) and "~" in node.ops:
        cut = node.ops.index("~")
        parts = node.parts[: cut + 1]
        if not _roughly_equal(node.parts[cut], node.parts[cut + 1]):
            return node
        if cut == 0 and _is_label(parts[0]):
            return node.parts[1]
        return parts[0] if cut == 0 else Rel(node.ops[:cut], parts)
    return node


def _roughly_equal(left: Node, right: Node) -> bool:
    """Whether two constants agree within a few per cent; what is no constant is given the benefit of the doubt."""
    from shared.verifiers import numeric

    if numeric.variables(left, right):
        return True
    found = numeric.gap(left, right, inline_budget())
    return found is None or found[0] <= 0.05 * found[1] + 0.05


def expand(node: Node) -> list[Node]:
    """The values of a tree with plus-minus signs: the upper signs together, then the lower ones."""
    if not has_plus_minus(node):
        return [node]
    return [_choose(node, 1), _choose(node, -1)]


def _choose(node: Node, sign: int) -> Node:
    if not has_plus_minus(node):
        return node
    match node:
        case PlusMinus(sign=own, arg=arg):
            inner = _choose(arg, sign)
            return inner if own * sign > 0 else negative(inner)
        case Add(terms=terms):
            return Add(tuple(_choose(t, sign) for t in terms))
        case Mul(factors=factors):
            return Mul(tuple(_choose(f, sign) for f in factors))
        case Pow(base=base, exponent=exponent):
            return Pow(_choose(base, sign), _choose(exponent, sign))
        case Fn(name=name, args=args):
            return Fn(name, tuple(_choose(a, sign) for a in args))
        case Group(opening=opening, closing=closing, items=items):
            return Group(opening, closing, tuple(_choose(i, sign) for i in items))
        case Rel(ops=ops, parts=parts):
            return Rel(ops, tuple(_choose(p, sign) for p in parts))
        case Quantity(value=value, unit=unit):
            return Quantity(_choose(value, sign), unit)
    return node


def _assignment(node: Node) -> tuple[str, Node] | None:
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


def _loose(name: str) -> bool:
    return name.startswith(("text ", "call "))


def _one_name(node: Node) -> Node:
    """``x = 1, x = 2`` and ``x = 1, 2`` are the list 1, 2; the name is dropped if it is the same throughout."""
    if not (isinstance(node, Group) and node.opening in ("", "{") and len(node.items) > 1):
        return node
    named = [_assignment(item) for item in node.items]
    if named[0] is None:
        return node
    name = named[0][0]
    if all(n is not None and n[0] == name for n in named):
        return Group(node.opening, node.closing, tuple(n[1] for n in named if n is not None))
    if all(n is None for n in named[1:]) and not any(isinstance(i, Rel) for i in node.items[1:]):
        return Group(node.opening, node.closing, (named[0][1], *node.items[1:]))
    return node


def _mapping(node: Node) -> dict[str, Node] | None:
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
    named = [_assignment(item) for item in node.items]
    if any(n is None for n in named):
        return None
    out = {n[0]: n[1] for n in named if n is not None}
    return out if len(out) == len(named) else None


def _values(group: Group) -> tuple[Node, ...]:
    return group.items


def _is_label(node: Node) -> bool:
    """A left side that only names what is asked for: ``x``, ``f(2)``, ``AB``, ``x + y``, ``|AB|``."""
    if isinstance(node, Sym):
        return not node.name.startswith("#")
    if isinstance(node, Fn):
        return (
            node.name not in ("root", "sin", "cos", "tan", "log", "ln", "exp", "factorial")
            and _has_variable(node)
        ) or (node.name in ("f", "g", "h"))
    if isinstance(node, (Add, Mul)):
        return all(_is_label(child) for child in children(node))
    return False


def _has_variable(node: Node) -> bool:
    if isinstance(node, Sym):
        return not node.name.startswith("#")
    return any(_has_variable(child) for child in children(node))


def _is_line_set(node: Node) -> bool:
    if isinstance(node, (SetOp, Builder)) or surely_interval(node) or node == Sym("#R"):
        return True
    if isinstance(node, Rel):
        return any(op in ("<", ">", "<=", ">=", "!=", "in") for op in node.ops)
    return isinstance(node, Group) and _all_relations(node)


def _all_relations(node: Group) -> bool:
    return bool(node.items) and all(isinstance(i, Rel) and set(i.ops) != {"="} for i in node.items)


def _brackets(group: Group) -> tuple[str, str]:
    opening = "(" if group.opening == "<" else group.opening
    closing = ")" if group.closing == ">" else group.closing
    return opening, closing


def _reversed(relation: Rel) -> Rel:
    ops = tuple(_FLIP.get(op, op) for op in reversed(relation.ops))
    return Rel(ops, tuple(reversed(relation.parts)))


def _same_time(left: Clock, right: Clock) -> bool:
    if (left.minute, left.second) != (right.minute, right.second):
        return False
    hours = []
    for clock in (left, right):
        hour = clock.hour % 12 + 12 * (clock.half == "pm") if clock.half else clock.hour
        hours.append((hour, bool(clock.half) or clock.hour > 12 or clock.hour == 0))
    (a, a_sure), (b, b_sure) = hours
    return a == b if a_sure == b_sure else a % 12 == b % 12


def _one_letter_unit(node: Node) -> Quantity | None:
    """``3000 g`` and ``5 m^2``, read as a number times a variable; a unit where the other side has one."""
    if not (isinstance(node, Mul) and len(node.factors) == 2 and isinstance(node.factors[0], Num)):
        return None
    value, rest = node.factors
    power = ""
    if isinstance(rest, Pow) and isinstance(rest.exponent, Num):
        rest, power = rest.base, f"^{rest.exponent.value}"
    if isinstance(rest, Sym) and rest.name in ("m", "g", "L", "l", "s", "h", "N", "J", "W", "V", "A", "K"):
        return Quantity(value, normal_unit(rest.name + power))
    return None


def _simplify_number(node: Node) -> Node:
    if isinstance(node, Mul) and all(isinstance(f, Num) for f in node.factors):
        value = Fraction(1)
        decimals = 0
        for part in node.factors:
            assert isinstance(part, Num)
            value *= part.value
            decimals = max(decimals, part.decimals)
        return Num(value, decimals)
    return node


__all__ = ["Comparison", "is_interval", "judge", "readings"]
