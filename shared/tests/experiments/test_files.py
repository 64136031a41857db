"""Summary, claims file and rollout samples: round trips, and one clear sentence for each fault."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from shared.experiments import (
    ClaimsFile,
    SampledGroup,
    Summary,
    judge,
    parse_claims,
    read_claims,
    read_samples,
    read_summary,
    sample_rollouts,
    write_samples,
    write_summary,
)

from .conftest import CLAIMS

ROOT = Path(__file__).resolve().parents[3]


def test_a_summary_comes_back_as_it_was(tmp_path: Path, summary: Summary, claims: ClaimsFile) -> None:
    judged = summary.with_claims(judge(claims, summary))
    write_summary(tmp_path / "s.json", judged)
    assert read_summary(tmp_path / "s.json") == judged
    plain = json.loads((tmp_path / "s.json").read_text())
    assert {"id", "verdict", "effect", "interval"} <= plain["claims"][0].keys()
    assert plain["runs"][0]["before"]["pass@1"] == summary.runs[0].before["pass@1"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("runs", 0, "after", "pass@1"), float("nan"), "NaN is not a number"),
        (("runs", 0, "after", "pass@1"), "high", r"runs\[0\].after.pass@1: expected a finite number"),
        (("runs", 0, "n_problems"), 0, "n_problems: expected a whole number of at least 1"),
        (("runs", 0, "cpu_seconds"), -1, "cannot be negative"),
        (("runs", 0, "seed"), 1, "arm srt with seed 1 appears twice"),
        (("runs", 0, "colour"), "red", "unknown key colour"),
        (("runs", 0, "curve", 1, "step"), 0, "steps must rise"),
        (("claims", 0, "verdict"), "maybe", "expected one of supported"),
        (("claims", 0, "effect"), 0.9, "effect and interval differ"),
    ],
)
def test_a_broken_summary_says_where(
    tmp_path: Path, summary: Summary, claims: ClaimsFile, path: tuple[Any, ...], value: Any, message: str
) -> None:
    file = tmp_path / "s.json"
    write_summary(file, summary.with_claims(judge(claims, summary)))
    plain = json.loads(file.read_text())
    place = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=message):
        read_summary(file)


def test_a_summary_that_breaks_the_schema_leaves_the_old_one(tmp_path: Path, summary: Summary) -> None:
    file = tmp_path / "s.json"
    write_summary(file, summary)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="appears twice"):
        write_summary(file, Summary("demo", "mini", "x", summary.runs * 2))
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]


def test_missing_and_torn_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no"):
        read_summary(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text('{"paper": ')
    with pytest.raises(ValueError, match="not valid JSON"):
        read_summary(tmp_path / "torn.json")
    (tmp_path / "c.yaml").write_text("claims: [")
    with pytest.raises(ValueError, match="not valid YAML"):
        read_claims(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"margn": 1}, "unknown key margn"),
        ({"direction": "up"}, "expected one of greater, less, found 'up'"),
        ({"over": {"arm": "b", "at": "after", "metric": "pass@1"}}, "minus or over, not both"),
        ({"all": []}, "belongs inside the conditions of all"),
        ({"min_seeds": 1}, "min_seeds: expected a whole number of at least 2"),
        ({"confidence": 95}, "between 0.5 and 1"),
        ({"expected": "yes"}, "expected one of supported, not supported, inconclusive"),
        ({"value": {"arm": "a", "at": "end", "metric": "x"}}, "expected one of before, after, gain"),
        (
            {"value": {"arm": "a", "at": "gain", "metric": "x", "window": 2}},
            "window is for points of a curve",
        ),
        ({"test": "problems", "value": {"arm": "a", "at": "last", "metric": "x"}}, "no standard errors"),
        ({"margin": None}, "margin: expected a finite number"),
    ],
)
def test_a_broken_claim_says_where(change: dict[str, Any], message: str) -> None:
    file = copy.deepcopy(CLAIMS)
    file["claims"] = [file["claims"][1] | change]
    with pytest.raises(ValueError, match=message):
        parse_claims(file)


def test_claim_ids_differ() -> None:
    file = copy.deepcopy(CLAIMS)
    file["claims"] = file["claims"][:1] * 2
    with pytest.raises(ValueError, match="claim ids must differ"):
        parse_claims(file)


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/claims.yaml")), ids=lambda p: p.parent.name)
def test_the_claims_of_every_paper_are_well_formed(path: Path) -> None:
    file = read_claims(path)
    assert file.paper == path.parent.name
    arms = {q.arm for c in file.claims for part in c.conditions for q in part.quantities}
    arms |= {a for p in file.panels for a in p.arms}
    assert arms <= file.arms.keys(), "every arm that is named has a label"


def test_samples_come_back_as_they_were(tmp_path: Path, rollouts: list[SampledGroup]) -> None:
    write_samples(tmp_path / "r.json", rollouts)
    assert read_samples(tmp_path / "r.json") == rollouts


def test_samples_of_a_training_dump(tmp_path: Path) -> None:
    def row(i: int) -> dict[str, Any]:
        response = {"finish_reason": "stop", "tokens": 3}
        return {
            "problem": f"p{i}",
            "prompt": "1+1=?",
            "answer": "2",
            "label": "3",
            "vote_share": 0.5,
            "kept": True,
            "responses": [
                response | {"text": "\\boxed{2}", "reward": 0.0, "outcome": "different", "extracted": "2"},
                response | {"text": "\\boxed{3}", "reward": 1.0, "outcome": "equal", "extracted": "3"},
                response | {"text": "more", "reward": 0.0},
            ],
        }

    dump = tmp_path / "step-000008.jsonl.gz"
    dump.write_bytes(gzip.compress("".join(json.dumps(row(i)) + "\n" for i in range(9)).encode()))

    def pick(seed: int) -> list[SampledGroup]:
        return sample_rollouts(
            dump, arm="srt", seed=seed, step=8, grade=lambda text, gold: gold in text, groups=4, responses=3
        )

    assert pick(0) == pick(0)
    assert len(pick(0)) == 4
    assert {g.problem for g in pick(0)} != {g.problem for g in pick(1)}
    marks = [(r.correct, r.voted) for r in pick(0)[0].responses]
    assert marks == [(True, False), (False, True), (False, None)]
