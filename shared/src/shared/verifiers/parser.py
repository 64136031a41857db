"""Expressions: a recursive-descent parser from tokens to nodes.

Reads LaTeX and plain text alike: ``\\frac12``, ``2^10``, ``sqrt(3)``, ``\\sin^2 x``, ``3x``, ``n!``.
It builds exact trees and evaluates nothing. The outer forms of an answer (lists, relations, sets,
units, text) are read by :mod:`shared.verifiers.reader`, which calls this module for the parts.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import partial

from shared.verifiers.brackets import (
    CLOSERS,
    ParseError,
    closing_index,
    depth_step,
    is_command,
    split_tokens,
)
from shared.verifiers.grammar import Grammar, times
from shared.verifiers.lexer import Token
from shared.verifiers.names import BIG, CONSTANTS, DECORATED, FUNCTIONS, GREEK, TRANSPARENT
from shared.verifiers.nodes import (
    MINUS_ONE,
    ONE,
    Fn,
    Group,
    Matrix,
    Mul,
    Node,
    Num,
    Pow,
    Sym,
    negative,
    quotient,
)
from shared.verifiers.text import fold


class ExpressionParser(Grammar):
    """Parses one expression."""

    # -- primaries ------------------------------------------------------------------------------

    def primary(self) -> Node:
        token = self.take()
        if token.kind in ("num", "thousands"):
            return self.number(token)
        if token.kind == "word":
            return self.name(token.value)
        if token.kind == "text":
            return self.words(token)
        if token.kind == "op":
            return self.bracket(token)
        return self.command(token.value)

    def number(self, token: Token) -> Node:
        if token.number is None:
            raise ParseError("A number without a value.")
        value = Num(token.number, token.decimals)
        if token.number.denominator != 1 or token.decimals:
            return value
        return self.mixed(value) or value

    def mixed(self, whole: Num) -> Node | None:
        """``1\\frac{4}{5}`` and ``1 4/5`` as mixed numbers; the fraction must be proper."""
        start = self.position
        if self.next_is("cmd", "frac"):
            self.take()
            top, bottom = self.argument(True), self.argument(True)
        elif (
            self.next_is("num") and (t := self.peek()) and t.space and (s := self.peek(1)) and s.value == "/"
        ):
            a, b = self.peek(), self.peek(2)
            if a is None or b is None or b.kind != "num" or a.number is None or b.number is None:
                return None
            top, bottom = Num(a.number), Num(b.number)
            self.position += 3
        else:
            return None
        if (
            isinstance(top, Num)
            and isinstance(bottom, Num)
            and top.value.denominator == bottom.value.denominator == 1
            and 0 < top.value < bottom.value
        ):
            return Num(whole.value + top.value / bottom.value)
        self.position = start
        return None

    def name(self, word: str) -> Node:
        if word in FUNCTIONS:
            return self.function(FUNCTIONS[word])
        if word in CONSTANTS:
            return Sym(CONSTANTS[word])
        if word in ("f", "g", "h") and self.next_is("op", "(") and not (self.tokens[self.position].space):
            return Fn(word, self.call_arguments())
        return Sym(word)

    def words(self, token: Token) -> Node:
        inside = token.value.strip()
        digits = inside.replace(",", "")
        if re.fullmatch(r"-?\d{1,400}(?:\.\d{1,400})?", digits):
            return Num(Fraction(digits), len(digits.partition(".")[2]))
        if len(inside) == 1 and inside.isalpha():
            return Sym(inside)
        return Sym("text " + fold(inside))

    def call_arguments(self) -> tuple[Node, ...]:
        tokens = self.bracketed()
        parts = split_tokens(tokens, lambda t: t.kind == "op" and t.value in ",;")
        return tuple(self.inner(part) for part in parts)

    def function(self, name: str) -> Node:
        """A named function with optional power, base and bracket-free argument (``\\sin^2 2x``)."""
        power: Node | None = None
        base: Node | None = None
        while self.next_is("op", "^", "_"):
            if self.take().value == "^":
                power = self.exponent()
            else:
                base = self.argument()
        if name == "sqrt":
            return self.root()
        if name in ("min", "max", "gcd", "lcm", "binom") and self.next_is("op", "("):
            node: Node = Fn(name, self.call_arguments())
        else:
            node = Fn(name, (self.function_argument(),) if base is None else (self.function_argument(), base))
        if name == "binom" and (not isinstance(node, Fn) or len(node.args) != 2):
            raise ParseError("A binomial coefficient takes two numbers.")
        if (
            isinstance(power, Num)
            and power.value == -1
            and name in ("sin", "cos", "tan", "cot", "sec", "csc")
        ):
            return Fn("a" + name, (node.args[0],)) if isinstance(node, Fn) else node
        return node if power is None else Pow(node, power)

    def function_argument(self) -> Node:
        if self.next_is("op", "(", "[", "{"):
            opening = self.peek()
            if opening is not None and opening.value == "{":
                return self.inner(self.bracketed())
            return self.primary()
        if self.next_is("op", "-"):
            self.take()
            return negative(self.function_argument())
        node = self.factor()
        while self.starts_factor() and not self.next_is("op", "(", "[") and not self.starts_function():
            node = times(node, self.factor())
        if self.next_is("op", "/") and self._small_quotient():
            self.take()
            node = quotient(node, self.factor())
        return node

    def _small_quotient(self) -> bool:
        """``\\sin \\pi/6``: a constant over a number belongs to the argument."""
        before, after = self.tokens[self.position - 1], self.peek(1)
        return before.value in ("pi", "theta", "x") and after is not None and after.kind == "num"

    def starts_function(self) -> bool:
        token = self.peek()
        return (
            token is not None
            and token.kind in ("cmd", "word")
            and (token.value in FUNCTIONS or token.value in BIG)
        )

    def root(self) -> Node:
        index: Node | None = None
        if self.next_is("op", "["):
            index = self.inner(self.bracketed())
        if self.next_is("op", "(", "{"):
            radicand = self.inner(self.bracketed())
        else:
            radicand = self.argument()
        return (
            Fn("root", (radicand, index)) if index is not None else Fn("root", (radicand, Num(Fraction(2))))
        )

    def bracket(self, token: Token) -> Node:
        self.position -= 1
        if token.value in CLOSERS:
            end = closing_index(self.tokens, self.position)
            closing = self.tokens[end].value
            inner = self.bracketed()
            return self.contents(token.value, closing, inner)
        if token.value == "|":
            return self.bars("op", "|", "abs")
        raise ParseError(f"Unexpected {token.value!r}.")

    def contents(self, opening: str, closing: str, inner: list[Token]) -> Node:
        """Brackets around one expression are grouping; around several, they make a group."""
        for command, name in (("over", None), ("choose", "binom"), ("atop", "binom")):
            halves = split_tokens(inner, partial(is_command, names=(command,)))
            if opening == "{" and len(halves) == 2:
                top, bottom = self.inner(halves[0]), self.inner(halves[1])
                return quotient(top, bottom) if name is None else Fn(name, (top, bottom))
        parts = split_tokens(inner, lambda t: t.kind == "op" and t.value in ",;")
        if len(parts) == 1:
            if opening == "{" and not inner:
                return Group("{", "}", ())
            return self.inner(inner)
        items = tuple(self.inner(part) for part in parts if part)
        return Group(opening, closing, items)

    def bars(self, kind: str, value: str, name: str) -> Node:
        self.position += 1
        depth = 0
        for index in range(self.position, len(self.tokens)):
            token = self.tokens[index]
            if token.kind == kind and token.value == value and depth == 0 and index > self.position:
                inner = self.tokens[self.position : index]
                self.position = index + 1
                return Fn(name, (self.inner(inner),))
            depth += depth_step(token)
        raise ParseError("A bar is not closed.")

    def command(self, name: str) -> Node:
        if name == "frac":
            return self.fraction()
        if name == "sqrt":
            return self.root()
        if name == "binom" or name in ("dbinom", "tbinom"):
            return Fn("binom", (self.argument(True), self.argument(True)))
        if name in FUNCTIONS:
            return self.function(FUNCTIONS[name])
        if name in CONSTANTS:
            return Sym(CONSTANTS[name])
        if name in GREEK:
            return Sym(name)
        if name in BIG:
            return self.big(name)
        if name in DECORATED:
            return self.decorated(name)
        if name in TRANSPARENT:
            return self.argument()
        if name in ("lfloor", "lceil", "lvert", "lVert", "langle", "{"):
            self.position -= 1
            inner = self.bracketed()
            if name in ("langle", "{"):
                parts = split_tokens(inner, lambda t: t.kind == "op" and t.value in ",;")
                return Group("<" if name == "langle" else "{", ">" if name == "langle" else "}",
                             tuple(self.inner(part) for part in parts if part))  # fmt: skip
            function = {"lfloor": "floor", "lceil": "ceil", "lvert": "abs", "lVert": "norm"}[name]
            return Fn(function, (self.inner(inner),))
        if name in ("vert", "mid"):
            self.position -= 1
            return self.bars("cmd", name, "abs")
        if name in ("|", "Vert"):
            self.position -= 1
            return self.bars("cmd", name, "norm")
        if name == "begin":
            self.position -= 1
            return self.environment(self.bracketed())
        if name in ("angle", "triangle", "measuredangle", "prime", "circ", "dagger", "ell", "Box", "top"):
            return Sym(name)
        raise ParseError(f"The command \\{name} is not read.")

    def fraction(self) -> Node:
        start = self.position
        top, bottom = self.argument(True), self.argument(True)
        raw = self.tokens[start : self.position]
        derivative = _derivative(raw)
        if derivative is None and isinstance(bottom, Num) and isinstance(top, Num) and bottom.value:
            if top.decimals or bottom.decimals:
                return Mul((top, Pow(bottom, MINUS_ONE)))
            return Num(top.value / bottom.value)
        return derivative or Mul((top, Pow(bottom, MINUS_ONE)))

    def decorated(self, name: str) -> Node:
        tokens = self.bracketed() if self.next_is("op", "{") else [self.take()]
        return Sym(f"{name}({''.join(t.value for t in tokens)})")

    def big(self, name: str) -> Node:
        """Sums, integrals and limits stay opaque: equal only when they are the same expression."""
        parts: dict[str, Node] = {}
        while self.next_is("op", "_", "^"):
            key = self.take().value
            tokens = self.bracketed() if self.next_is("op", "{") else [self.take()]
            parts[key] = Sym("raw " + "".join(t.value for t in tokens))
        body = (
            self.term() if (self.peek() is not None and self.starts_factor()) or self.next_is("num") else ONE
        )
        return Fn(name, (parts.get("_", ONE), parts.get("^", ONE), body))

    def environment(self, inner: list[Token]) -> Node:
        """``\\begin{pmatrix} ... \\end{pmatrix}`` and friends."""
        if not inner or inner[0].value != "{":
            raise ParseError("An environment has no name.")
        end = closing_index(inner, 0)
        kind = "".join(t.value for t in inner[1:end])
        body = inner[end + 1 :]
        if kind == "array" and body and body[0].value == "{":
            body = body[closing_index(body, 0) + 1 :]
        self._skip_environment_end(kind)
        if kind not in ("pmatrix", "bmatrix", "matrix", "array", "Bmatrix", "smallmatrix", "vmatrix"):
            raise ParseError(f"The environment {kind} is not read.")
        rows = []
        for row in split_tokens(body, lambda t: t.kind == "cmd" and t.value == "\\"):
            if row:
                cells = split_tokens(row, lambda t: t.kind == "op" and t.value == "&")
                rows.append(tuple(self.inner(cell) for cell in cells))
        if not rows or len({len(row) for row in rows}) != 1:
            raise ParseError("The rows of a matrix differ in length.")
        matrix = Matrix(tuple(rows))
        return Fn("det", (matrix,)) if kind == "vmatrix" else matrix

    def _skip_environment_end(self, kind: str) -> None:
        """``bracketed`` stops at ``\\end``; the name in braces behind it is skipped here."""
        if self.next_is("op", "{"):
            self.bracketed()


def _derivative(raw: list[Token]) -> Node | None:
    """``\\frac{dy}{dx}`` is one symbol, not a quotient of products."""
    text = "".join(t.value for t in raw if t.value not in "{}" and t.value != "mathrm")
    halves = text.split("d")
    if text.count("d") >= 2 and text.startswith(("d", "partial")) and len(halves) > 2 and raw[0].value == "{":
        end = closing_index(raw, 0)
        second = raw[end + 1 :]
        if len(second) > 2 and second[1].value == "d" and second[2].kind in ("word", "cmd"):
            return Sym("derivative " + text)
    return None
