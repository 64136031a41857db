"""Equality of two expressions: exact normal forms first, evaluation only when they leave it open.

The conventions about per cent, degrees, rounding and tolerance live here; they depend on the policy
and are symmetric in the two sides.
"""

from __future__ import annotations

from fractions import Fraction

from shared.verifiers.exact import Budget, NotScalar, add, as_rational, is_decided, normal, scale, symbols
from shared.verifiers.nodes import ONE, Add, Fn, Group, Matrix, Mul, Node, Num, Pow, Ratio, Sym, negative
from shared.verifiers.policy import Policy

_MARKS = ("#pct", "#deg")


def substitute(node: Node, name: str, value: Node) -> Node:
    """The expression with a symbol replaced; only the node types of expressions are entered."""
    if isinstance(node, Sym):
        return value if node.name == name else node
    match node:
        case Add(terms=terms):
            return Add(tuple(substitute(t, name, value) for t in terms))
        case Mul(factors=factors):
            return Mul(tuple(substitute(f, name, value) for f in factors))
        case Pow(base=base, exponent=exponent):
            return Pow(substitute(base, name, value), substitute(exponent, name, value))
        case Fn(name=function, args=args):
            return Fn(function, tuple(substitute(a, name, value) for a in args))
        case Ratio(parts=parts):
            return Ratio(tuple(substitute(p, name, value) for p in parts))
        case Group(opening=opening, closing=closing, items=items):
            return Group(opening, closing, tuple(substitute(i, name, value) for i in items))
    return node


def same_scalar(left: Node, right: Node, policy: Policy, budget: Budget) -> bool:
    """Whether two expressions are the same answer under a policy.

    Raises:
        Exhausted: the budget does not suffice.
        NotScalar: one of them is no expression.
    """
    for mark in _MARKS:
        has_left, has_right = mark in symbols(left), mark in symbols(right)
        if has_left != has_right:
            marked, plain = (left, right) if has_left else (right, left)
            if _one_sided(marked, plain, mark, policy, budget):
                return True
    return _same_value(left, right, policy, budget)


def _one_sided(marked: Node, plain: Node, mark: str, policy: Policy, budget: Budget) -> bool:
    """A sign that one side leaves out: 30 for 30 degrees, 50 for 50 per cent (not 0.5 for 0.5)."""
    allowed = policy.units == "ignore" if mark == "#deg" else policy.percent == "lenient"
    if not allowed or not _outermost(marked, mark):
        return False
    bare = substitute(marked, mark, ONE)
    if mark == "#pct":
        value = as_rational(normal(bare, budget))
        if value is not None and abs(value) <= 1:
            return False
    return _same_value(bare, plain, policy, budget)


def _outermost(node: Node, mark: str) -> bool:
    """Whether the sign belongs to the whole value and not to the argument of a function."""
    if isinstance(node, Mul):
        return any(f == Sym(mark) or _outermost(f, mark) for f in node.factors)
    if isinstance(node, Add):
        return all(_outermost(t, mark) for t in node.terms)
    return False


def _same_value(left: Node, right: Node, policy: Policy, budget: Budget) -> bool:
    first, second = normal(left, budget), normal(right, budget)
    if first == second:
        return True
    a, b = as_rational(first), as_rational(second)
    if a is not None and b is not None:
        return _rounded(left, right, a, b, policy) or _tolerated(left, right, a, b, policy)
    rest = add(first, scale(second, Fraction(-1)), budget)
    if not is_decided(rest):
        from shared.verifiers import numeric

        if numeric.same(left, right, budget):
            return True
    return _close(left, right, policy, budget)


def decimals_of(node: Node) -> int:
    """Digits after the point of a number written as a decimal, 0 for anything else."""
    if isinstance(node, Num):
        return node.decimals
    if isinstance(node, Mul) and len(node.factors) == 2 and isinstance(node.factors[0], Num):
        if node.factors[0].value == -1:
            return decimals_of(node.factors[1])
        if node.factors[1] in (Sym("#deg"), Sym("#pct")):
            return node.factors[0].decimals
    return 0


def _rounded(left: Node, right: Node, a: Fraction, b: Fraction, policy: Policy) -> bool:
    """A decimal with enough digits against the exact value that it is rounded from."""
    if not policy.rounded_digits:
        return False
    digits = [d for d in (decimals_of(left), decimals_of(right)) if d]
    if not digits or min(digits) < policy.rounded_digits:
        return False
    if len(digits) == 1 and (a if decimals_of(left) else b).denominator == 1:
        return False
    unit = Fraction(1, 10 ** min(digits))
    return abs(a - b) < unit and max(abs(a), abs(b)) > _significant(policy) * unit


def _significant(policy: Policy) -> int:
    """A rounded number needs as many significant digits as the policy asks decimals, at most four."""
    return 10 ** (min(policy.rounded_digits, 4) - 1)


def _tolerated(left: Node, right: Node, a: Fraction, b: Fraction, policy: Policy) -> bool:
    """Relative tolerance; two plain integers are compared exactly all the same."""
    if not policy.rel_tol:
        return False
    if (
        a.denominator == b.denominator == 1
        and not decimals_of(left)
        and not decimals_of(right)
        and abs(a) < 10**4
    ):
        return False
    return abs(a - b) <= Fraction(policy.rel_tol) * min(abs(a), abs(b))


def _close(left: Node, right: Node, policy: Policy, budget: Budget) -> bool:
    """Rounding and tolerance for constants that are not rational, such as ``2\\pi`` and 6.283185307."""
    digits = [d for d in (decimals_of(left), decimals_of(right)) if d]
    wants_rounding = policy.rounded_digits and digits and min(digits) >= policy.rounded_digits
    if not (wants_rounding or policy.rel_tol):
        return False
    from shared.verifiers import numeric

    if numeric.variables(left, right):
        return False
    found = numeric.gap(left, right, budget)
    if found is None:
        return False
    gap, size = found
    if policy.rel_tol and gap <= policy.rel_tol * size:
        return True
    unit = 10.0 ** -min(digits) if digits else 0.0
    return bool(wants_rounding and gap < unit and size > _significant(policy) * unit)


def same_equation(left: Node, right: Node, positive: bool, budget: Budget) -> bool:
    """Whether ``left = 0`` and ``right = 0`` are one equation: proportional after clearing denominators.

    With ``positive`` the factor must be positive (inequalities).
    """
    from shared.verifiers import numeric
    from shared.verifiers.exact import content

    first, second = _cleared(normal(left, budget)), _cleared(normal(right, budget))
    if not first or not second:
        return not first and not second
    m1, c1, rest1 = content(first)
    m2, c2, rest2 = content(second)
    if rest1 == rest2 and m1 == m2:
        return not positive or (c1 > 0) == (c2 > 0)
    if is_decided(first) and is_decided(second):
        return False
    return numeric.proportional(left, right, positive, budget)


def _cleared(
    form: dict[tuple[tuple[str, Fraction], ...], Fraction],
) -> dict[tuple[tuple[str, Fraction], ...], Fraction]:
    """Multiply by the plain variables that stand in denominators."""
    from shared.verifiers.exact import _merge, inline_budget

    lowest: dict[str, Fraction] = {}
    for monomial in form:
        for name, exponent in monomial:
            if exponent < 0 and name[0] == "x":
                lowest[name] = min(lowest.get(name, Fraction(0)), exponent)
    if not lowest:
        return form
    lift = [(name, -e) for name, e in lowest.items()]
    out = {}
    for monomial, coefficient in form.items():
        merged, total = _merge((*monomial, *lift), coefficient, inline_budget())
        out[merged] = total
    return out


def matrix_of(node: Node) -> Matrix | None:
    """A matrix, also one with a scalar factor in front or written as a list of rows."""
    if isinstance(node, Matrix):
        return node
    if isinstance(node, Mul):
        matrices = [f for f in node.factors if isinstance(f, Matrix)]
        if len(matrices) == 1:
            others = tuple(f for f in node.factors if not isinstance(f, Matrix))
            return Matrix(tuple(tuple(Mul((*others, cell)) for cell in row) for row in matrices[0].rows))
    if isinstance(node, Group) and node.opening == "[" and node.items:
        rows = [i.items for i in node.items if isinstance(i, Group) and i.opening == "["]
        if len(rows) == len(node.items) and len({len(r) for r in rows}) == 1:
            return Matrix(tuple(rows))
    return None


def difference(left: Node, right: Node) -> Node:
    return Add((left, negative(right)))


__all__ = ["NotScalar", "difference", "matrix_of", "same_equation", "same_scalar", "substitute"]
