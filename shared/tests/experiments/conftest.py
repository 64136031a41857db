"""Invented results in the shape of a small paper: three seeds, two arms and a control."""

from __future__ import annotations

import random
from typing import Any

import pytest
from shared.experiments import ClaimsFile, Run, SampledGroup, SampledResponse, Summary, parse_claims

STEPS = range(0, 49, 4)
LEVELS = {"srt": 0.72, "ground_truth": 0.76, "random_reward": 0.43, "collapse": 0.25}


def invented_run(arm: str, seed: int) -> Run:
    """A saturating curve from about .44 to the level of the arm; the collapse rises first."""
    noise = random.Random(f"{arm}{seed}")
    start = 0.44 + 0.005 * seed
    end = LEVELS[arm] + noise.gauss(0, 0.02)
    curve = []
    for step in STEPS:
        way = 1 - (1 - step / 48) ** 2
        value = start + (end - start) * way
        if arm == "collapse":
            value = (
                start + 0.2 * step / 20
                if step <= 20
                else start + 0.2 - (start + 0.2 - end) * (step - 20) / 28
            )
        wobble = noise.gauss(0, 0.008) if 0 < step < 48 else 0.0
        reward = min(0.98, 0.5 + 0.01 * step) + noise.gauss(0, 0.01)
        curve.append({"step": step, "eval/pass@1": value + wobble, "rollout/reward": reward})
    before = {"pass@1": start, "maj@16": start + 0.29, "pass@16": 0.97, "greedy": 0.78}
    after = {"pass@1": end, "maj@16": min(0.96, end + 0.13), "pass@16": 0.98, "greedy": min(0.95, end + 0.12)}
    return Run(arm, seed, before, after, 400, 64.0 + noise.gauss(0, 2), curve=tuple(curve))


CLAIMS: dict[str, Any] = {
    "paper": "demo",
    "defaults": {"min_problems": 200, "confidence": 0.9},
    "arms": {
        "srt": "SRT",
        "ground_truth": "ground truth",
        "random_reward": "random reward",
        "collapse": "SRT, hard prompts",
    },
    "panels": [
        {"metric": "eval/pass@1", "title": "Accuracy on held-out problems"},
        {"metric": "rollout/reward", "title": "Reward in training", "arms": ["srt", "collapse"]},
    ],
    "paper_numbers": [
        {"arm": arm, "metric": "pass@1", "value": value, "setting": "MATH-12K", "source": "table 1"}
        for arm, value in {"base": 0.15, "srt": 0.32, "ground_truth": 0.33}.items()
    ],
    "claims": [
        {
            "id": "vote",
            "text": "The majority of 16 samples is right more often than one sample.",
            "source": "paper §2",
            "test": "problems",
            "min_seeds": 1,
            "value": {"arm": "srt", "at": "before", "metric": "maj@16"},
            "minus": {"arm": "srt", "at": "before", "metric": "pass@1"},
            "direction": "greater",
            "margin": 0.1,
            "expected": "supported",
        },
        {
            "id": "beats-random",
            "text": "Self-rewarded training ends above training on random rewards.",
            "source": "our control",
            "value": {"arm": "srt", "at": "after", "metric": "pass@1"},
            "minus": {"arm": "random_reward", "at": "after", "metric": "pass@1"},
            "direction": "greater",
            "margin": 0.1,
            "expected": "supported",
        },
        {
            "id": "tracks",
            "text": "Self-rewarded training recovers most of the gain of true labels.",
            "source": "paper fig. 3",
            "value": {"arm": "srt", "at": "gain", "metric": "pass@1"},
            "over": {"arm": "ground_truth", "at": "gain", "metric": "pass@1"},
            "direction": "greater",
            "margin": 0.7,
        },
        {
            "id": "collapse",
            "text": "On hard prompts self-reward rises while accuracy falls below the control.",
            "source": "paper §4",
            "all": [
                {
                    "value": {"arm": "collapse", "at": "last", "metric": "rollout/reward", "window": 3},
                    "minus": {"arm": "collapse", "at": "first", "metric": "rollout/reward", "window": 3},
                    "direction": "greater",
                    "margin": 0.1,
                },
                {
                    "value": {"arm": "collapse", "at": "after", "metric": "pass@1"},
                    "minus": {"arm": "ground_truth", "at": "after", "metric": "pass@1"},
                    "direction": "less",
                    "margin": -0.1,
                },
            ],
        },
        {
            "id": "not-run",
            "text": "A fixed teacher keeps training stable for longer.",
            "source": "paper appendix",
            "value": {"arm": "fixed_teacher", "at": "after", "metric": "pass@1"},
            "direction": "greater",
            "margin": 0.5,
        },
    ],
}

HOSTILE = '</script><script>console.error("escaped")</script><img src=x onerror=alert(1)>\u2028 & \u202eabc'


@pytest.fixture()
def claims() -> ClaimsFile:
    """The claims above."""
    return parse_claims(CLAIMS)


@pytest.fixture()
def summary() -> Summary:
    """Three seeds of every arm, nothing judged yet."""
    runs = tuple(invented_run(arm, seed) for arm in LEVELS for seed in range(3))
    return Summary("demo", "mini", "0123456789abcdef", runs)


@pytest.fixture()
def rollouts() -> list[SampledGroup]:
    """Twenty problems with four responses; one of them tries to break out of the page."""
    found = []
    for i in range(20):
        responses = [
            SampledResponse(f"{i}+3=7 \\boxed{{{j}}}", correct=j == 0, voted=j <= 1, reward=float(j <= 1))
            for j in range(3)
        ]
        tail = HOSTILE if i == 0 else "9-5=4*8="
        responses.append(SampledResponse(tail, correct=False, voted=False, reward=0.0))
        arm = ("srt", "ground_truth")[i % 2]
        found.append(SampledGroup(arm, 0, 8, f"p{i}", f"{i}+3=?", "0", "1", 0.5, tuple(responses)))
    return found
