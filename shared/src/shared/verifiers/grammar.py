"""The upper levels of the expression grammar: sums, products, powers, postfix signs, subscripts.

What stands at the bottom (numbers, names, brackets, LaTeX commands) is in :mod:`shared.verifiers.parser`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from shared.verifiers.brackets import (
    ParseError,
    closing_index,
    segments,
)
from shared.verifiers.lexer import Token
from shared.verifiers.nodes import (
    Add,
    Fn,
    Mul,
    Node,
    Num,
    Numeral,
    PlusMinus,
    Pow,
    Sym,
    negative,
    quotient,
)
from shared.verifiers.text import fold

MAX_DEPTH = 80

_TIMES = frozenset(["cdot", "times", "ast", "star", "cdotp", "bullet"])


class Grammar:
    """Token access and the levels from sums down to powers; what stands at the bottom is :meth:`primary`."""

    def __init__(self, tokens: Sequence[Token], depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise ParseError("The answer is nested too deeply.")
        self.tokens = self._split_words(tokens)
        self.position = 0
        self.depth = depth

    @staticmethod
    def _split_words(tokens: Sequence[Token]) -> list[Token]:
        out: list[Token] = []
        for token in tokens:
            if token.kind == "word" and len(token.value) > 1:
                names = segments(token.value)
                out.extend(Token("word", name, token.space and i == 0) for i, name in enumerate(names))
            else:
                out.append(token)
        return out

    # -- token access ---------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> Token | None:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def next_is(self, kind: str, *values: str) -> bool:
        token = self.peek()
        return token is not None and token.kind == kind and (not values or token.value in values)

    def take(self) -> Token:
        token = self.peek()
        if token is None:
            raise ParseError("The answer ends too early.")
        self.position += 1
        return token

    def bracketed(self) -> list[Token]:
        """Consume a whole bracket and return what is inside."""
        end = closing_index(self.tokens, self.position)
        inner = self.tokens[self.position + 1 : end]
        self.position = end + 1
        return inner

    def inner(self, tokens: Sequence[Token]) -> Node:
        """Parse the contents of braces as one expression."""
        return type(self)(tokens, self.depth + 1).parse()

    # -- grammar --------------------------------------------------------------------------------

    def parse(self) -> Node:
        """The whole token list as one expression.

        Raises:
            ParseError: when it is none.
        """
        node = self.sum()
        if self.peek() is not None:
            raise ParseError(f"Unexpected {self.tokens[self.position].value!r}.")
        return node

    def sum(self) -> Node:
        terms = [self.signed_term()]
        while True:
            if self.next_is("op", "+", "-"):
                sign = self.take().value
                term = self.signed_term()
                terms.append(term if sign == "+" else negative(term))
            elif self.next_is("cmd", "pm", "mp"):
                sign = self.take().value
                terms.append(PlusMinus(1 if sign == "pm" else -1, self.term()))
            else:
                break
        return terms[0] if len(terms) == 1 else Add(tuple(terms))

    def signed_term(self) -> Node:
        if self.next_is("op", "+"):
            self.take()
            return self.signed_term()
        if self.next_is("op", "-"):
            self.take()
            return negative(self.signed_term())
        if self.next_is("cmd", "pm", "mp"):
            return PlusMinus(1 if self.take().value == "pm" else -1, self.term())
        return self.term()

    def starts_factor(self) -> bool:
        token = self.peek()
        if token is None:
            return False
        if token.kind in ("word", "text"):
            return True
        if token.kind in ("num", "thousands"):
            return self.arc_minutes() or self.tokens[self.position - 1].value == ")"
        if token.kind == "op":
            return token.value in ("(", "[", "{")
        stop = {
            "pm",
            "mp",
            "}",
            "rfloor",
            "rceil",
            "rangle",
            "rvert",
            "rVert",
            "vert",
            "|",
            "end",
            "pmod",
            "bmod",
            "mod",
            "\\",
            "&",
        }
        return token.kind == "cmd" and token.value not in stop and token.value not in ("over", "choose")

    def arc_minutes(self) -> bool:
        after, before = self.peek(1), self.tokens[self.position - 1] if self.position else None
        return bool(after and after.value == "'" and before and before.value in ("deg", "'"))

    def term(self) -> Node:
        node = self.factor()
        while True:
            if self.next_is("op", "*") or self.next_is("cmd", *_TIMES):
                self.take()
                node = times(node, self.signed_factor())
            elif self.next_is("op", "/") or self.next_is("cmd", "div"):
                self.take()
                node = quotient(node, self.signed_factor())
            elif self.next_is("cmd", "pmod", "bmod", "mod"):
                self.take()
                node = Fn("mod", (node, self.argument()))
            elif self.starts_factor():
                if self.arc_minutes():
                    node = Add((node, self.minutes()))
                else:
                    node = times(node, self.factor())
            else:
                return node

    def minutes(self) -> Node:
        value = self.take()
        marks = 0
        while self.next_is("op", "'", '"'):
            marks += 2 if self.take().value == '"' else 1
        number = Num((value.number or Fraction(0)) / 60**marks)
        return Mul((number, Sym("#deg")))

    def signed_factor(self) -> Node:
        if self.next_is("op", "-"):
            self.take()
            return negative(self.signed_factor())
        if self.next_is("op", "+"):
            self.take()
        return self.factor()

    def factor(self) -> Node:
        node = self.primary()
        while True:
            if self.next_is("op", "^"):
                self.take()
                if self.next_is("cmd", "prime") or self.next_is("op", "'", "*"):
                    node = decorate(node, self.take().value)
                    continue
                exponent = self.exponent()
                if isinstance(exponent, Sym) and exponent.name == "prime":
                    node = decorate(node, "'")
                else:
                    node = Pow(node, exponent)
            elif self.next_is("op", "!"):
                self.take()
                double = self.next_is("op", "!")
                if double:
                    self.take()
                node = Fn("factorial2" if double else "factorial", (node,))
            elif self.next_is("op", "%"):
                self.take()
                node = Mul((node, Sym("#pct")))
            elif self.next_is("cmd", "deg"):
                self.take()
                node = Mul((node, Sym("#deg")))
            elif self.next_is("op", "'"):
                self.take()
                node = decorate(node, "'")
            elif self.next_is("op", "_"):
                node = self.subscript(node)
            else:
                return node

    def exponent(self) -> Node:
        if self.next_is("op", "{"):
            tokens = self.bracketed()
            if tokens and all(t.value in ("prime", "'") for t in tokens):
                return Sym("prime")
            return self.inner(tokens)
        if self.next_is("op", "-"):
            self.take()
            return negative(self.exponent())
        if self.next_is("op", "+"):
            self.take()
        node = self.primary()
        if self.next_is("op", "^"):  # 10^10^10 is read from the right
            self.take()
            node = Pow(node, self.exponent())
        return node

    def argument(self, single_digit: bool = False) -> Node:
        """The argument of a LaTeX command: braces, or one token (one digit after ``\\frac``)."""
        if self.next_is("op", "{"):
            tokens = self.bracketed()
            return self.inner(tokens)
        token = self.peek()
        if (
            single_digit
            and token is not None
            and token.kind == "num"
            and token.value.isdigit()
            and len(token.value) > 1
        ):
            rest = token.value[1:]
            self.tokens[self.position] = Token("num", rest, False, Fraction(int(rest)))
            return Num(Fraction(int(token.value[0])))
        if self.next_is("op", "-"):
            self.take()
            return negative(self.argument(single_digit))
        return self.primary()

    def subscript(self, node: Node) -> Node:
        self.take()
        if self.next_is("op", "{"):
            tokens = self.bracketed()
        else:
            tokens = [self.take()]
        raw = "".join(fold(t.value) if t.kind == "text" else t.value for t in tokens if t.value not in "{}")
        if (
            isinstance(node, Num)
            and node.value.denominator == 1
            and raw.isdigit()
            and 2 <= int(raw[:3]) <= 36
        ):
            return Numeral(str(int(node.value)), int(raw))
        if isinstance(node, Sym) and not node.name.startswith("#R"):
            if node.name == "C" and self.next_is("op", "^"):
                self.take()
                return Fn("binom", (self.inner(tokens), self.exponent()))
            name = {"#e": "e", "#i": "i", "#pi": "pi"}.get(node.name, node.name)
            return Sym(f"{name}_{raw}")
        raise ParseError("A subscript stands where it means nothing.")

    def primary(self) -> Node:
        """A number, name, bracket or command.

        Raises:
            ParseError: when nothing of the kind begins here.
        """
        raise NotImplementedError


def times(left: Node, right: Node) -> Node:
    if isinstance(left, Mul):
        return Mul((*left.factors, right))
    return Mul((left, right))


def decorate(node: Node, mark: str) -> Node:
    if isinstance(node, Sym):
        return Sym(node.name.lstrip("#") + ("'" if mark in ("'", "prime") else mark))
    if isinstance(node, Fn):
        return Fn(node.name + "'", node.args)
    raise ParseError("A prime stands where it means nothing.")
