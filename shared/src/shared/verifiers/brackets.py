"""Token lists: brackets, separators, and runs of letters split into names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from shared.verifiers.lexer import Token
from shared.verifiers.names import CONSTANTS, FUNCTIONS, GREEK

CLOSERS = {"(": ")", "[": "]", "{": "}"}
_OPEN = frozenset(["(", "[", "{"])
_CLOSE = frozenset([")", "]", "}"])
_COMMAND_PAIRS = {
    "lfloor": "rfloor",
    "lceil": "rceil",
    "langle": "rangle",
    "lvert": "rvert",
    "{": "}",
    "lVert": "rVert",
}
_COMMAND_OPEN = frozenset(_COMMAND_PAIRS)
_COMMAND_CLOSE = frozenset(_COMMAND_PAIRS.values())


class ParseError(ValueError):
    """The tokens are no expression."""


def depth_step(token: Token) -> int:
    """+1 for a token that opens a bracket, -1 for one that closes it."""
    if token.kind == "op":
        return 1 if token.value in _OPEN else -1 if token.value in _CLOSE else 0
    if token.kind == "cmd":
        if token.value == "begin":
            return 1
        if token.value == "end":
            return -1
        return 1 if token.value in _COMMAND_OPEN else -1 if token.value in _COMMAND_CLOSE else 0
    return 0


def closing_index(tokens: Sequence[Token], start: int) -> int:
    """Index of the token that closes the bracket at ``start``.

    Raises:
        ParseError: when it never closes.
    """
    depth = 0
    for index in range(start, len(tokens)):
        depth += depth_step(tokens[index])
        if depth == 0:
            return index
    raise ParseError("A bracket is not closed.")


def segments(word: str) -> list[str]:
    """Split a run of letters into names: ``pi``, ``sin``, ``theta`` stay whole, other letters stand alone."""
    if word in FUNCTIONS or word in GREEK or word in CONSTANTS:
        return [word]
    for name in ("arcsin", "arccos", "arctan", "sqrt", "sin", "cos", "tan", "log", "exp", "ln", "pi"):
        if word.endswith(name) and len(word) - len(name) <= 3:
            return [*word[: -len(name)], name]
        if word.startswith(name) and len(word) - len(name) == 1:
            return [name, word[-1]]
    return list(word)


def is_command(token: Token, names: Collection[str]) -> bool:
    """Whether a token is one of some LaTeX commands."""
    return token.kind == "cmd" and token.value in names


def split_tokens(tokens: Sequence[Token], is_separator: Callable[[Token], bool]) -> list[list[Token]]:
    """Split at separators outside all brackets. ``is_separator`` takes a token."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if depth == 0 and is_separator(token):
            parts.append([])
            continue
        depth += depth_step(token)
        parts[-1].append(token)
    return parts
