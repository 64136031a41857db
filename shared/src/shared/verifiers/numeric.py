"""Equality of expressions by evaluation: high precision, several points, no rounding luck.

Two expressions are called equal when their difference vanishes at working precision and again at a
far higher one, at every sample point where both are real (polynomial identity testing, for general
functions). The precision grows with the size of the numbers that occur, so that
``sqrt(10^100 + 1)`` is not ``10^50``. Expressions that the evaluator does not know become opaque
values, equal only to themselves. Nothing is evaluated from text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from mpmath import MPContext, mpf  # type: ignore[import-untyped]
from mpmath.libmp.libhyper import NoConvergence  # type: ignore[import-untyped]

from shared.verifiers.exact import Budget, Exhausted, NotScalar, bits, key, normal, symbols
from shared.verifiers.nodes import Add, Fn, Group, Mul, Node, Num, Pow, Ratio, Sym, children

_MAX_DIGITS = 3000
_INTEGER_FUNCTIONS = frozenset({"floor", "ceil", "factorial", "factorial2", "binom", "mod", "gcd", "lcm"})


class Unknown(Exception):
    """The expression has no value at this point, or evaluating it would be too costly."""


def _context(digits: int) -> Any:
    context = MPContext()
    context.dps = digits
    return context


class Evaluator:
    """Evaluates trees at one point and keeps book of what the digits are worth.

    ``loss`` counts decimal digits lost to cancellation and to large arguments; ``depth`` counts the
    digits that are needed to see every term of every sum and every digit of every number.
    """

    def __init__(
        self, digits: int, values: Mapping[str, Fraction], log_base_ten: bool, budget: Budget
    ) -> None:
        self.mp = _context(digits)
        self.points = values
        self.values = {name: self.mp.mpf(v.numerator) / v.denominator for name, v in values.items()}
        self.log_base_ten = log_base_ten
        self.budget = budget
        self.cost = 10 + digits // 5
        self.loss = 0.0
        self.depth = 0.0

    def small(self, value: Any, digits: int = 60) -> None:
        """Refuse arguments whose exponential or factorial would not fit any machine."""
        if value and self.mp.mag(value) > digits:
            raise Unknown

    def note(self, value: Any) -> Any:
        mp = self.mp
        if not mp.isfinite(value):
            raise Unknown
        if value and abs(mp.mag(value)) > 2**50:
            raise Unknown
        return value

    def total(self, parts: Sequence[Any]) -> Any:
        """A sum; the spread of its terms is depth, the cancellation among them is loss."""
        mp = self.mp
        out = mp.mpf(0)
        for part in parts:
            out = out + part
        sizes = [mp.mag(part) for part in parts if part]
        if len(sizes) > 1:
            self.depth += (max(sizes) - min(sizes)) * 0.30103
            self.loss += max(0.0, (max(sizes) - mp.mag(out)) * 0.30103) if out else mp.dps
        return out

    def __call__(self, node: Node) -> Any:
        self.budget.spend(self.cost)
        mp = self.mp
        match node:
            case Num(value=value):
                self.depth += bits(value) * 0.30103
                return self.note(mp.mpf(value.numerator) / value.denominator)
            case Sym(name=name):
                return self.symbol(name)
            case Add(terms=terms):
                return self.note(self.total([self(t) for t in terms]))
            case Mul(factors=factors):
                return self.note(mp.fprod([self(f) for f in factors]))
            case Pow(base=base, exponent=exponent):
                return self.note(self.power(base, exponent))
            case Fn():
                return self.note(self.function(node))
            case Ratio(parts=(left, right)):
                return self.note(self.divide(self(left), self(right)))
            case Group(opening="(", items=(only,)):
                return self(only)
        raise Unknown

    def symbol(self, name: str) -> Any:
        mp = self.mp
        constants = {"#pi": mp.pi, "#e": mp.e, "#i": mp.j, "#pct": mp.mpf(1) / 100, "#deg": mp.pi / 180}
        if name in constants:
            return constants[name] * 1
        if name in self.values:
            return self.values[name]
        raise Unknown

    def divide(self, top: Any, bottom: Any) -> Any:
        if not bottom or self.mp.almosteq(bottom, 0, abs_eps=self.mp.mpf(10) ** (-self.mp.dps + 8)):
            raise Unknown
        return top / bottom

    def power(self, base: Node, exponent: Node) -> Any:
        mp = self.mp
        b = self(base)
        rational = _rational(exponent)
        if rational is not None:
            return self.rational_power(b, rational)
        e = self(exponent)
        if not b:
            raise Unknown
        self.small(e)
        if mp.mag(e) + max(mp.mag(mp.mag(b) or 1), 1) > 60:
            raise Unknown
        if mp.im(e) == 0 and mp.isint(mp.re(e)):
            return b ** int(mp.re(e))
        return mp.power(b, e)

    def rational_power(self, base: Any, exponent: Fraction) -> Any:
        mp = self.mp
        if abs(exponent.numerator).bit_length() > 60:
            raise Unknown
        if not base:
            if exponent > 0:
                return mp.mpf(0)
            raise Unknown
        if exponent.denominator == 1:
            return self.divide(mp.mpf(1), base ** -int(exponent)) if exponent < 0 else base ** int(exponent)
        if mp.im(base) == 0 and mp.re(base) < 0 and exponent.denominator % 2:
            root = -mp.root(-mp.re(base), exponent.denominator)
            return root**exponent.numerator
        return mp.power(base, mp.mpf(exponent.numerator) / exponent.denominator)

    def function(self, node: Fn) -> Any:
        mp, name = self.mp, node.name
        if name == "root":
            index = _rational(node.args[1])
            if not index:
                raise Unknown
            return self.rational_power(self(node.args[0]), 1 / index)
        if name in _UNARY and len(node.args) == 1:
            x = self(node.args[0])
            return self.unary(name, x)
        if name in ("log", "ln") and len(node.args) == 2:
            return self.divide(self.unary("ln", self(node.args[0])), self.unary("ln", self(node.args[1])))
        if name == "binom" and len(node.args) == 2:
            n, k = self(node.args[0]), self(node.args[1])
            self.small(n, 40)
            self.small(k, 40)
            return mp.binomial(n, k)
        if name == "mod" and len(node.args) == 2:
            return mp.fmod(mp.re(self(node.args[0])), self.divide(mp.re(self(node.args[1])), 1))
        if name in ("min", "max"):
            return (min if name == "min" else max)(mp.re(self(a)) for a in node.args)
        return self.opaque(node)

    def unary(self, name: str, x: Any) -> Any:
        mp = self.mp
        if name in ("ln", "log", "lg"):
            if not x:
                raise Unknown
            out = (
                mp.log(x) / mp.log(10) if name == "lg" or (name == "log" and self.log_base_ten) else mp.log(x)
            )
            self.loss += max(0.0, -mp.mag(out) * 0.30103) if out else 0.0
            return out
        if x and name not in ("abs", "norm", "floor", "ceil", "sgn", "re", "im"):
            self.loss += max(0.0, mp.mag(x) * 0.30103)
        if name in ("factorial", "factorial2", "exp", "sinh", "cosh", "tanh", "erf"):
            self.small(x, 22)
        elif name in ("sin", "cos", "tan", "cot", "sec", "csc"):
            self.small(x, 400)
        if name in ("floor", "ceil"):
            nearest = mp.nint(mp.re(x))
            if abs(mp.re(x) - nearest) < mp.mpf(10) ** (-mp.dps // 2):
                return nearest
            return mp.floor(mp.re(x)) if name == "floor" else mp.ceil(mp.re(x))
        if name == "abs" or name == "norm":
            return abs(x)
        if name == "tan" and abs(mp.cos(x)) < mp.mpf(10) ** (-mp.dps // 2):
            raise Unknown
        return getattr(mp, _UNARY[name])(x)

    def opaque(self, node: Fn) -> Any:
        """An unknown function: a fixed value drawn from the name and the normal forms of its arguments."""
        parts = [node.name]
        for arg in node.args:
            try:
                parts.append(key(normal(arg, self.budget)))
            except NotScalar:
                parts.append(repr(arg))
        inside = symbols(node)
        parts += [f"{name}={value}" for name, value in sorted(self.points.items()) if name in inside]
        digest = hashlib.sha256("\0".join(parts).encode()).digest()
        return self.mp.mpf(int.from_bytes(digest[:16], "big")) / 2**127 + self.mp.mpf(1) / 3


_UNARY = {
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "asin": "asin",
    "acos": "acos",
    "atan": "atan", "acot": "acot", "asec": "asec", "acsc": "acsc", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh",
    "exp": "exp", "abs": "abs", "norm": "abs", "floor": "floor", "ceil": "ceil", "cbrt": "cbrt",
    "erf": "erf", "sgn": "sign",
    "re": "re", "im": "im", "arg": "arg", "factorial": "factorial", "factorial2": "fac2", "ln": "ln",
    "log": "log", "lg": "lg",
}  # fmt: skip


def _rational(node: Node) -> Fraction | None:
    """The value of a small rational exponent, read off the tree."""
    if isinstance(node, Num):
        return node.value
    if isinstance(node, Mul):
        out = Fraction(1)
        for part in node.factors:
            value = _rational(part)
            if value is None or value.numerator.bit_length() > 64:
                return None
            out *= value
        return out
    if isinstance(node, Pow):
        base, exponent = _rational(node.base), _rational(node.exponent)
        if base and exponent == -1:
            return 1 / base
    return None


def _functions(node: Node) -> set[str]:
    out = {node.name} if isinstance(node, Fn) else set()
    if isinstance(node, Pow) and _rational(node.base) is not None and (_rational(node.base) or 0) < 0:
        out.add("mod")
    for child in children(node):
        out |= _functions(child)
    return out


def variables(*nodes: Node) -> list[str]:
    """The free variables of the trees, sorted."""
    names: set[str] = set()
    for node in nodes:
        names |= symbols(node)
    return sorted(n for n in names if not n.startswith("#"))


def sample_points(names: Sequence[str], integers: bool) -> list[dict[str, Fraction]]:
    """Fixed, well spread points: all positive, mixed signs, and whole numbers for integer functions.

    Each coordinate is derived from the variable's name alone, so both sides see the same values.
    """
    points = []
    for index in range(8 if integers else 6):
        point = {}
        for name in names:
            raw = int.from_bytes(hashlib.sha256(f"{name}/{index}".encode()).digest()[:4], "big")
            if integers:
                point[name] = Fraction(raw % 40 + 2 + index)
            else:
                value = Fraction(raw % 9973 + 300, 3331)
                point[name] = -value if index >= 3 and (index == 3 or raw >> 20 & 1) else value
        points.append(point)
    return points


def difference_at(
    left: Node, right: Node, point: Mapping[str, Fraction], log_base_ten: bool, budget: Budget
) -> bool | None:
    """Whether the sides differ at a point; ``None`` when one of them is not real (or has no value) there.

    Raises:
        Exhausted: when the numbers are too large to decide within the budget.
    """
    digits = 30
    complex_allowed = not variables(left, right)
    while digits <= _MAX_DIGITS:
        evaluate = Evaluator(digits, point, log_base_ten, budget)
        a, b = evaluate(left), evaluate(right)
        mp = evaluate.mp
        scale = max(abs(a), abs(b))
        if not scale:
            return False
        if not complex_allowed:
            noise = scale * mp.mpf(10) ** (-digits // 2)
            if abs(mp.im(a)) > noise or abs(mp.im(b)) > noise:
                return None
        trusted = digits - evaluate.loss - 6  # digits of each side that mean something
        gap = abs(a - b)
        if trusted > 6 and gap > scale * mp.mpf(10) ** -int(trusted):
            return True
        needed = 50 + 2 * int(evaluate.depth + min(evaluate.loss, evaluate.depth))
        if digits >= needed:
            return gap > mp.mpf(10) ** (-digits // 3) * (scale if trusted > digits // 3 else 1)
        digits = max(needed, digits * 2)
    raise Exhausted


def same(left: Node, right: Node, budget: Budget) -> bool:
    """Whether two expressions have the same value wherever both are real.

    Raises:
        Exhausted: when it cannot be decided within the budget.
    """
    functions = _functions(left) | _functions(right)
    bases = (
        (False, True)
        if ("log" in functions and functions & {"ln", "lg"}) or _two_argument_log(left, right)
        else (False,)
    )
    return any(_same(left, right, base, functions, budget) for base in bases)


def _two_argument_log(*nodes: Node) -> bool:
    found: set[int] = set()

    def walk(node: Node) -> None:
        if isinstance(node, Fn) and node.name == "log":
            found.add(len(node.args))
        for child in children(node):
            walk(child)

    for node in nodes:
        walk(node)
    return found == {1, 2} or found == {1}


def _same(left: Node, right: Node, log_base_ten: bool, functions: set[str], budget: Budget) -> bool:
    names = variables(left, right)
    integers = bool(functions & _INTEGER_FUNCTIONS) and bool(names)
    agreed = 0
    for point in sample_points(names, integers) if names else [{}]:
        try:
            verdict = difference_at(left, right, point, log_base_ten, budget)
        except (Unknown, ZeroDivisionError, ValueError, OverflowError, NoConvergence):
            continue
        if verdict:
            return False
        agreed += verdict is False
    return agreed >= (1 if not names else 2)


def proportional(left: Node, right: Node, positive: bool, budget: Budget) -> bool:
    """Whether ``left = c * right`` for one non-zero (positive, if asked) constant c: equal equations.

    Raises:
        Exhausted: when it cannot be decided within the budget.
    """
    names = variables(left, right)
    if not names:
        return False
    ratio: Any = None
    agreed = 0
    for point in sample_points(names, False):
        try:
            evaluate = Evaluator(50, point, False, budget)
            a, b = evaluate(left), evaluate(right)
        except (Unknown, ZeroDivisionError, ValueError, OverflowError, NoConvergence):
            continue
        mp = evaluate.mp
        tiny = mp.mpf(10) ** -30
        if abs(mp.im(a)) > tiny or abs(mp.im(b)) > tiny:
            continue
        if abs(a) < tiny or abs(b) < tiny:
            if abs(a) < tiny and abs(b) < tiny:
                continue
            return False
        now = a / b
        if ratio is not None and abs(now - ratio) > abs(ratio) * mp.mpf(10) ** -25:
            return False
        ratio = now
        agreed += 1
    return agreed >= 3 and ratio is not None and (not positive or ratio.real > 0)


def approximate(node: Node, budget: Budget) -> complex | None:
    """A constant as a Python complex number, ``None`` when it has variables, no value or is out of range."""
    if variables(node):
        return None
    try:
        value = Evaluator(30, {}, False, budget)(node)
        return complex(value)
    except (Unknown, ZeroDivisionError, ValueError, OverflowError, NoConvergence):
        return None


def gap(left: Node, right: Node, budget: Budget) -> tuple[mpf, mpf] | None:
    """``|left - right|`` and ``|right|`` of two constants at 30 digits, ``None`` without a value."""
    try:
        evaluate = Evaluator(30, {}, False, budget)
        a, b = evaluate(left), evaluate(right)
        return abs(a - b), abs(b)
    except (Unknown, ZeroDivisionError, ValueError, OverflowError, NoConvergence):
        return None
