"""The two string normalisers that the older graders share, written anew from their description.

``hendrycks`` is the MATH data set's: brace repair, units on the right, a/b to a fraction.
``minerva`` is the stronger one: lower case, unit words, millions, mixed numbers, thousands.
Both are lossy on purpose; use them for parity only.
"""

from __future__ import annotations

import re

_UNIT_WORDS = (
    "degree", "cm", "centimeter", "meter", "mile", "second", "minute", "hour", "day", "week", "month", "year",
    "foot", "feet", "inch", "yard", "kg", "gram", "dollar", "cent", "unit", "square", "cubic", "km", "mph",
    "point",
)  # fmt: skip


def last_box(text: str, commands: tuple[str, ...] = ("\\boxed", "\\fbox")) -> str | None:
    """Content of the last box with balanced braces, ``None`` if there is none."""
    at, command = max((text.rfind(c), c) for c in commands)
    if at < 0 or not text.startswith("{", at + len(command)):
        return None
    depth = 0
    for index in range(at + len(command), len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return text[at + len(command) + 1 : index]
    return None


def after_think(text: str) -> str:
    """The text behind the last closing think tag, or all of it."""
    return text.rsplit("</think>", 1)[-1]


def hendrycks(answer: str) -> str:
    """The MATH normal form of an answer."""
    text = answer.strip().replace("\n", "").replace("\\!", "").replace("\\\\", "\\")
    text = re.sub(r"^\\text\{([^{}]*)\}$", r"\1", text)
    text = re.sub(r"\\[td]frac", r"\\frac", text)
    text = text.replace("\\left", "").replace("\\right", "")
    text = text.replace("^{\\circ}", "").replace("^\\circ", "").replace("\\$", "").replace("$", "")
    text = re.split(r"\\text\{ ", text)[0] if "\\text{ " in text else text
    text = text.replace("\\%", "").replace("%", "")
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    text = "0" + text if text.startswith(".") else text
    sides = text.split("=")
    if len(sides) == 2 and len(sides[0].strip()) <= 2:
        text = sides[1]
    text = re.sub(r"\\sqrt\s*([^{\s\[])", r"\\sqrt{\1}", text).replace(" ", "")
    text = re.sub(r"\\frac(?!\{)(.)(.)", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\\frac(?!\{)(.)\{", r"\\frac{\1}{", text)
    text = re.sub(r"(\\frac\{[^{}]*\})(?!\{)(.)", r"\1{\2}", text)
    if text == "0.5":
        return "\\frac{1}{2}"
    if re.fullmatch(r"-?\d+/-?\d+", text):
        top, bottom = text.split("/")
        text = f"\\frac{{{top}}}{{{bottom}}}"
    return text


def minerva(answer: str) -> str:
    """The stronger normal form: lower case, plain fractions, no units, integers without a point."""
    text = re.sub(r"\\text\{([^{}]*)\}", r"\1", answer.strip())
    text = text.replace("\\%", "%").replace("\\$", "$").replace("$", "").replace("%", "")
    text = text.replace(" or ", " , ").replace(" and ", " , ")
    for word, zeros in (("million", 6), ("billion", 9), ("trillion", 12)):
        text = text.replace(word, f"*10^{zeros}")
    for word in _UNIT_WORDS:
        text = re.sub(rf"{word}(?:es|s)?(?: *\^[0-9]+)?", "", text)
    text = re.sub(r"\^ *\{?\\circ\}?", "", text)
    text = text[1:-1] if re.fullmatch(r"\{[^{}]*\}", text) else text
    text = re.sub(r",\\! *", "", text).replace("{,}", ",")
    if re.fullmatch(r"-?\d+\.0+", text):
        text = text.split(".")[0]
    if "\\" in text:
        text = re.sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", text)
        text = re.sub(r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)", text)
        text = (
            text.replace("\\pi", "pi")
            .replace("\\cdot", "*")
            .replace("\\times", "*")
            .replace("\\left", "")
            .replace("\\right", "")
        )
    text = (
        re.sub(r"(\d) +(\d+/\d+)", r"\1+\2", text).replace(" ", "").replace("{", "").replace("}", "").lower()
    )
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    return text
