"""Worlds: truth against a second evaluator, splits, determinism, noise, and what counts as an answer."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from shared.data.worlds import Arithmetic, WorldPrompts, evaluation_set, split_of
from shared.data.worlds.interface import SPLITS
from shared.problems import FinishReason, Outcome, Response

WORLDS = [Arithmetic(10), Arithmetic(30), Arithmetic(7, operands=5)]
OPERATIONS = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}


def fold(prompt: str, modulus: int) -> int:
    """The truth without the world's code: take the result modulo m once, at the end."""
    words = re.findall(r"\d+|[-+*]", prompt)
    value = int(words[0])
    for operator, operand in zip(words[1::2], words[2::2], strict=True):
        value = OPERATIONS[operator](value, int(operand))
    return value % modulus


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: w.name)
def test_answers_are_true_and_levels_count_operators(world: Arithmetic) -> None:
    for level in (1, 4, 9):
        for index in range(50):
            problem = world.problem(level, 3, index)
            assert problem.answer == str(fold(problem.prompt, world.modulus))
            assert len(re.findall(r"[-+*]", problem.prompt)) == level == problem.level


def test_operators_apply_from_left_to_right() -> None:
    world = Arithmetic(10)
    problem = next(p for i in range(5000) if (p := world.problem(2, 0, i)).prompt.startswith("9-5*"))
    assert problem.answer == str(4 * int(problem.prompt[4]) % 10)


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: w.name)
def test_every_step_of_a_trace_is_true_and_it_is_marked_correct(world: Arithmetic) -> None:
    for index in range(50):
        problem = world.problem(5, 0, index)
        trace = world.trace(problem)
        chain = trace[: trace.index("\\boxed")].split("=")
        for left, right in pairwise(chain):
            result = re.match(r"\d+", right)
            assert result is not None and fold(left, world.modulus) == int(result.group())
        assert world.check(Response(trace), problem.answer).correct


def test_the_trace_of_the_docstring() -> None:
    world = Arithmetic(10)
    problem = world.problem(2, 0, 0)
    first, operator, a, second, b = re.findall(r"\d+|[-+*]", problem.prompt)
    middle = OPERATIONS[operator](int(first), int(a)) % 10
    end = OPERATIONS[second](middle, int(b)) % 10
    assert world.trace(problem) == f"{first}{operator}{a}={middle}{second}{b}={end}\\boxed{{{end}}}"


def test_same_arguments_same_problem_and_other_arguments_other_problems() -> None:
    world = Arithmetic(30)
    assert world.problem(4, 1, 2) == world.problem(4, 1, 2)
    stream = [world.problem(4, seed, i).prompt for seed in range(5) for i in range(100)]
    assert len(set(stream)) > 0.98 * len(stream)
    ids = {world.problem(level, s, i).id for level in (2, 3) for s in (0, 1) for i in range(5)}
    assert len(ids) == 20


def test_splits_never_share_a_prompt_and_have_their_sizes() -> None:
    world = Arithmetic(10)
    prompts = {
        s: {world.problem(1, 0, i, s).prompt for i in range(2500)} for s in ("train", "validation", "test")
    }
    assert not prompts["train"] & prompts["validation"]
    assert not prompts["train"] & prompts["test"]
    assert not prompts["validation"] & prompts["test"]
    everything = [f"{a}{o}{b}=?" for a in range(10) for o in "+-*" for b in range(10)]
    assert set().union(*prompts.values()) == set(everything)
    many = [split_of(f"prompt {i}") for i in range(20_000)]
    assert abs(many.count("test") / 20_000 - 0.1) < 0.01
    assert abs(many.count("validation") / 20_000 - 0.1) < 0.01


def test_corruption_happens_at_its_rate_and_the_chain_follows_the_wrong_number() -> None:
    world, rng = Arithmetic(30), random.Random(0)
    problem = world.problem(8, 0, 0)
    assert world.corrupt(problem, rng, 0.0) == world.trace(problem)
    steps = wrong = 0
    for index in range(400):
        text = world.corrupt(world.problem(8, 0, index), rng, 0.2)
        chain = text[: text.index("\\boxed")].split("=")
        for left, right in pairwise(chain):
            result = re.match(r"\d+", right)
            assert result is not None
            wrong += fold(left, 30) != int(result.group())
            steps += 1
        assert text.endswith(f"\\boxed{{{chain[-1]}}}")
    expected = 0.2 * 29 / 30  # an evenly drawn number is the right one once in 30
    assert abs(wrong / steps - expected) < 4 * (expected * (1 - expected) / steps) ** 0.5


@pytest.mark.parametrize(
    ("text", "outcome", "extracted"),
    [
        ("1+1=2\\boxed{2}", Outcome.EQUAL, "2"),
        ("1+1=3\\boxed{3}", Outcome.DIFFERENT, "3"),
        ("\\boxed{3}\\boxed{2}", Outcome.EQUAL, "2"),
        ("\\boxed{2}+", Outcome.NO_ANSWER, None),
        ("\\boxed{02}", Outcome.NO_ANSWER, None),
        ("\\boxed{+}", Outcome.NO_ANSWER, None),
        ("\\boxed{}", Outcome.NO_ANSWER, None),
        ("\\boxed{2", Outcome.NO_ANSWER, None),
        ("", Outcome.NO_ANSWER, None),
    ],
)
def test_what_counts_as_an_answer(text: str, outcome: Outcome, extracted: str | None) -> None:
    verdict = Arithmetic(10).check(Response(text), "2")
    assert (verdict.outcome, verdict.extracted) == (outcome, extracted)
    assert verdict.score == float(outcome is Outcome.EQUAL)


def test_a_response_that_was_cut_off_has_no_answer() -> None:
    verdict = Arithmetic(10).check(Response("\\boxed{2}", finish_reason=FinishReason.LENGTH), "2")
    assert verdict.outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize("gold", [None, "", "x"])
def test_a_bad_reference_is_not_called_wrong_and_the_answer_is_still_read(gold: str | None) -> None:
    verdict = Arithmetic(10).check(Response("\\boxed{2}"), gold)
    assert (verdict.outcome, verdict.extracted) == (Outcome.BAD_GOLD, "2")


def test_a_prompt_stream_does_not_depend_on_how_it_is_cut() -> None:
    stream = WorldPrompts(Arithmetic(30), [2, 5], seed=4)
    whole = stream.take(0, 200)
    assert whole == [p for start in range(0, 200, 40) for p in stream.take(start, 40)]
    assert {p.level for p in whole} == {2, 5}
    assert 60 < sum(p.level == 2 for p in whole) < 140
    assert stream.take(0, 20) != WorldPrompts(Arithmetic(30), [2, 5], seed=5).take(0, 20)


def test_evaluation_sets_are_distinct_held_out_and_balanced() -> None:
    problems = evaluation_set(Arithmetic(30), [3, 4], 256)
    assert len({p.prompt for p in problems}) == 256
    assert all(split_of(p.prompt) == "test" for p in problems)
    assert sum(p.level == 3 for p in problems) == 128


def test_mistakes_are_named() -> None:
    world = Arithmetic(10)
    with pytest.raises(ValueError, match="no level 17"):
        world.problem(17, 0, 0)
    with pytest.raises(ValueError, match="no split 'dev'"):
        world.problem(2, 0, 0, "dev")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one level"):
        WorldPrompts(world, [], 0)
    with pytest.raises(ValueError, match="fewer than 20 distinct test problems"):
        evaluation_set(Arithmetic(3, operands=3), [1], 20)
    with pytest.raises(ValueError, match="modulus"):
        Arithmetic(1)
    tiny = Arithmetic(2, operands=2)
    empty = [
        s for s in SPLITS if s not in {split_of(f"{a}{o}{b}=?") for a in "01" for o in "+-*" for b in "01"}
    ]
    assert empty, "choose a world that lacks a split"
    with pytest.raises(ValueError, match="choose a higher level"):
        tiny.problem(1, 0, 0, empty[0])
