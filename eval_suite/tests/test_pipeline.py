"""generate -> score -> report over recorded answers: numbers by hand, completeness, independence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eval_suite.cli import main

Evaluate = Callable[..., int]
Record = Callable[[dict[tuple[str, str], list[str]]], Path]


NOTHING = "We went through all the cases that we could think of, and none of them led anywhere. " * 6


def boxed(*answers: str | None) -> list[str]:
    return [f"so \\boxed{{{answer}}}" if answer else NOTHING for answer in answers]


ANSWERS = {
    ("aime24", "0"): boxed("1", "1", "2", None),  # truth 1: 2 of 4, and the vote is right
    ("aime24", "1"): boxed("5", "5", "2", "5"),  # truth 2: 1 of 4, and the vote is wrong
    ("aime24", "2"): boxed("3", "4", None, None),  # truth 3: 1 of 4, a tie
    ("mmlu_stem", "0"): boxed("A", "A", "B", "A"),
    ("mmlu_stem", "1"): boxed(None, "B", "B", "(B)"),
    ("gsm8k", "0"): boxed("0", "0", "0", "0"),
    ("gsm8k", "1"): boxed("1", "0", "0", "0"),
}


def metrics(out: Path, grader: str = "default") -> dict[str, Any]:
    return json.loads((out / "report" / grader / "metrics.json").read_text())


def run(evaluate: Evaluate, recording: Path, out: Path, *more: str) -> dict[str, Any]:
    common = ["--backend", "replay", "--recording", recording, "--out", out]
    assert evaluate("run", "--suite", "aime24,mmlu_stem", "--n", "4", *common, *more) == 0
    return metrics(out)


def test_numbers_by_hand(evaluate: Evaluate, record: Record, tmp_path: Path) -> None:
    aime, mmlu = run(evaluate, record(ANSWERS), tmp_path / "o")["tasks"]
    mean = {name: value["mean"] for name, value in aime["metrics"].items()}
    assert mean["avg"] == pytest.approx((2 + 1 + 1) / 12)
    assert mean["pass@1"] == pytest.approx(mean["maj@1"]) == pytest.approx(mean["avg"])
    # pass@2 = 1 - C(4-c, 2)/C(4, 2): c = 2, 1, 1
    assert mean["pass@2"] == pytest.approx((5 / 6 + 1 / 2 + 1 / 2) / 3)
    assert mean["maj@4"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert mean["gap@4"] == pytest.approx(1 - 0.5)
    assert mean["vote_share"] == pytest.approx((2 / 4 + 3 / 4 + 1 / 4) / 3)
    assert aime["health"]["no_answer"] == pytest.approx(3 / 12)
    assert aime["metrics"]["avg"]["low"] < mean["avg"] < aime["metrics"]["avg"]["high"]
    assert aime["over_draws"]["low"] < mean["avg"] < aime["over_draws"]["high"]
    assert mmlu["categories"] == {"algebra": {"n": 1, "avg": 0.75}, "botany": {"n": 1, "avg": 0.75}}
    assert mmlu["guess_adjusted"] == {
        "all": pytest.approx((6 + 0.5) / 8),
        "algebra": pytest.approx(0.75),
        "botany": pytest.approx(3.5 / 4),
    }


def test_accepted_data_is_not_a_complete_suite(evaluate: Evaluate, record: Record, tmp_path: Path) -> None:
    body = run(evaluate, record(ANSWERS), tmp_path / "o", "--limit", "1")
    assert body["aggregate"]["mean"] is None
    assert "only the first 1 of 3" in body["aggregate"]["missing"]["aime24"]
    assert "not a verified copy" in body["aggregate"]["missing"]["mmlu_stem"]


def test_missing_tasks_and_samples_refuse_a_number(
    evaluate: Evaluate, record: Record, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    common = [
        "--backend",
        "replay",
        "--recording",
        record(ANSWERS),
        "--out",
        out,
        "--suite",
        "aime24,mmlu_stem",
    ]
    assert (
        evaluate("generate", *common, "--n", "4", "--tasks", "aime24", "--shard", "0/2", "--block", "1") == 0
    )
    assert evaluate("score", "--out", out) == 0
    assert evaluate("report", "--out", out) == 0
    body = metrics(out)
    assert body["tasks"][0]["metrics"] == {}
    assert "samples not generated yet" in body["aggregate"]["missing"]["aime24"]
    assert body["aggregate"]["missing"]["mmlu_stem"] == "not generated"
    assert evaluate("generate", *common, "--n", "4", "--shard", "1/2", "--block", "1") == 0
    assert evaluate("report", "--out", out) == 0
    assert "not scored yet" in metrics(out)["aggregate"]["missing"]["aime24"]


def test_report_bytes_do_not_depend_on_shards_blocks_or_steps(
    evaluate: Evaluate, record: Record, tmp_path: Path
) -> None:
    recording = record(ANSWERS)
    run(evaluate, recording, tmp_path / "once")
    out = tmp_path / "pieces"
    common = ["--suite", "aime24,mmlu_stem", "--backend", "replay", "--recording", recording, "--out", out]
    assert evaluate("generate", *common, "--n", "2", "--limit", "1") == 0
    assert evaluate("score", "--out", out) == 0
    for shard in ("2/3", "0/3", "1/3", "0/3"):
        assert evaluate("generate", *common, "--n", "4", "--shard", shard, "--block", "3") == 0
        assert evaluate("score", "--out", out, "--tasks", "aime24") == 0
    assert evaluate("score", "--out", out) == 0
    assert evaluate("report", "--out", out) == 0
    for name in ("metrics.json", "table.md", "table.csv", "report.html", "by_problem.parquet"):
        one, two = (folder / "report" / "default" / name for folder in (tmp_path / "once", out))
        assert one.read_bytes() == two.read_bytes(), name


def test_graders_side_by_side_over_the_same_draws(evaluate: Evaluate, record: Record, tmp_path: Path) -> None:
    answers = {**ANSWERS, ("aime24", "0"): ["The answer is 1.", "The answer is 1.", *boxed("1", None)]}
    out = tmp_path / "o"
    run(evaluate, record(answers), out)
    assert evaluate("score", "--out", out, "--grader", "boxed", "--tasks", "aime24") == 0
    assert evaluate("report", "--out", out, "--grader", "boxed", "--tasks", "aime24") == 0
    strict, loose = metrics(out, "boxed")["tasks"][0], metrics(out)["tasks"][0]
    assert (strict["grader"], loose["grader"]) == ("boxed", "math")
    assert strict["metrics"]["avg"]["mean"] == pytest.approx((1 + 1 + 1) / 12)
    assert loose["metrics"]["avg"]["mean"] == pytest.approx((3 + 1 + 1) / 12)


def test_a_papers_own_grader_marks_the_same_draws(evaluate: Evaluate, record: Record, tmp_path: Path) -> None:
    answers = {**ANSWERS, ("aime24", "0"): ["The answer is 1.", *boxed("1", "1.0", None)]}
    out = tmp_path / "o"
    run(evaluate, record(answers), out)
    assert evaluate("score", "--out", out, "--grader", "sept_shipped", "--tasks", "aime24") == 0
    assert evaluate("report", "--out", out, "--grader", "sept_shipped", "--tasks", "aime24") == 0
    shipped, ours = metrics(out, "sept_shipped")["tasks"][0], metrics(out)["tasks"][0]
    assert shipped["metrics"]["avg"]["mean"] == pytest.approx((2 + 1 + 1) / 12)  # it wants a box
    assert ours["metrics"]["avg"]["mean"] == pytest.approx((3 + 1 + 1) / 12)


def test_verdicts_of_other_verifier_code_are_not_reused(
    evaluate: Evaluate, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(evaluate, record(ANSWERS), tmp_path / "o")
    monkeypatch.setattr("eval_suite.graders.code_version", lambda: "newer")
    assert evaluate("report", "--out", tmp_path / "o") == 0
    assert "not scored yet" in metrics(tmp_path / "o")["aggregate"]["missing"]["aime24"]


def test_another_setting_in_the_same_folder_is_not_mixed_in(
    evaluate: Evaluate, record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, out = record(ANSWERS), tmp_path / "o"
    run(evaluate, recording, out)
    common = ["--suite", "aime24,mmlu_stem", "--backend", "replay", "--recording", recording, "--out", out]
    assert evaluate("generate", *common, "--n", "4", "--temperature", "0.5") == 0
    assert evaluate("report", "--out", out) == 2
    assert "different sampling" in capsys.readouterr().err
    assert evaluate("generate", *common, "--profile", "srt") == 2
    assert "choose another --out" in capsys.readouterr().err


def test_changed_data_is_noticed_when_scoring(
    evaluate: Evaluate, record: Record, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(evaluate, record(ANSWERS), tmp_path / "o")
    path = data / "aime24.jsonl"
    path.write_text(path.read_text().replace('"answer": "1"', '"answer": "9"'))
    assert evaluate("score", "--out", tmp_path / "o") == 2
    assert "not the one" in capsys.readouterr().err


def test_prepare_takes_a_folder_checks_it_and_names_what_is_missing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "ready"
    arguments = ["prepare", "--suite", "aime24,aime25", "--from", str(data), "--data-dir", str(target)]
    assert main(arguments) == 2
    assert "not a copy the registry knows" in capsys.readouterr().err
    assert main([*arguments, "--accept-data"]) == 2
    printed = capsys.readouterr()
    assert "aime24           3 problems, PARTIAL" in printed.out
    assert "aime25           NOT READY" in printed.out
    assert "1 tasks are not ready: aime25" in printed.err
    assert (target / "aime24.jsonl").read_bytes() == (data / "aime24.jsonl").read_bytes()


def test_use_errors_are_one_sentence(
    evaluate: Evaluate, record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = record({("aime24", "0"): boxed("1")})
    base = ["generate", "--suite", "aime24", "--out", tmp_path / "o"]
    for arguments, message in (
        ([*base, "--backend", "replay", "--recording", recording, "--n", "2"], "has no sample 1 of aime24"),
        ([*base, "--backend", "replay"], "needs --recording"),
        ([*base, "--backend", "hf"], "needs --model"),
        ([*base, "--backend", "replay", "--recording", tmp_path / "none"], "no recording"),
        ([*base, "--backend", "replay", "--recording", recording, "--shard", "3/2"], "shard 3/2"),
        ([*base, "--backend", "replay", "--recording", recording, "--limit", "0"], "--limit 0"),
        (["score", "--out", tmp_path / "nothing"], "holds no evaluation"),
        (
            ["generate", "--suite", "humaneval", "--backend", "replay", "--recording", recording],
            "no task is left",
        ),
    ):
        assert evaluate(*arguments) == 2
        printed = capsys.readouterr()
        assert message in printed.err
        assert printed.err.count("\n") == 1


def test_dry_run_prints_prompts_and_budget_and_writes_nothing(
    evaluate: Evaluate, record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "run",
        "--suite",
        "card17",
        "--tasks",
        "aime24,mmlu_stem",
        "--backend",
        "replay",
        "--dry-run",
    ]
    assert evaluate(*arguments, "--out", tmp_path / "o") == 0
    text = capsys.readouterr().out
    assert "What is 0+1? Please reason step by step" in text
    assert f"at most {(3 * 32 + 2) * 4096} new tokens" in text
    assert not (tmp_path / "o").exists()


def test_mmlu_pro_groups_weigh_questions_and_guessing_is_a_separate_column(
    evaluate: Evaluate, record: Record, tmp_path: Path, data: Path
) -> None:
    categories = [*["physics"] * 3, "biology", "chemistry", "computer science", "engineering", "math", "law"]
    rows = [
        {"id": f"mmlu_pro/{i}", "problem": "?", "answer": "A", "choices": ["x"] * 5, "meta": {"category": c}}
        for i, c in enumerate(categories)
    ]
    (data / "mmlu_pro.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    says = ["the answer is (A).", "the answer is (A).", "nothing", "the answer is (B)."]
    answers = {("mmlu_pro", str(i)): [says[i] if i < 4 else "Answer: A"] for i in range(9)}
    common = ["--backend", "replay", "--recording", record(answers), "--out", tmp_path / "o"]
    assert evaluate("run", "--suite", "mmlu_pro", "--grader", "mmlu_pro", *common) == 0
    (task,) = metrics(tmp_path / "o", "mmlu_pro")["tasks"]
    assert task["categories"]["physics"] == {"n": 3, "avg": pytest.approx(2 / 3)}
    assert task["categories"]["group: STEM"] == {"n": 8, "avg": pytest.approx(6 / 8)}  # not a mean of means
    assert "group: humanities" not in task["categories"]  # history and philosophy are missing
    assert task["guess_adjusted"]["group: STEM"] == pytest.approx((6 + 1 / 5) / 8)
    assert task["guess_adjusted"]["law"] == 1.0


def test_replay_of_an_earlier_run(evaluate: Evaluate, record: Record, tmp_path: Path) -> None:
    first = run(evaluate, record(ANSWERS), tmp_path / "o")
    second = run(evaluate, tmp_path / "o" / "gen", tmp_path / "o2")
    for a, b in zip(first["tasks"], second["tasks"], strict=True):
        assert a["metrics"] == b["metrics"]
