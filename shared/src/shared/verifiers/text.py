"""Text answers: which words carry meaning and which do not."""

from __future__ import annotations

import re

_WRAP = re.compile(
    r"\\(?:text|mbox|hbox|textbf|textit|textrm|textnormal|mathrm|mathbf|mathit|mathsf|emph|operatorname)\s*\{([^{}]*)\}"
)
_COMMAND_SPACE = re.compile(r"\\[,;:!> ]|~|\\(?:quad|qquad|left|right|displaystyle)(?![A-Za-z])")
_ARTICLE = re.compile(r"\b(?:the|an?)\s+(?=\w)", re.IGNORECASE)
_NO_ANSWER = re.compile(
    r"(?:there (?:is|are) )?no (?:real |such |valid |integer |possible )?"
    r"(?:solutions?|answers?|values?|roots?)(?: exists?)?"
    r"|none|empty set|null set|no such \w+(?: exists?)?|impossible|not possible"
)
_UNDEFINED = re.compile(r"(?:does not|doesn't|do not|doesnt) exist|dne|undefined|not defined|is undefined")
_ALL_REALS = re.compile(
    r"(?:all |any |the set of |set of )+(?:all )?real(?: numbers?| values?|s)?(?: [a-z])?|reals"
)


def unwrap(text: str) -> str:
    """Remove text and font commands and LaTeX spacing, from the inside out."""
    for _ in range(8):
        inner = _WRAP.sub(r" \1 ", text)
        if inner == text:
            break
        text = inner
    return _COMMAND_SPACE.sub(" ", text)


def squeeze(text: str) -> str:
    """The text without markup that never changes a value: used for the first, literal comparison."""
    text = (
        text.replace("\\left", "")
        .replace("\\right", "")
        .replace("\\dfrac", "\\frac")
        .replace("\\tfrac", "\\frac")
    )
    text = re.sub(r"\\[,;:! ]|~|\\displaystyle(?![A-Za-z])|\\(?:quad|qquad)(?![A-Za-z])", "", text)
    text = re.sub(r"(?<!\\)\$|\\[()]", "", text).strip()
    text = re.sub(r"[.,;]+$", "", text)
    return re.sub(r"\s+", " ", re.sub(r"(?<![A-Za-z0-9])\s+|\s+(?![A-Za-z0-9])", "", text)).strip()


def fold(text: str, case_sensitive: bool = False) -> str:
    """A text answer in normal form: case, articles, punctuation at the ends and spacing folded."""
    text = unwrap(text).replace("$", " ").replace("\\", " ").replace("{", " ").replace("}", " ")
    text = re.sub(r"[-_\u2010-\u2015]+", " ", text) if re.search("[A-Za-z]", text) else text
    text = text.replace("’", "'")
    if not case_sensitive:
        text = text.casefold()
    text = re.sub(r"\s+", " ", text).strip(" .,;:\"'`*" if re.search(r"\d", text) else " .,;:!?\"'`*")
    text = _ARTICLE.sub("", text)
    text = re.sub(r"\s*([,;:/()])\s*", r"\1", text)
    match = re.fullmatch(r"\(([^()]*)\)", text)
    return match.group(1).strip() if match else text


def is_word(folded: str) -> bool:
    """Letters only, long enough that nobody means a product of variables: case does not count then."""
    return bool(re.fullmatch(r"[a-z]{3,}", folded)) or folded == "no"


def meaning(folded: str) -> str | None:
    """A named meaning of a stock phrase: ``empty``, ``undefined``, ``reals``; ``None`` for other text."""
    if _NO_ANSWER.fullmatch(folded):
        return "empty"
    if _UNDEFINED.fullmatch(folded):
        return "undefined"
    if _ALL_REALS.fullmatch(folded):
        return "reals"
    return None


def joined(folded: str) -> str:
    """Words without the spaces between them: "non-linear" is "nonlinear"."""
    return re.sub(r"(?<=[a-z]) (?=[a-z])", "", folded)
