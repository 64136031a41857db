"""Properties over every reference answer of every benchmark set: reflexive, symmetric, blind to dress,
and sharp: a changed digit, sign, bound or exponent is another answer."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from shared.problems import Outcome
from shared.verifiers import verify, verify_batch

BENCHMARKS = Path(__file__).resolve().parents[4] / "shared" / "benchmarks"
KNOWN_BAD = {"gaokao2023en/167", "gaokao2023en/192"}  # empty in the source


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, str]]:
    """(id, reference answer) of every row; skips where the sets are not beside the checkout."""
    if not BENCHMARKS.is_dir():
        pytest.skip("The benchmark sets are not beside this checkout.")
    found = []
    for path in sorted(BENCHMARKS.glob("*.jsonl")):
        if not path.name.startswith("r360_"):
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                found.append((row["id"], row["answer"]))
    return found


@pytest.fixture(scope="module")
def golds(rows: list[tuple[str, str]]) -> list[str]:
    return sorted({gold for name, gold in rows if name not in KNOWN_BAD and gold.strip()})


def boxed(answer: str) -> str:
    return "Hence \\boxed{" + answer + "}."


def test_every_reference_equals_itself_in_a_box(rows: list[tuple[str, str]]) -> None:
    verdicts = verify_batch([boxed(gold) for _, gold in rows], [gold for _, gold in rows])
    wrong = [(name, v.outcome) for (name, _), v in zip(rows, verdicts, strict=True) if not v.correct]
    assert {name for name, _ in wrong} == KNOWN_BAD
    assert {outcome for _, outcome in wrong} == {Outcome.BAD_GOLD}


REWRITES: dict[str, Callable[[str], str]] = {
    "dollars": lambda g: f"${g}$" if "$" not in g else g,
    "large fractions": lambda g: g.replace("\\frac", "\\dfrac"),
    "spaces": lambda g: (
        re.sub(r"([=+,<>])", r" \1 ", g) if not re.search(r"\d,\d{3}|,\\|:", g) else f"  {g} "
    ),
    "sizes": lambda g: (
        re.sub(r"(?<![a-zA-Z\\])\(", r"\\left(", re.sub(r"\)", r"\\right)", g))
        if g.count("(") == g.count(")") == len(re.findall(r"(?<![a-zA-Z\\])\(", g))
        and "left" not in g
        and "text" not in g
        else g
    ),
    "trailing point": lambda g: g + ".",
    "display style": lambda g: "\\displaystyle " + g,
}


@pytest.mark.parametrize("name", REWRITES)
def test_dress_does_not_count(golds: list[str], name: str) -> None:
    rewritten = [REWRITES[name](gold) for gold in golds]
    verdicts = verify_batch([boxed(answer) for answer in rewritten], golds)
    wrong = [
        (g, r, v.outcome.value) for g, r, v in zip(golds, rewritten, verdicts, strict=True) if not v.correct
    ]
    assert not wrong, wrong[:10]


def test_lists_and_sets_in_any_order(golds: list[str]) -> None:
    lists = [
        g
        for g in golds
        if re.fullmatch(
            r"(?:\s*-?[\d/.]+\s*,){1,6}\s*-?[\d/.]+|(?:[^,()\[\]a-z]*\\(?:frac|sqrt)[\d{}]+,)+[^,()\[\]]+", g
        )
    ]
    lists = [
        g
        for g in lists
        if not re.search(r"\d,\s*\d{3}(?!\d)", g) and "\\{" not in g and len(set(g.split(","))) > 1
    ]
    assert len(lists) > 30
    turned = [",".join(reversed(g.split(","))) for g in lists]
    for answers in (turned, ["\\{" + t + "\\}" for t in turned]):
        verdicts = verify_batch([boxed(a) for a in answers], lists)
        wrong = [(g, a) for g, a, v in zip(lists, answers, verdicts, strict=True) if not v.correct]
        assert not [w for w in wrong if len(set(w[0].split(","))) == len(w[0].split(","))], wrong


def near_misses(gold: str) -> list[str]:
    """Answers that look alike and are wrong."""
    out = []
    number = re.search(r"(?<![\d.,_{])\d+(?![\d.,]|\s*\\?!|\{,)", gold)
    if number:
        value = int(number.group(0))
        out.append(gold[: number.start()] + str(value + 1) + gold[number.end() :])
        if value > 1:
            out.append(gold[: number.start()] + str(value - 1) + gold[number.end() :])
    if re.fullmatch(r"-?(?:\d+(?:\.\d+)?|\\frac\{\d+\}\{\d+\}|\d*\\sqrt\{\d+\}|\d*\\pi)", gold) and re.sub(
        r"[0.]", "", gold
    ):
        out.append(gold[1:] if gold.startswith("-") else "-" + gold)
    fraction = re.fullmatch(r"(-?)\\frac\{(\d+)\}\{(\d+)\}", gold)
    if fraction and fraction[2] != fraction[3]:
        out.append(f"{fraction[1]}\\frac{{{fraction[3]}}}{{{fraction[2]}}}")
    pair = re.fullmatch(r"\((-?\d+),\s*(-?\d+)\)", gold)
    if pair and pair[1] != pair[2]:
        out += [f"({pair[2]},{pair[1]})", f"[{pair[1]},{pair[2]}]", f"({pair[1]},{pair[2]},0)"]
    if re.search(r"\^\{?2\}?", gold) and "text" in gold + "mbox":
        out.append(re.sub(r"\^\{?2\}?", "^3", gold, count=1))
    return out


def test_near_misses_are_rejected(golds: list[str]) -> None:
    pairs = [(gold, miss) for gold in golds for miss in near_misses(gold)]
    assert len(pairs) > 4000
    sample = random.Random(0).sample(pairs, 4000)
    verdicts = verify_batch([boxed(miss) for _, miss in sample], [gold for gold, _ in sample])
    accepted = [(g, m) for (g, m), v in zip(sample, verdicts, strict=True) if v.correct]
    assert not accepted, accepted[:20]
    broken = [v for v in verdicts if v.outcome not in (Outcome.DIFFERENT, Outcome.BAD_GOLD)]
    assert not broken, broken[:5]


def test_equality_is_symmetric_on_random_pairs(golds: list[str]) -> None:
    draw = random.Random(1)
    pairs = [(draw.choice(golds), draw.choice(golds)) for _ in range(3000)]
    forward = verify_batch([boxed(b) for _, b in pairs], [a for a, _ in pairs])
    backward = verify_batch([boxed(a) for a, _ in pairs], [b for _, b in pairs])
    odd = [p for p, f, b in zip(pairs, forward, backward, strict=True) if f.correct != b.correct]
    assert not odd, odd[:10]


def test_a_known_false_acceptance_elsewhere_is_rejected_here() -> None:
    assert not verify("\\boxed{\\frac{1}{2006!}}", "\\frac{1}{2004!}").correct
    assert not verify("\\boxed{1+\\frac1e}", "1-\\frac{1}{\\mathrm{e}}").correct
