"""The schedule of τs against the paper's formula and the released code's step counts."""

from __future__ import annotations

import pytest
from sept.commands import composed
from sept.recipes import build
from sept.schedule import Temperature
from shared.training import StepContext


def at(temperature: Temperature, step: int, total: int) -> float:
    return temperature(StepContext(0, step, total))


def test_linear_follows_the_papers_formula_in_epochs() -> None:
    found = Temperature(0.6, 1.0)
    for step in range(942):
        u = 3 * step / 942
        expected = 0.6 + u / 2 * 0.4 if u < 2 else 1.0
        assert at(found, step, 942) == pytest.approx(expected)


def test_the_end_is_reached_where_the_released_code_reaches_it() -> None:
    found = Temperature(0.9, 1.0)
    assert found.anneal_steps(944) == 628  # integer division of the total by the epochs
    assert at(found, 627, 944) < 1.0 == at(found, 628, 944) == at(found, 943, 944)


def test_constant_and_cosine() -> None:
    assert at(Temperature(0.6, 1.0, "constant"), 900, 942) == 0.6
    cosine = Temperature(0.6, 1.0, "cosine")
    assert at(cosine, 0, 942) == pytest.approx(0.6)
    assert at(cosine, 314, 942) == pytest.approx(0.8)
    assert at(cosine, 157, 942) < 0.7 and at(cosine, 700, 942) == 1.0


@pytest.mark.parametrize(
    "preset, start",
    [
        ("qwen25_math_7b", 0.6),
        ("deepseek_math_7b", 0.6),
        ("qwen25_7b", 0.9),
        ("qwen25_7b_instruct", 0.9),
        ("llama31_8b", 0.9),
    ],
)
def test_presets_start_where_the_paper_says(preset: str, start: float) -> None:
    config = composed("paper", [f"preset={preset}", "arm=coupled"])
    assert build(config).temperature(StepContext(0, 0, config.run.steps)) == start
    assert build(config).temperature(StepContext(0, 628, config.run.steps)) == 1.0
    assert config.recipe.loss_temperature is None and config.sampling.n == 1


def test_other_arms_do_not_follow_the_schedule() -> None:
    grpo = build(composed("paper", ["arm=grpo"]))
    assert {grpo.temperature(StepContext(0, s, 942)) for s in (0, 300, 941)} == {1.0}
