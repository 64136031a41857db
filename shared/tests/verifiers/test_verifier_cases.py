"""The visible suite: pairs of answers and whole responses by category, each group with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from shared.problems import Outcome
from shared.verifiers import verify

HERE = Path(__file__).resolve().parent


def groups(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load((HERE / name).read_text(encoding="utf-8")))


PAIRS = [*groups("cases_values.yaml"), *groups("cases_structures.yaml"), *groups("cases_assorted.yaml")]
RESPONSES = groups("cases_extraction.yaml")


KEYS = ("equal", "different", "no_answer", "golds_bad", "equal_pairs", "different_pairs")


def count(group: dict[str, Any]) -> int:
    return sum(len(group.get(key, [])) for key in KEYS)


def test_the_suite_is_large_enough_and_every_group_says_why() -> None:
    assert sum(count(group) for group in [*PAIRS, *RESPONSES]) >= 1200
    assert all(len(group["why"]) > 20 for group in [*PAIRS, *RESPONSES])


@pytest.mark.parametrize(
    "index", range(len(PAIRS)), ids=lambda i: f"{PAIRS[i]['category']}-{i}".replace(" ", "-")
)
@pytest.mark.parametrize("expected", ["equal", "different"])
def test_pairs_in_both_directions(index: int, expected: str) -> None:
    group = PAIRS[index]
    wrong = []
    for first, second in group.get(expected, []):
        for gold, answer in ((first, second), (second, first)):
            verdict = verify("\\boxed{" + answer + "}", gold)
            if verdict.outcome.value != expected:
                wrong.append((gold, answer, verdict.outcome.value, verdict.canonical))
    assert not wrong, f"{group['why']}: {wrong}"


@pytest.mark.parametrize("index", range(len(RESPONSES)), ids=lambda i: f"{RESPONSES[i]['category']}-{i}")
def test_responses(index: int) -> None:
    group = RESPONSES[index]
    wrong = []
    for expected in ("equal", "different", "no_answer"):
        for response in group.get(expected, []):
            verdict = verify(response, group["gold"])
            allowed = (
                {Outcome.DIFFERENT, Outcome.NO_ANSWER} if expected == "different" else {Outcome(expected)}
            )
            if verdict.outcome not in allowed:
                wrong.append((expected, response, verdict.outcome.value, verdict.extracted))
    for key, right in (("equal_pairs", True), ("different_pairs", False)):
        for gold, response in group.get(key, []):
            verdict = verify(response, gold)
            if verdict.correct is not right:
                wrong.append((key, gold, response, verdict.outcome.value, verdict.extracted))
    for gold in group.get("golds_bad", []):
        verdict = verify(group["response"], gold)
        if verdict.outcome is not Outcome.BAD_GOLD:
            wrong.append(("bad_gold", gold, verdict.outcome.value, verdict.extracted))
    assert not wrong, f"{group['why']}: {wrong}"
