"""From the text of an answer to tokens: LaTeX, plain text and Unicode spellings meet here.

The input is at most a few thousand characters long (the caller sees to it); every pattern is linear.
Nothing is evaluated. Spacing, sizing and font commands disappear; words stay words, so that the
parser can tell a unit or a text answer from a product of variables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_UNICODE = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ",
    "∙": r"\cdot ",
    "÷": "/", "∕": "/", "⁄": "/", "π": r"\pi ", "∞": r"\infty ", "√": r"\sqrt ", "≤": r"\le ", "≥": r"\ge ",
    "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "±": r"\pm ", "∓": r"\mp ", "∪": r"\cup ",
    "∩": r"\cap ",
    "∈": r"\in ", "∅": r"\emptyset ", "ø": r"\emptyset ", "°": r"^{\circ}", "º": r"^{\circ}",
    "θ": r"\theta ", "α": r"\alpha ",
    "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "λ": r"\lambda ", "μ": r"\mu ", "σ": r"\sigma ",
    "φ": r"\phi ",
    "ω": r"\omega ", "Δ": r"\Delta ", "ρ": r"\rho ", "τ": r"\tau ", "ε": r"\epsilon ", "η": r"\eta ",
    "ξ": r"\xi ",
    "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
    "⅛": r"\frac{1}{8}", "⅜": r"\frac{3}{8}", "⅝": r"\frac{5}{8}", "⅞": r"\frac{7}{8}", "⅕": r"\frac{1}{5}",
    "⅖": r"\frac{2}{5}", "⅗": r"\frac{3}{5}", "⅘": r"\frac{4}{5}", "⅙": r"\frac{1}{6}", "⅚": r"\frac{5}{6}",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
    "⟨": r"\langle ", "⟩": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "…": r"\ldots ", "′": "'", "″": "''", "’": "'", "‘": "'", "“": '"', "”": '"', "∖": r"\setminus ",
    "→": r"\to ",
    "，": ",", "．": ".", "：": ":", "；": ";", "（": "(", "）": ")", "［": "[", "］": "]",
    "｛": "{", "｝": "}",
    "＝": "=", "＋": "+", "％": "%", "、": ",", "。": ".", "＜": "<", "＞": ">", "｜": "|", "≡": r"\equiv ",
    "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2061": "", "\u200b": "", "\u3000": " ", "∣": "|",
    "∨": r"\lor ", "∧": r"\land ",
}  # fmt: skip
_UNICODE_TABLE = str.maketrans(_UNICODE)
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_SUB = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUPER_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+")
_SUB_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")

_IGNORED = re.compile(
    r"\\(?:left|right|bigl|bigr|Bigl|Bigr|biggl|biggr|Biggl|Biggr|big|Big|bigg|Bigg|middle)(?![A-Za-z])\.?"
    r"|\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|quad|qquad|thinspace|hspace\{[^{}]*\}|vspace\{[^{}]*\}"
    r"|hfill|hline|noindent|rm|bf|it|cal|mathstrut|strut|phantom\{[^{}]*\}|boldmath|unit)(?![A-Za-z])"
)
_SPACES = re.compile(r"\\[,;:!> ]|~|\\\n|\\$")
_THOUSANDS_LATEX = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,!;: ]|\\ |'|\{ \}|,\{\})\s*(?=\d{3}(?!\d))")
_SPELLING = [
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:leqslant|leq)(?![A-Za-z])"), r"\\le "),
    (re.compile(r"\\(?:geqslant|geq)(?![A-Za-z])"), r"\\ge "),
    (re.compile(r"\\neq(?![A-Za-z])|\\not\s*="), r"\\ne "),
    (re.compile(r"\\not\s*\\in(?![A-Za-z])"), r"\\notin "),
    (re.compile(r"(?<![\\<>!:])<=|=<"), r"\\le "),
    (re.compile(r">="), r"\\ge "),
    (re.compile(r"(?<=[A-Za-z\s])!=(?!=)"), r"\\ne "),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\b(?:np|math|numpy|sympy|sp|torch)\.(?=[a-z])"), ""),
    (re.compile(r"\+/-"), r"\\pm "),
    (re.compile(r"\\(?:operatorname|mathop)\s*\*?\s*\{\s*([A-Za-z]+)\s*\}"), r" \\\1 "),
    (re.compile(r"\\(?:mathrm|text|textup)\s*\{\s*(d|e|i)\s*\}"), r" \1 "),
    (re.compile(r"\^\s*\{?\s*\\(?:circ|degree)\s*\}?|\\degree(?![A-Za-z])|\\circ(?![A-Za-z])"), r"\\deg "),
    (re.compile(r"\\(?:mathbb|Bbb|mathbf)\s*\{?\s*([RZNQC])\s*\}?(?![a-z])"), r"\\set\1 "),
    (re.compile(r"\\(?:varnothing|O(?![A-Za-z]))"), r"\\emptyset "),
    (re.compile(r"\\(?:lbrack)(?![A-Za-z])"), "["),
    (re.compile(r"\\(?:rbrack)(?![A-Za-z])"), "]"),
    (re.compile(r"\\(?:lbrace)(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\(?:rbrace)(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\(?:lparen)(?![A-Za-z])"), "("),
    (re.compile(r"\\(?:rparen)(?![A-Za-z])"), ")"),
]


class LexError(ValueError):
    """The answer holds something that is no mathematics we read."""


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: num, cmd (a LaTeX command), word (letters), text (from ``\\text``), op (one character)."""

    kind: str
    value: str
    space: bool  # white space came before it
    number: Fraction | None = None
    decimals: int = 0


_TOKEN = re.compile(
    r"(?P<space>\s+|\\[,;:!> ]|~|\\(?=\n)|\\$)"
    r"|(?P<text>\\(?:text|mbox|hbox|textbf|textit|textrm|textnormal|textsf|texttt|mathrm|mathsf|mathit|textup|rm|emph)\s*\{)"
    r"|(?P<repeating>\d*\.\d*\\(?:overline|bar|dot)\s*\{?\s*\d+\s*\}?)"
    r"|(?P<sci>(?:\d+(?:\.\d*)?|\.\d+)[eE][+-]?\d+(?![\w.]))"
    r"|(?P<thousands>\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?)"
    r"|(?P<num>\d+\.\d+|\.\d+|\d+\.?(?!\d))"
    r"|(?P<cmd>\\(?:[A-Za-z]+|[{}%$#&_|\\]))"
    r"|(?P<word>[A-Za-z]+)"
    r"|(?P<op>[-+*/^_=<>()\[\]{}|!,;:'%&@?.\"¤€£#¥₹])"
)


def clean(answer: str) -> str:
    """Unicode, spacing and synonym commands brought to one spelling; still text."""
    text = _SUPER_RUN.sub(lambda m: "^{" + m.group(0).translate(_SUPER) + "}", answer)
    text = _SUB_RUN.sub(lambda m: "_{" + m.group(0).translate(_SUB) + "}", text)
    text = text.translate(_UNICODE_TABLE)
    text = re.sub(r"(?<=[^\s,;\\&=])\s*\n\s*(?=[A-Za-z](?:_\{?\w+\}?)?\s*=)", "; ", text)
    text = re.sub(r"√\s*(\d+)", r"\\sqrt{\1}", text)
    text = _THOUSANDS_LATEX.sub("", text)
    text = re.sub(r"\\(?:begin|end)\s*\{(?:aligned|align\*?|gathered|split|equation\*?)\}", " ", text)
    text = _dollars(text).replace(r"\(", " ").replace(r"\)", " ")
    text = re.sub(r"\\\[(?!\d*(?:pt|em|ex|mm|cm)\])|\\\]", " ", text)
    text = _IGNORED.sub(" ", text)
    for pattern, replacement in _SPELLING:
        text = pattern.sub(replacement, text)
    return text.strip()


def _dollars(text: str) -> str:
    """Mathematics delimiters go, currency stays as ``¤``: an escaped dollar, or a lone one before digits."""
    text = text.replace(r"\$", "¤")
    if text.count("$") % 2:
        text = re.sub(r"\$(?=\s*-?[\d.])", "¤", text, count=1)
    return text.replace("$", " ")


_JOINT = re.compile(r"^\s*,?\s*(and|or)\b|\b(and|or)\s*$")


def _text_tokens(content: str, space: bool) -> list[Token]:
    """A text command's content; a leading or trailing "and"/"or" becomes a token of its own."""
    if content.strip() in ("and", "or"):
        return [Token("text", content.strip(), space)]
    head = _JOINT.match(content)
    out: list[Token] = []
    if head:
        out.append(Token("text", head[1], space))
        content = content[head.end() :]
    tail = _JOINT.search(content)
    if tail and tail[2]:
        content = content[: tail.start()]
    if content.strip():
        out.append(Token("text", content, space))
    if tail and tail[2]:
        out.append(Token("text", tail[2], True))
    return out


def _repeating(raw: str) -> tuple[Fraction, int]:
    """``0.1\\overline{6}`` as an exact fraction."""
    head, tail = re.split(r"\\(?:overline|bar|dot)", raw)
    whole, _, fixed = head.partition(".")
    loop = re.sub(r"\D", "", tail)
    base = Fraction(int(whole or "0") * 10 ** len(fixed) + int(fixed or "0"), 10 ** len(fixed))
    return base + Fraction(int(loop), (10 ** len(loop) - 1) * 10 ** len(fixed)), 0


def _number(raw: str) -> tuple[Fraction, int]:
    text = raw.replace(",", "")
    mantissa, _, exponent = text.lower().partition("e")
    whole, point, decimals = mantissa.partition(".")
    digits = Fraction(int(whole or "0"))
    if decimals:
        digits = Fraction(int((whole or "0") + decimals), 10 ** len(decimals))
    if exponent:
        if abs(int(exponent)) > 5000:
            raise LexError("The exponent of a number is too large.")
        digits *= Fraction(10) ** int(exponent)
    return digits, max(len(decimals), 1) if point and decimals else 0


def tokenize(text: str, decimal_comma: bool = False) -> list[Token]:
    """Tokens of a cleaned answer.

    Raises:
        LexError: at a character that no answer contains, or an unbalanced ``\\text{``.
    """
    if decimal_comma:
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    tokens: list[Token] = []
    position = 0
    space = False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise LexError(f"Cannot read {text[position]!r}.")
        kind = match.lastgroup or ""
        raw = match.group(0)
        position = match.end()
        if kind == "space":
            space = True
            continue
        if kind == "text":
            depth, end = 1, position
            while end < len(text) and depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            if depth:
                raise LexError("A text command is not closed.")
            tokens.extend(_text_tokens(text[position : end - 1], space))
            position = end
        elif kind == "repeating":
            number, decimals = _repeating(raw)
            tokens.append(Token("num", raw, space, number, decimals))
        elif kind in ("sci", "thousands", "num"):
            if len(raw) > 4000:
                raise LexError("A number is too long.")
            number, decimals = _number(raw)
            tokens.append(Token("num" if kind != "thousands" else "thousands", raw, space, number, decimals))
        elif kind == "cmd":
            tokens.append(Token("cmd" if raw not in ("\\%", "\\$") else "op", raw[1:], space))
        else:
            tokens.append(Token(kind, raw, space))
        space = False
    return tokens
