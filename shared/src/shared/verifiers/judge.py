"""From the texts of two answers to a decision, in this process and within a budget.

Literal equality first, then option letters, then words, then the trees of
:mod:`shared.verifiers.equality`. Symmetric in the two answers.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from shared.verifiers.equality import Comparison
from shared.verifiers.exact import Budget, Exhausted
from shared.verifiers.letters import letter_of
from shared.verifiers.nodes import Node, Sym, Text
from shared.verifiers.policy import Policy
from shared.verifiers.reader import read
from shared.verifiers.text import fold, is_word, joined, meaning, squeeze

_LONGEST = 20_000  # characters of both answers together; beyond that only literal equality counts
_QUALIFIER = re.compile(
    r"[,;]?\s*\$?\s*(?:\\(?:text|mbox|mathrm)\s*\{\s*)?\(?"
    r"\b(?:where|for (?:all|any|some|every|each|which)|such that|"
    r"with (?:arbitrary|any)|in which|when|whenever|if|provided that|because|since)\b.*",
    re.DOTALL,
)


@lru_cache(maxsize=20_000)
def _read_cached(answer: str, policy: Policy) -> tuple[Node, ...]:
    return tuple(read(answer, policy))


def readings(answer: str, policy: Policy) -> tuple[Node, ...]:
    """The readings of an answer; short answers are remembered."""
    return _read_cached(answer, policy) if len(answer) <= 300 else tuple(read(answer, policy))


def judge(gold: str, answer: str, policy: Policy, budget: Budget) -> bool:
    """Whether an answer equals a reference answer. Symmetric in the two.

    Raises:
        Exhausted: the budget does not suffice to decide.
    """
    if len(gold) + len(answer) > _LONGEST:
        return gold.strip() == answer.strip()
    if squeeze(gold) == squeeze(answer):
        return True
    if policy.bar_lists and ("|" in gold or "|" in answer):
        return _same_bar_lists(gold.split("|"), answer.split("|"), policy, budget)
    gold, answer = _without_qualifiers(gold, answer)
    named = _option(gold, answer)
    if named is not None:
        return named
    exhausted = False
    first, second = readings(gold, policy), readings(answer, policy)
    folded = fold(gold, policy.case_sensitive), fold(answer, policy.case_sensitive)
    if any(_wordy(node) for node in (first[0], second[0])) or is_word(folded[0].lower()):
        if joined(folded[0]) == joined(folded[1]):
            return True
        if meaning(folded[0]) and meaning(folded[0]) == meaning(folded[1]):
            return True
    for left in first:
        for right in second:
            try:
                if Comparison(policy, budget).equal(left, right):
                    return True
            except Exhausted:
                exhausted = True
    if exhausted:
        raise Exhausted
    return False


def _same_bar_lists(golds: list[str], answers: list[str], policy: Policy, budget: Budget) -> bool:
    """A one-to-one match of the parts in any order."""
    if len(golds) != len(answers):
        return False
    single = replace(policy, bar_lists=False)
    rest = [answer.strip() for answer in answers]
    for gold in golds:
        match = next((a for a in rest if judge(gold.strip(), a, single, budget)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def _without_qualifiers(gold: str, answer: str) -> tuple[str, str]:
    """Drop a trailing "for all c", "where a is real" that only one side has; two are left for comparison."""
    found = [_QUALIFIER.search(side) for side in (gold, answer)]
    if (found[0] is None) == (found[1] is None):
        return gold, answer
    cut = [side[: m.start()] if m and re.search(r"\w", side[: m.start()]) else side
           for side, m in zip((gold, answer), found, strict=True)]  # fmt: skip
    return cut[0], cut[1]


def _wordy(node: Node) -> bool:
    return isinstance(node, Text) or (isinstance(node, Sym) and node.name.startswith("text "))


def _option(gold: str, answer: str) -> bool | None:
    """When one side is a bare letter A to J and the other names an option, whether the letters agree."""
    sides = [fold(gold, True), fold(answer, True)]
    bare = [s for s in sides if len(s) == 1 and s in "ABCDEFGHIJ"]
    if len(bare) != 1:
        return None
    other = answer if sides[0] == bare[0] else gold
    letter = letter_of(other, "ABCDEFGHIJ")
    return None if letter is None or len(fold(other, True)) == 1 else letter == bare[0]
