"""Exact normal forms of expressions: sums of monomials with rational coefficients.

A form maps monomials to fractions. A monomial is a sorted tuple of (atom, exponent); atoms are
primes (for roots and for powers too large to write out), constants, variables, and whatever else an
expression holds (a function of its arguments, a sum in a denominator) named by its own normal form.
Equal forms are equal expressions where both are real; unequal forms need not differ, except in
the large class of :func:`is_decided`. Work is bounded by a :class:`Budget`, so that
``10^{10^{10}}`` or ``(a+b)^{99}`` costs no more than a refusal to expand it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from shared.verifiers.nodes import Add, Fn, Group, Mul, Node, Num, Numeral, Pow, Ratio, Sym, children

Monomial = tuple[tuple[str, Fraction], ...]
Form = dict[Monomial, Fraction]

_MAX_TERMS = 400
_TRIAL = 1000  # divisors tried when a number is factored
_ZERO = Fraction(0)
_ONE = Fraction(1)


class Exhausted(Exception):
    """The budget does not allow this expression to be brought to normal form."""


class NotScalar(ValueError):
    """The node is a list, a set, text or anything else that has no value as an expression."""


@dataclass
class Budget:
    """How much work is allowed: steps (about one microsecond each) and bits of a number."""

    steps: int = 20_000
    bits: int = 20_000

    def spend(self, steps: int) -> None:
        """Use up steps.

        Raises:
            Exhausted: when none are left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise Exhausted


def inline_budget() -> Budget:
    """What a verdict may cost in the calling process."""
    return Budget()


def worker_budget() -> Budget:
    """What a verdict may cost in a worker process, where a clock runs as well."""
    return Budget(steps=5_000_000, bits=4_000_000)


def bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def constant(value: Fraction) -> Form:
    return {(): value} if value else {}


def atom(name: str, exponent: Fraction = _ONE) -> Form:
    return {((name, exponent),): _ONE}


def as_rational(form: Form) -> Fraction | None:
    """The value of a form that is a rational number, else ``None``."""
    if not form:
        return _ZERO
    if len(form) == 1 and () in form:
        return form[()]
    return None


def is_decided(form: Form) -> bool:
    """Whether the form is zero only if it is empty, so that unequal forms are unequal expressions.

    True for sums of monomials in variables, roots of primes, i, and one of pi and e: monomials in
    roots of distinct primes are linearly independent over the rationals (Besicovitch 1940), powers of
    variables are independent functions, and pi and e are each transcendental.
    """
    transcendental = set()
    for monomial in form:
        for name, _ in monomial:
            if name[0] == "n":
                if int(name[1:]) > _TRIAL**2:
                    return False
            elif name in ("x#pi", "x#e"):
                transcendental.add(name)
            elif name[0] != "x" or (name.startswith("x#") and name != "x#i"):
                return False
    return len(transcendental) < 2


def key(form: Form) -> str:
    """The form as a string; equal forms give equal strings. Long numbers are written in hexadecimal."""
    terms = sorted(form.items(), key=lambda item: [(a, e) for a, e in item[0]])
    return "+".join(_number(c) + "".join(f"*{a}^{_number(e)}" for a, e in m) for m, c in terms) or "0"


def _number(value: Fraction) -> str:
    if bits(value) < 4000:
        return str(value)
    return f"{value.numerator:x}/{value.denominator:x}h"


def add(left: Form, right: Form, budget: Budget) -> Form:
    budget.spend(len(left) + len(right))
    out = dict(left)
    for monomial, coefficient in right.items():
        total = out.get(monomial, _ZERO) + coefficient
        budget.spend(bits(total) // 64)
        if total:
            out[monomial] = total
        else:
            out.pop(monomial, None)
    return out


def scale(form: Form, factor: Fraction) -> Form:
    return {m: c * factor for m, c in form.items()} if factor else {}


def multiply(left: Form, right: Form, budget: Budget) -> Form:
    """The product, expanded.

    Raises:
        Exhausted: when it has too many terms or too long numbers.
    """
    if len(left) * len(right) > _MAX_TERMS * 4:
        raise Exhausted
    out: Form = {}
    for m1, c1 in left.items():
        for m2, c2 in right.items():
            if bits(c1) + bits(c2) > budget.bits * 2:
                raise Exhausted
            budget.spend(3 + (bits(c1) + bits(c2)) // 64)
            monomial, coefficient = _merge((*m1, *m2), c1 * c2, budget)
            total = out.get(monomial, _ZERO) + coefficient
            if total:
                out[monomial] = total
            else:
                out.pop(monomial, None)
    return out


def _merge(
    pairs: Iterable[tuple[str, Fraction]], coefficient: Fraction, budget: Budget
) -> tuple[Monomial, Fraction]:
    """Collect equal atoms; whole powers of numbers move into the coefficient where they fit."""
    exponents: dict[str, Fraction] = {}
    for name, exponent in pairs:
        exponents[name] = exponents.get(name, _ZERO) + exponent
    out = []
    for name, exponent in exponents.items():
        budget.spend(2)
        if not exponent:
            continue
        if name == "x#i" and exponent.denominator == 1:
            turns = int(exponent) % 4
            coefficient = -coefficient if turns >= 2 else coefficient
            if turns % 2:
                out.append((name, _ONE))
            continue
        if name[0] == "n":
            exponent, coefficient = _absorb(int(name[1:]), exponent, coefficient, budget)
            if not exponent:
                continue
        out.append((name, exponent))
    return tuple(sorted(out)), coefficient


def _absorb(
    base: int, exponent: Fraction, coefficient: Fraction, budget: Budget
) -> tuple[Fraction, Fraction]:
    """Split ``base**exponent`` into what stays an atom and what joins the coefficient."""
    whole = math.floor(exponent)
    if abs(whole) * base.bit_length() <= budget.bits:
        budget.spend(abs(whole) * base.bit_length() // 64)
        return exponent - whole, coefficient * Fraction(base) ** whole
    top, bottom, moved = coefficient.numerator, coefficient.denominator, 0
    while top and top % base == 0:
        top //= base
        moved += 1
        budget.spend(1)
    while bottom % base == 0:
        bottom //= base
        moved -= 1
        budget.spend(1)
    return exponent + moved, Fraction(top, bottom)


def factor(number: int, budget: Budget) -> dict[int, int]:
    """Prime factors below a limit; what is left over stands as one factor."""
    factors: dict[int, int] = {}
    divisor = 2
    while divisor * divisor <= number and divisor <= _TRIAL:
        while number % divisor == 0:
            budget.spend(1 + number.bit_length() // 64)
            number //= divisor
            factors[divisor] = factors.get(divisor, 0) + 1
        divisor += 1 if divisor == 2 else 2
    budget.spend(divisor // 20)
    if number > 1:
        root = math.isqrt(number)
        if number > _TRIAL**2 and root * root == number:
            factors[root] = factors.get(root, 0) + 2
        else:
            factors[number] = factors.get(number, 0) + 1
    return factors


def power(base: Form, exponent: Form, budget: Budget) -> Form:
    """``base ** exponent`` for a rational exponent or, as an atom, any other."""
    rational = as_rational(exponent)
    if rational is None:
        return _general_power(base, exponent, budget)
    if rational == 0:
        return constant(_ONE)
    if not base:
        if rational > 0:
            return {}
        raise NotScalar("Division by zero.")
    if rational == 1:
        return base
    if len(base) == 1:
        return _monomial_power(base, rational, budget)
    if (
        rational.denominator == 1
        and 0 < rational <= 24
        and math.comb(len(base) + int(rational) - 1, int(rational)) <= _MAX_TERMS
    ):
        out = base
        for _ in range(int(rational) - 1):
            out = multiply(out, base, budget)
        return out
    if rational == -1 and (inverse := _gaussian_inverse(base)) is not None:
        return inverse
    return _sum_power(base, rational, budget)


def _gaussian_inverse(base: Form) -> Form | None:
    """``1 / (a + bi)`` with rational parts."""
    unit: Monomial = (("x#i", _ONE),)
    if set(base) != {(), unit}:
        return None
    real, imaginary = base[()], base[unit]
    norm = real * real + imaginary * imaginary
    return {(): real / norm, unit: -imaginary / norm}


def _monomial_power(base: Form, exponent: Fraction, budget: Budget) -> Form:
    ((monomial, coefficient),) = base.items()
    pairs: list[tuple[str, Fraction]] = []
    whole = exponent.denominator == 1
    for name, e in monomial:
        if not whole and name == "x#i":
            return atom(f"w({key(base)})^({exponent})")
        if (
            not whole
            and name[0] in "xf"
            and name != "x#pi"
            and name != "x#e"
            and exponent.denominator % 2 == 0
            and e.numerator % 2 == 0
        ):
            name = f"fabs({name})"
        pairs.append((name, e * exponent))
    if whole and abs(exponent) * bits(coefficient) <= budget.bits:
        budget.spend(bits(coefficient) * abs(int(exponent)) // 64)
        factor_out = coefficient ** int(exponent)
    else:
        sign = -1 if coefficient < 0 else 1
        factor_out = _ONE
        if sign < 0 and exponent.denominator % 2 == 0:
            if exponent.denominator != 2:
                return atom(f"w({key(base)})^({exponent})")
            pairs.append(("x#i", Fraction(exponent.numerator)))
        elif sign < 0 and exponent.numerator % 2:
            factor_out = -_ONE
        for number, direction in ((abs(coefficient.numerator), 1), (coefficient.denominator, -1)):
            for prime, count in factor(number, budget).items():
                pairs.append((f"n{prime}", count * direction * exponent))
    merged, total = _merge(pairs, factor_out, budget)
    return {merged: total}


def content(form: Form, keep_sign: bool = False) -> tuple[Monomial, Fraction, Form]:
    """Take out the common monomial and a coefficient: ``form = coefficient * monomial * rest``."""
    common: dict[str, Fraction] | None = None
    for monomial in form:
        powers = dict(monomial)
        if common is None:
            common = powers
        else:
            common = {n: min(e, powers[n]) for n, e in common.items() if n in powers}
    shared = tuple(sorted((common or {}).items()))
    if shared:
        less = {n: -e for n, e in shared}
        form = {tuple((n, e2) for n, e in m if (e2 := e + less.get(n, _ZERO))): c for m, c in form.items()}
    lead = form[max(form, key=lambda m: [(a, e) for a, e in m])]
    lead = abs(lead) if keep_sign else lead
    return shared, lead, scale(form, 1 / lead)


def _sum_power(base: Form, exponent: Fraction, budget: Budget) -> Form:
    """A power of a sum that is not expanded: content out, the rest as one atom."""
    budget.spend(4 * len(base))
    whole = exponent.denominator == 1
    shared, lead, rest = content(base, keep_sign=not whole) if whole else ((), _ONE, base)
    outside = power({shared: lead}, constant(exponent), budget)
    return multiply(outside, atom(f"s({key(rest)})", exponent), budget)


def _general_power(base: Form, exponent: Form, budget: Budget) -> Form:
    """An exponent with variables: one atom per term of the exponent, so that powers of one base combine."""
    if not base:
        raise NotScalar("A power of zero with a variable exponent.")
    bases: list[tuple[str, Fraction]]
    value = as_rational(base)
    if value is not None and value > 0:
        bases = [(f"n{p}", Fraction(c)) for p, c in factor(value.numerator, budget).items()]
        bases += [(f"n{p}", Fraction(-c)) for p, c in factor(value.denominator, budget).items()]
    elif len(base) == 1 and next(iter(base.values())) == 1 and len(next(iter(base))) == 1:
        bases = list(next(iter(base)))
    else:
        bases = [(f"({key(base)})", _ONE)]
    pairs: list[tuple[str, Fraction]] = []
    for name, times in bases:
        for monomial, coefficient in exponent.items():
            budget.spend(5)
            label = name if not monomial else f"w{name}^({key({monomial: _ONE})})"
            pairs.append((label, coefficient * times))
    merged, total = _merge(pairs, _ONE, budget)
    return {merged: total}


def _logarithm(argument: Form, name: str, budget: Budget) -> Form:
    """Logarithms of positive rationals split over their primes; ``ln e`` is 1."""
    value = as_rational(argument)
    if value is not None and value > 0:
        out: Form = {}
        for number, sign in ((value.numerator, 1), (value.denominator, -1)):
            for prime, count in factor(number, budget).items():
                out = add(out, {((f"f{name}({prime})", _ONE),): Fraction(sign * count)}, budget)
        return out
    if name == "ln" and len(argument) == 1:
        ((monomial, coefficient),) = argument.items()
        if coefficient == 1 and len(monomial) == 1 and monomial[0][0] == "x#e":
            return constant(monomial[0][1])
    return atom(f"f{name}({key(argument)})")


def _function(node: Fn, budget: Budget) -> Form:
    name = node.name
    if name == "root":
        index = as_rational(normal(node.args[1], budget))
        if index is None or index == 0:
            raise NotScalar("A root needs a number other than zero as its index.")
        return power(normal(node.args[0], budget), constant(1 / index), budget)
    args = [normal(arg, budget) for arg in node.args]
    values = [as_rational(arg) for arg in args]
    if name in ("ln", "log", "lg"):
        if name == "lg":
            return _quotient(
                _logarithm(args[0], "ln", budget), _logarithm(constant(Fraction(10)), "ln", budget), budget
            )
        if len(args) == 2:
            return _quotient(_logarithm(args[0], "ln", budget), _logarithm(args[1], "ln", budget), budget)
        return _logarithm(args[0], name, budget)
    if name == "exp":
        return power(atom("x#e"), args[0], budget)
    if name == "cbrt":
        return power(args[0], constant(Fraction(1, 3)), budget)
    exact = _integer_function(name, values, budget)
    if exact is not None:
        return constant(exact)
    return atom(f"f{name}({';'.join(key(arg) for arg in args)})")


def _integer_function(name: str, values: list[Fraction | None], budget: Budget) -> Fraction | None:
    """Exact values of abs, floor, ceil, factorial and binomial of numbers, where they are not too long."""
    first = values[0] if values else None
    if first is None:
        return None
    if name == "abs":
        return abs(first)
    if name == "floor":
        return Fraction(math.floor(first))
    if name == "ceil":
        return Fraction(math.ceil(first))
    if first.denominator != 1 or first < 0:
        return None
    n = int(first)
    if name == "factorial" and n * max(n.bit_length(), 1) <= budget.bits:
        budget.spend(n)
        return Fraction(math.factorial(n))
    second = values[1] if len(values) == 2 else None
    if name == "binom" and second is not None and second.denominator == 1 and second >= 0:
        k = int(second)
        if min(k, abs(n - k)) * n.bit_length() <= budget.bits:
            budget.spend(min(k, abs(n - k)))
            return Fraction(math.comb(n, k))
    return None


def _quotient(top: Form, bottom: Form, budget: Budget) -> Form:
    return multiply(top, power(bottom, constant(Fraction(-1)), budget), budget)


def normal(node: Node, budget: Budget) -> Form:
    """The normal form of an expression.

    Raises:
        Exhausted: the budget is used up.
        NotScalar: the node is no expression (a list, text, a division by zero).
    """
    budget.spend(3)
    match node:
        case Num(value=value):
            return constant(value)
        case Sym(name=name):
            if name == "#pct":
                return constant(Fraction(1, 100))
            return atom("x" + name)
        case Add(terms=terms):
            out: Form = {}
            for term in terms:
                out = add(out, normal(term, budget), budget)
            return out
        case Mul(factors=factors):
            out = constant(_ONE)
            for part in factors:
                out = _product(out, normal(part, budget), budget)
            return out
        case Pow(base=base, exponent=exponent):
            return power(normal(base, budget), normal(exponent, budget), budget)
        case Fn():
            return _function(node, budget)
        case Ratio(parts=(left, right)):
            return _quotient(normal(left, budget), normal(right, budget), budget)
        case Group(opening="(", items=(only,)):
            return normal(only, budget)
    raise NotScalar(f"A {type(node).__name__} has no value.")


def _product(left: Form, right: Form, budget: Budget) -> Form:
    if len(left) * len(right) <= _MAX_TERMS:
        return multiply(left, right, budget)
    wide, narrow = (left, right) if len(left) > len(right) else (right, left)
    return multiply(narrow, atom(f"s({key(wide)})"), budget)


def numeral_value(node: Numeral) -> int | None:
    """The value of digits in their base, ``None`` if a digit does not exist in it."""
    digits = [int(c, 36) for c in node.digits]
    if any(d >= node.base for d in digits):
        return None
    value = 0
    for digit in digits:
        value = value * node.base + digit
    return value


def symbols(node: Node) -> set[str]:
    """Names of all symbols in the tree, constants included."""
    if isinstance(node, Sym):
        return {node.name}
    out: set[str] = set()
    for child in children(node):
        out |= symbols(child)
    return out
