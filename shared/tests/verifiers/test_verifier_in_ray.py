"""Verdicts are the same inside a Ray actor, the worker pool and its deadline included."""

from __future__ import annotations

import pytest
from shared.problems import Outcome
from shared.verifiers import verify_batch

pytestmark = pytest.mark.heavy

PAIRS = [
    ("\\boxed{\\frac{1}{2}}", "0.5"),
    ("\\boxed{x^2-1}", "(x-1)(x+1)"),
    ("\\boxed{\\sin(2x)}", "2\\sin x\\cos x"),
    ("\\boxed{2}", "3"),
    ("nothing", "3"),
    ("\\boxed{10^{10^{10}}+1}", "10^{10^{10}}"),
    ("\\boxed{" + "\\sqrt{2+" * 40 + "1" + "}" * 40 + "}", "2"),
]


def outcomes() -> list[Outcome]:
    return [v.outcome for v in verify_batch([r for r, _ in PAIRS], [g for _, g in PAIRS])]


def test_an_actor_gives_the_verdicts_of_the_driver() -> None:
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        here = outcomes()
        there = ray.get(ray.remote(_Grader).remote().grade.remote(), timeout=120)
    finally:
        ray.shutdown()
    assert there == here
    assert here[:5] == [Outcome.EQUAL] * 3 + [Outcome.DIFFERENT, Outcome.NO_ANSWER]
    assert Outcome.EQUAL not in here[5:]


class _Grader:
    def grade(self) -> list[Outcome]:
        return outcomes()
