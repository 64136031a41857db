"""Option letters of multiple-choice answers, and the official MMLU-Pro extraction chain.

An unreadable response has no letter: nothing is guessed here. The number that the official
scripts report (a random guess on failure) is a separate figure, :func:`guess_adjusted`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.verifiers.policy import Policy

_WRAP = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox|bf|rm)\s*\{([^{}]*)\}")


def letter_of(answer: str, letters: str) -> str | None:
    """The option letter that a final answer names: ``B``, ``(B)``, ``\\text{(B)}``, ``B. 12 cm``.

    ``None`` when it names none or several.
    """
    text = _WRAP.sub(r"\1", answer).strip().strip("$*`. ")
    text = re.sub(r"^(?:option|choice|answer)\s*:?\s*", "", text, flags=re.IGNORECASE)
    match = re.fullmatch(rf"[(\[]?([{letters}{letters.lower()}])[)\]]?\.?", text)
    if match:
        return match.group(1).upper()
    lead = re.match(rf"[(\[]([{letters}])[)\]]|([{letters}])(?:[).:]\s|\s*[:-]\s)", text)
    if not lead:
        return None
    if re.match(r"\s*[-+*/=^<>]", text[lead.end() :]):
        return None  # "(B) + 1" is a sum
    others = re.findall(rf"[(\[]([{letters}])[)\]]", text[lead.end() :])
    first = lead.group(1) or lead.group(2)
    return first if all(other == first for other in others) else None


def extract_letter(text: str, policy: Policy) -> str | None:
    """The letter of a response: box, then answer phrase, then a response that is only a letter."""
    from shared.verifiers.extract import boxed_answer

    boxed = boxed_answer(text)
    if boxed is not None:
        return letter_of(boxed, policy.letters)
    if policy.box_required:
        return None
    pattern = (
        rf"\banswer\b\s*(?:is|:)\s*(?:option|choice)?\s*[*$_]*\\?[(\[]?([{policy.letters}])[)\]]?(?![A-Za-z])"
    )
    phrases = list(re.finditer(pattern, text, re.IGNORECASE))
    if phrases:
        letter = phrases[-1].group(1)
        more = re.match(r"[)\]*$.]*\s*(?:or|and|,|/)\s*\(?([A-J])\b", text[phrases[-1].end() :])
        return letter.upper() if letter.isupper() and not more else None
    return letter_of(text, policy.letters)


_OFFICIAL = (
    re.compile(r"answer is \(?([A-J])\)?"),
    re.compile(r".*[aA]nswer:\s*([A-J])"),
)
_LAST_LETTER = re.compile(r"\b([A-J])\b")


def mmlu_pro_letter(response: str) -> str | None:
    """The official MMLU-Pro chain: "answer is (X)", "Answer: X", then the last standalone letter A-J.

    ``None`` where the official script guesses.
    """
    for pattern in _OFFICIAL:
        match = pattern.search(response)
        if match:
            return match.group(1)
    found = _LAST_LETTER.findall(response)
    return found[-1] if found else None


def guess_adjusted(correct: Sequence[bool], parsed: Sequence[bool], n_options: Sequence[int]) -> float:
    """Expected accuracy if every unparsed response were replaced by a uniform guess.

    Args:
        correct: verdict of each response (an unparsed one is wrong).
        parsed: whether a letter was found.
        n_options: number of options of each question.

    Raises:
        ValueError: when the lengths differ or there is nothing to average.
    """
    if not len(correct) == len(parsed) == len(n_options) or not correct:
        raise ValueError("guess_adjusted needs three sequences of one length, at least one item long.")
    total = sum(float(c) if p else 1.0 / n for c, p, n in zip(correct, parsed, n_options, strict=True))
    return total / len(correct)
