"""Equality of two answers that have been read: the rules for lists, sets, relations, units and text.

The rules are symmetric, pure and bounded by a budget. Texts become trees in
:mod:`shared.verifiers.judge`; deadlines are :mod:`shared.verifiers.pool`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from shared.verifiers.exact import Budget, NotScalar, numeral_value
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
from shared.verifiers.reader import meaning_of
from shared.verifiers.scalars import difference, matrix_of, same_equation, same_scalar
from shared.verifiers.sets import pieces, surely_interval, variable_of
from shared.verifiers.shapes import (
    FLIP,
    all_relations,
    assignment,
    brackets,
    has_variable,
    is_label,
    is_line_set,
    items_of,
    loose,
    mirrored,
    named_values,
    one_letter_unit,
    same_time,
    simplified,
    simplify_number,
    without_condition,
)
from shared.verifiers.text import joined
from shared.verifiers.units import conversion

_MAX_ITEMS = 200


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
        left, right = self._shortened(simplified(left)), self._shortened(simplified(right))
        if left == right:
            return True
        named = (meaning_of(left), meaning_of(right))
        if named[0] and named[0] == named[1]:
            return True
        for rule in (
            self._text,
            self._clock,
            self._numeral,
            self._conditioned,
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
        named = is_label(node.parts[0])
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
                and joined(left.value) == joined(right.value)
            )
        return None

    def _clock(self, left: Node, right: Node) -> bool | None:
        if isinstance(left, Clock) and isinstance(right, Clock):
            return same_time(left, right)
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

    def _conditioned(self, left: Node, right: Node) -> bool | None:
        """``x = k pi, k in Z`` against ``k pi``: a condition on a parameter that only one side states."""
        first, second = without_condition(left), without_condition(right)
        if (first is None) == (second is None):
            return None
        return self.equal(first if first is not None else left, second if second is not None else right)

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
        for a, b in ((left, right), (left, mirrored(right))):
            if a.ops == b.ops and all(self.equal(x, y) for x, y in zip(a.parts, b.parts, strict=True)):
                return True
        return False

    def _single_inequality(self, left: Rel, right: Rel) -> bool:
        a, b = left.ops[0], right.ops[0]
        if (a in FLIP and b in FLIP) or a == b == "!=":
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
        one, two = assignment(left), assignment(right)
        if one and two:
            (name1, value1), (name2, value2) = one, two
            free = loose(name1) or loose(name2)
            if name1 == name2 or (
                free and (has_variable(value1) or "text" in name1 + name2 or "call" not in name1 + name2)
            ):
                return self.equal(value1, value2)
            if not has_variable(value1) and not has_variable(value2):
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
            if relation.ops == ("in",) and is_label(relation.parts[0]):
                return self.equal(relation.parts[1], other)
        return None

    def _right_side(self, relation: Rel) -> Node | None:
        """The value that an equation gives, ``None`` if it gives none or contradicts itself."""
        first, last = relation.parts[0], relation.parts[-1]
        if len(relation.parts) > 2:
            return None
        if is_label(first) or (isinstance(first, Group) and all(is_label(i) for i in first.items)):
            return last
        if is_label(last) and not has_variable(first) and len(relation.parts) == 2:
            return first
        if not has_variable(first) and not has_variable(last):
            return last if self._scalar(first, last) else None
        return None

    def _mappings(self, left: Node, right: Node) -> bool | None:
        """``x = 1, y = 2`` against another such list or against ``(1, 2)``."""
        one, two = named_values(left), named_values(right)
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
            return self.equal(simplify_number(scaled), right.value)
        for quantity, other in ((left, right), (right, left)):
            if isinstance(quantity, Quantity):
                spelled = one_letter_unit(other)
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
        if not (is_line_set(left) or is_line_set(right)):
            return None
        for side, other in ((left, right), (right, left)):
            if (
                surely_interval(side)
                and isinstance(other, Group)
                and other.opening == ""
                and not all_relations(other)
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
            return self._matching(
                items_of(left), items_of(right), as_set="{" in (left.opening, right.opening)
            )
        if left.opening in loose or right.opening in loose:
            tuple_like, other = (right, left) if left.opening in loose else (left, right)
            if other.opening == "{" or (surely_interval(tuple_like) and len(tuple_like.items) == 2):
                return False
            return self._in_order(tuple_like.items, items_of(other))
        if len(left.items) == len(right.items) == 2 and brackets(left) != brackets(right):
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
