"""Is a reference answer usable at all? Empty, cut off or glued together ones are reported, not scored."""

from __future__ import annotations

import re

from shared.verifiers.names import GREEK

_NOTHING = frozenset(
    {
        "nan",
        "none",
        "null",
        "n/a",
        "na",
        "tbd",
        "todo",
        "unknown",
        "see solution",
        "[]",
        "{}",
        "\\boxed{}",
        "-",
        "?",
    }
)
_GLUED = re.compile(r"\\([A-Za-z]+)")
_COMMANDS = re.compile(
    r"nu|pi(?:tchfork)?|eta|xi|psi|mu(?:lticolumn|ltirow|ltimap)?|beth|rho|chi|phi|tau|Pi|Xi|Psi|Phi|epsilonup|thetasym|"
    r"mul\w*|nuc\w*|eth\w*|alphaup|deltaup"
)


def damage(gold: str) -> str | None:
    """One sentence on what is wrong with a reference answer, ``None`` if nothing is.

    Seen here: nothing in it, a placeholder, unbalanced braces, an operator without its right side,
    a Greek letter's command glued to the next letter, a number glued to a stray word with a colon.
    """
    text = gold.strip().strip("$").strip()
    if not text or not re.search(r"\w|\\", text):
        return "The reference answer is empty."
    if text.lower() in _NOTHING and text not in ("{}", "[]"):
        return f"The reference answer is a placeholder ({text!r})."
    bare = re.sub(r"\\[{}\\]", "", text)
    if _unbalanced(bare):
        return "The braces of the reference answer do not match."
    if re.search(
        r"(?:[-+*/=^_<>]|\\(?:frac|sqrt|times|cdot|text|boxed|left|le|ge|cup))\s*$", text
    ) and not re.search(r"[A-Za-z]\^?[+*-]$|\d!$", text):
        return "The reference answer stops in the middle of an expression."
    for name in _GLUED.findall(text):
        if _glued(name):
            return f"The command \\{name} in the reference answer is two glued together."
    if re.fullmatch(r"-?\d[\d.,]*[a-z]{4,}:", text):
        return "A stray word is glued to the number of the reference answer."
    return None


def _glued(name: str) -> bool:
    """A Greek letter's name with one or two letters behind it that make no command."""
    if name in GREEK or _COMMANDS.fullmatch(name):
        return False
    return any(name.startswith(g) and len(name) - len(g) <= 2 and len(g) > 2 for g in GREEK)


def _unbalanced(text: str) -> bool:
    depth = 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth < 0:
            return True
    return depth != 0
