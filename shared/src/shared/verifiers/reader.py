"""The outer forms of an answer: lists, relations, sets, intervals, units, times, text.

``read`` gives the readings of an answer, the likeliest first: ``1,234`` is a number and, second, a
list; ``12,34`` is a list and, second, a number with a decimal comma (two digits behind it or more).
An answer that is no mathematics is text. Nothing is evaluated here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

from shared.verifiers.brackets import (
    ParseError,
    closing_index,
    depth_step,
    is_command,
    segments,
    split_tokens,
)
from shared.verifiers.lexer import LexError, Token, clean, tokenize
from shared.verifiers.names import FUNCTIONS, GREEK
from shared.verifiers.nodes import (
    Builder,
    Clock,
    Group,
    Matrix,
    Node,
    Num,
    Numeral,
    PlusMinus,
    Quantity,
    Ratio,
    Rel,
    SetOp,
    Sym,
    Text,
)
from shared.verifiers.parser import ExpressionParser
from shared.verifiers.policy import Policy
from shared.verifiers.quantities import compound, compound_quantity, quantity_of, shared_unit
from shared.verifiers.text import fold, meaning, unwrap
from shared.verifiers.units import is_unit

MAX_LENGTH = 6000  # characters of an answer that is parsed; longer ones are compared as text
MAX_TOKENS = 2500

_RELATIONS = {
    "=": "=", "<": "<", ">": ">", "le": "<=", "ge": ">=", "ne": "!=", "lt": "<", "gt": ">", "approx": "~",
    "equiv": "=", "sim": "~", "simeq": "~", "cong": "~", "in": "in", "notin": "notin", "to": "to",
    "mapsto": "to", "rightarrow": "to",
    "implies": "to", "Rightarrow": "to", "subset": "sub", "subseteq": "sub", "coloneqq": "=",
    "propto": "prop",
    "ll": "<", "gg": ">", "longrightarrow": "to", "Longrightarrow": "to", "iff": "iff", "perp": "perp",
    "parallel": "par",
}  # fmt: skip
_CLOCK = re.compile(
    r"(\d{1,2})(?:\s*:\s*(\d{2}))?(?:\s*:\s*(\d{2}))?\s*(?:([ap])\.?\s?m\.?|(o'?clock))?\s*(noon|midnight)?",
    re.IGNORECASE,
)
_NUMERAL = re.compile(r"\(?([0-9A-Za-z]+)\)?\s*_\s*\{?\s*(?:\()?(\d{1,2})(?:\))?\s*\}?")
_SPACED = re.compile(r"(?<![\d.,])(\d{1,3})((?: \d{3})+)(?![\d]| \d)")
_COMMA_DECIMAL = re.compile(r"[-¤€]*\s?\d+,\d{2,}(?<!,\d{3})\s*[€¤]?|-?0,\d{3,}|-?\d{4,},\d+")
_BASE_WORDS = re.compile(r"([0-9A-F]+)\s*(?:in |\()?\s*base\s*[- ]?(\d{1,2})\)?", re.IGNORECASE)
_NUMBER_WORDS = {
    w: i
    for i, w in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
_LEAD = re.compile(
    r"^(?:(?:the\s+)?(?:final\s+|correct\s+)?answer\s*(?:is|:|=)|"
    r"(?:approximately|about|exactly|approx\.?|only|so|thus|therefore|hence|it is|is)\b)\s*:?\s*",
    re.IGNORECASE,
)
_LEAD_TEXT = re.compile(r"^\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}\s*")


def read(answer: str, policy: Policy) -> list[Node]:
    """The readings of an answer, likeliest first; always at least one.

    Args:
        answer: the answer as it stands, mathematics delimiters and text commands included.
        policy: decides decimal commas and the case of text.
    """
    words = Text(fold(answer, policy.case_sensitive))
    if len(answer) > MAX_LENGTH:
        return [words]
    text = _without_lead(clean(answer).strip().rstrip(".,;: \n"))
    special = _special(text)
    if special is not None:
        return [special]
    try:
        tokens = tokenize(_SPACED.sub(lambda m: m[0].replace(" ", ""), text), policy.decimal_comma)
    except LexError:
        return [words]
    if not tokens or len(tokens) > MAX_TOKENS or _is_prose(tokens):
        return [words]
    readings: list[Node] = []
    try:
        readings.append(Reader(policy).answer(tokens))
        if any(t.kind == "thousands" for t in tokens):
            readings.append(Reader(policy).answer(_without_thousands(tokens)))
        if _SPACED.search(text):
            readings.append(Reader(policy).answer(tokenize(text)))
        if _COMMA_DECIMAL.fullmatch(text):
            readings.append(Reader(policy).answer(tokenize(text, decimal_comma=True)))
    except (ParseError, LexError, RecursionError):
        pass
    return readings or [words]


def _without_lead(text: str) -> str:
    """Drop words in front that carry no meaning: "the answer is", "approximately"."""
    for _ in range(3):
        before = text
        lead = _LEAD_TEXT.match(text)
        if lead and _LEAD.match(lead[1].strip() + " ") and not _LEAD.sub("", lead[1].strip() + " ").strip():
            text = text[lead.end() :]
        match = _LEAD.match(text)
        if match and match.end() < len(text):
            text = text[match.end() :]
        if text == before:
            break
    return text


def _special(text: str) -> Node | None:
    """Forms that the grammar would misread: clock times and numerals with letters or in words."""
    plain = re.sub(r"\s+", " ", unwrap(text.replace("\\!", "").replace("\\:", ""))).strip().rstrip(".")
    if len(plain) < 40:
        match = _CLOCK.fullmatch(plain)
        if match and (match[2] or match[4] or match[5]) and int(match[1]) <= 24 and int(match[2] or 0) < 60:
            half = (match[4] or "").lower()
            if match[6]:
                half = "p" if match[6].lower() == "noon" else "a"
            return Clock(int(match[1]), int(match[2] or 0), int(match[3] or 0), half + "m" if half else "")
        match = _BASE_WORDS.fullmatch(plain)
        if match and 2 <= int(match[2]) <= 36:
            return Numeral(match[1].upper(), int(match[2]))
        match = _NUMERAL.fullmatch(plain)
        if match and 2 <= int(match[2]) <= 36 and re.search(r"\d", match[1]):
            return Numeral(match[1].upper(), int(match[2]))
        if plain.lower() in _NUMBER_WORDS:
            return Num(Fraction(_NUMBER_WORDS[plain.lower()]))
    return None


def _without_thousands(tokens: Sequence[Token]) -> list[Token]:
    out: list[Token] = []
    for token in tokens:
        if token.kind != "thousands":
            out.append(token)
            continue
        for index, part in enumerate(token.value.split(",")):
            if index:
                out.append(Token("op", ",", False))
            out.extend(tokenize(part))
    return out


def known_word(word: str) -> bool:
    """Whether a run of letters can stand in mathematics: a name, or a short product of variables."""
    if word in FUNCTIONS or word in GREEK or is_unit(word) or len(word) <= 3:
        return True
    return any(len(part) > 1 for part in segments(word))


def _is_prose(tokens: Sequence[Token]) -> bool:
    """Words that are neither names nor units, without a number in front: a text answer."""
    first = tokens[0]
    wordy = all(t.kind in ("word", "text") or t.value in ",.;:'-!?\"()" for t in tokens)
    if wordy and first.kind == "word" and any(t.kind == "word" and not known_word(t.value) for t in tokens):
        return True
    if first.kind == "text" and all(
        t.kind in ("text", "word", "space") or t.value in ",.;:'-!?\"()" for t in tokens
    ):
        inside = " ".join(t.value for t in tokens if t.kind in ("text", "word")).strip()
        return bool(re.search(r"[A-Za-z]{2}", inside)) and not re.search(r"\d", inside)
    if first.kind != "word":
        return False
    return not known_word(first.value) and not any(t.value in _RELATIONS for t in tokens[1:3])


def is_separator(token: Token) -> bool:
    """Comma, semicolon, "and", "or" and their LaTeX forms."""
    if token.kind == "op":
        return token.value in ",;"
    if token.kind == "cmd":
        return token.value in ("lor", "vee", "land", "wedge", "\\")
    if token.kind in ("word", "text"):
        return token.value.strip(" ,.$").lower() in ("and", "or", "and/or", "also")
    return False


class Reader:
    """Reads the token list of one answer; holds the policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def answer(self, tokens: Sequence[Token]) -> Node:
        """A list of items, or the single item."""
        parts = [part for part in split_tokens(tokens, is_separator) if part]
        if not parts:
            raise ParseError("There is nothing but separators.")
        if len(parts) == 1:
            return self.item(parts[0])
        half_open = self.interval(tokens)
        if half_open is not None:
            return half_open
        items = [self.item(part) for part in parts]
        total = compound_quantity(items)
        if total is not None:
            return total
        return Group("", "", tuple(shared_unit(items)))

    def item(self, tokens: Sequence[Token]) -> Node:
        """One item: relation, set expression, quantity or expression."""
        tokens = _strip_filler(tokens)
        if not tokens:
            raise ParseError("An item is empty.")
        relation = self.relation(tokens)
        return relation if relation is not None else self.value(tokens)

    def relation(self, tokens: Sequence[Token]) -> Node | None:
        ops: list[str] = []
        parts: list[list[Token]] = [[]]
        depth = 0
        for token in tokens:
            if depth == 0 and token.kind in ("op", "cmd") and token.value in _RELATIONS:
                op = _RELATIONS[token.value]
                if parts[-1]:
                    ops.append(op)
                    parts.append([])
                elif op == "=" and ops and ops[-1] in ("<", ">"):
                    ops[-1] += "="
                elif not ops and op in ("=", "~"):
                    continue
                else:
                    raise ParseError("Two relations stand side by side.")
                continue
            depth += depth_step(token)
            parts[-1].append(token)
        if not ops:
            if parts[0] and len(parts[0]) != len(tokens):
                return self.value(parts[0])
            return None
        if not parts[-1]:
            if ops[-1] == "=":  # "2 + 3 =" with nothing behind
                raise ParseError("Nothing stands behind the last relation.")
            raise ParseError("A relation has one side only.")
        return Rel(tuple(ops), tuple(self.side(part) for part in parts))

    def side(self, tokens: Sequence[Token]) -> Node:
        """One side of a relation; words may stand for a quantity ("area = 5")."""
        if all(t.kind in ("word", "text") for t in tokens) and any(len(t.value.strip()) > 3 for t in tokens):
            joined = " ".join(t.value for t in tokens)
            if not (len(tokens) == 1 and known_word(tokens[0].value) and tokens[0].kind == "word"):
                return Sym("text " + fold(joined))
        called = _called(tokens)
        if called:
            return Sym(called)
        separated = split_tokens(tokens, lambda t: is_separator(t))
        if len(separated) > 1:
            return Group("", "", tuple(self.value(part) for part in separated if part))
        return self.value(tokens)

    def value(self, tokens: Sequence[Token]) -> Node:
        """A set expression, ratio, quantity or plain expression."""
        tokens = _strip_filler(tokens)
        if not tokens:
            raise ParseError("An item is empty.")
        for command, op in (("setminus", "minus"), ("cup", "union"), ("cap", "intersection")):
            names = {command, "backslash"} if command == "setminus" else {command}
            names |= {"bigcup"} if command == "cup" else set()
            parts = split_tokens(tokens, partial(is_command, names=names))
            if len(parts) == 1 and command == "cup":
                parts = split_tokens(
                    tokens, lambda t: t.kind == "word" and t.value in ("U", "union") and t.space
                )
                if len(parts) > 1 and not all(p and depth_step(p[0]) for p in parts):
                    parts = [list(tokens)]
            if len(parts) > 1 and all(parts):
                return SetOp(op, tuple(self.value(part) for part in parts))
        ratio = split_tokens(
            tokens, lambda t: (t.kind == "op" and t.value == ":") or (t.kind == "cmd" and t.value == "colon")
        )
        if len(ratio) > 1 and all(ratio):
            return Ratio(tuple(self.value(part) for part in ratio))
        residue = split_tokens(tokens, lambda t: t.kind == "cmd" and t.value == "pmod")
        if len(residue) == 2 and all(residue):
            modulus = "".join(t.value for t in residue[1] if t.value not in "{}()")
            return Quantity(self.value(residue[0]), f"mod {modulus}")
        interval = self.interval(tokens)
        if interval is not None:
            return interval
        bracket = self.bracket(tokens)
        if bracket is not None:
            return bracket
        quantity = compound(tokens) or quantity_of(tokens)
        return quantity if quantity is not None else ExpressionParser(tokens).parse()

    def interval(self, tokens: Sequence[Token]) -> Node | None:
        """``]1,2[`` and ``[1,2[``: brackets turned outwards mean open ends."""
        first, last = tokens[0].value, tokens[-1].value
        if len(tokens) < 5 or tokens[0].kind != "op" or (first != "]" and last != "["):
            return None
        if first not in "[](" or last not in "[])":
            return None
        parts = split_tokens(tokens[1:-1], lambda t: t.kind == "op" and t.value in ",;")
        if len(parts) != 2 or not all(parts):
            return None
        opening = "(" if first in "](" else "["
        closing = ")" if last in "[)" else "]"
        return Group(opening, closing, tuple(self.value(part) for part in parts))

    def bracket(self, tokens: Sequence[Token]) -> Node | None:
        """A group whose brackets enclose the whole item."""
        first = tokens[0]
        if depth_step(first) != 1 or first.value in ("begin", "lfloor", "lceil", "lvert", "lVert"):
            return None
        if closing_index(tokens, 0) != len(tokens) - 1:
            return None
        inner = list(tokens[1:-1])
        closing = tokens[-1].value
        opening = "<" if first.value == "langle" else first.value
        closing = ">" if closing == "rangle" else closing
        if opening == "{" and inner:
            builder = self.builder(inner)
            if builder is not None:
                return builder
        parts = [part for part in split_tokens(inner, is_separator) if part]
        if (opening == "{" and first.kind == "cmd") or len(parts) > 1 or not parts:
            return Group(opening, closing, tuple(self.item(part) for part in parts))
        if opening in "[(" and any(t.value in _RELATIONS for t in inner):
            return self.item(inner)
        if opening == "(" and len(parts) == 1:
            return self.value(parts[0])
        return None

    def builder(self, inner: Sequence[Token]) -> Node | None:
        """``x | condition``: the bar or colon that divides is the first outside brackets."""
        depth = 0
        for index, token in enumerate(inner):
            divides = (token.value in ("|", ":") and token.kind == "op") or token.value in (
                "mid",
                "colon",
                "vert",
            )
            if depth == 0 and divides and 0 < index < len(inner) - 1:
                conditions = [part for part in split_tokens(inner[index + 1 :], is_separator) if part]
                return Builder(self.item(inner[:index]), tuple(self.item(part) for part in conditions))
            depth += depth_step(token)
        return None


def _strip_filler(tokens: Sequence[Token]) -> list[Token]:
    """Remove empty words and stray punctuation around an item."""
    out = list(tokens)
    while out and (
        (out[-1].value in (".", ",", ";", "!") and out[-1].value != "!")
        or (out[-1].kind == "text" and _is_remark(out[-1].value))
    ):
        out.pop()
    while out and (
        out[0].kind == "text"
        and (_is_filler(out[0].value) or (len(out) > 1 and _is_filler(out[0].value + " ")))
    ):
        out.pop(0)
    while out and out[0].kind == "word" and _is_filler(out[0].value) and len(out) > 1:
        out.pop(0)
    return out


_FILLERS = frozenset(
    [
        "",
        "only",
        "about",
        "approximately",
        "exactly",
        "is",
        "are",
        "approx",
        "either",
        "both",
        "so",
        "the",
        "just",
        "the answer is",
        "answer",
        "the final answer is",
        "for",
        "all",
        "roughly",
        "around",
        "nearly",
    ]
)


def _is_filler(text: str) -> bool:
    return text.strip(" :.,").lower() in _FILLERS


def _is_remark(text: str) -> bool:
    """A parenthesis or nothing: ``(approximately)``, empty text."""
    folded = text.strip()
    return not folded or folded.strip("() .").lower() in (
        "approx",
        "approximately",
        "exactly",
        "only",
        "respectively",
        "as required",
    )


def _called(tokens: Sequence[Token]) -> str | None:
    """``f(x)``, ``P(x, y)``, ``f^{-1}(x)`` as the left side of a definition."""
    text = "".join(t.value for t in tokens)
    match = re.fullmatch(r"([A-Za-z](?:_\{?\w+\}?)?(?:\^\{?-1\}?)?'*)\(([A-Za-z](?:,[A-Za-z])*)\)", text)
    return f"call {match[1]}({match[2]})" if match else None


def has_plus_minus(node: Node) -> bool:
    """Whether the tree holds a plus-minus sign."""
    from shared.verifiers.nodes import children

    return isinstance(node, PlusMinus) or any(has_plus_minus(child) for child in children(node))


def meaning_of(node: Node) -> str | None:
    """``empty``, ``undefined`` or ``reals`` for the words and symbols that say so."""
    if isinstance(node, Text):
        return meaning(node.value)
    if isinstance(node, Sym):
        if node.name.startswith("text "):
            return meaning(node.name[5:])
        return {"#empty": "empty", "#R": "reals"}.get(node.name)
    if isinstance(node, Group) and node.opening == "{" and not node.items:
        return "empty"
    if isinstance(node, Matrix):
        return None
    return None
