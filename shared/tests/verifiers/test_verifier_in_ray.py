"""Verdicts are the same inside a Ray actor, the worker pool and its deadline included."""

from __future__ import annotations

import pytest
from shared.verifiers import verify_batch

pytestmark = pytest.mark.heavy

PAIRS = [
    ("\\boxed{\\frac{1}{2}}", "0.5"),
    ("\\boxed{x^2-1}", "(x-1)(x+1)"),
    ("\\boxed{\\sin(2x)}", "2\\sin x\\cos x"),
    ("\\boxed{2}", "3"),
    ("I do not know", "3"),
    ("\\boxed{10^{10^{10}}+1}", "10^{10^{10}}"),
    ("\\boxed{" + "\\sqrt{2+" * 40 + "1" + "}" * 40 + "}", "2"),
]


def test_an_actor_gives_the_verdicts_of_the_driver() -> None:
    ray = pytest.importorskip("ray")
    responses, golds = [r for r, _ in PAIRS], [g for _, g in PAIRS]

    class Grader:  # local, so that Ray ships it by value: the worker cannot import test modules
        def grade(self, responses: list[str], golds: list[str]) -> list[str]:
            return [v.outcome.value for v in verify_batch(responses, golds)]

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        there = ray.get(ray.remote(Grader).remote().grade.remote(responses, golds), timeout=120)
    finally:
        ray.shutdown()
    assert there == [v.outcome.value for v in verify_batch(responses, golds)]
    assert there[:5] == ["equal", "equal", "equal", "different", "no_answer"]
    assert "equal" not in there[5:]
