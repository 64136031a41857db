"""Paired comparison refuses different exams; contamination finds planted questions and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from eval_suite.contamination import check
from eval_suite.registry import tasks
from shared.generation import write_recording

Evaluate = Callable[..., int]


def recorded(path: Path, right: set[int], n: int = 2) -> Path:
    """A recording of aime24 in which the problems of ``right`` are answered rightly."""
    rows = [
        {
            "task": "aime24",
            "problem_id": f"aime24/{i}",
            "sample": s,
            "text": f"\\boxed{{{i + 1 if i in right else 0}}}",
        }
        for i in range(3)
        for s in range(n)
    ]
    write_recording(path, rows)
    return path


def run(evaluate: Evaluate, recording: Path, out: Path, *more: str) -> None:
    arguments = ["run", "--suite", "aime24", "--backend", "replay", "--recording", recording, "--out", out]
    assert evaluate(*arguments, "--n", "2", *more) == 0


def test_paired_difference(evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(evaluate, recorded(tmp_path / "a.jsonl", {0}), tmp_path / "a")
    run(evaluate, recorded(tmp_path / "b.jsonl", {0, 1, 2}), tmp_path / "b")
    assert evaluate("compare", tmp_path / "a", tmp_path / "b", "--json", tmp_path / "c.json") == 0
    (row,) = json.loads((tmp_path / "c.json").read_text())
    assert (row["first"], row["second"]) == (pytest.approx(1 / 3), 1.0)
    assert (row["result"]["wins"], row["result"]["losses"], row["result"]["n_problems"]) == (2, 0, 3)
    assert "+66.7" in capsys.readouterr().out


def test_different_exams_are_not_compared(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recorded(tmp_path / "a.jsonl", {0})
    run(evaluate, recording, tmp_path / "a")
    for number, more in enumerate((["--temperature", "0.5"], ["--limit", "2"], ["--profile", "srt"])):
        run(evaluate, recording, tmp_path / str(number), *more)
        capsys.readouterr()
        assert evaluate("compare", tmp_path / "a", tmp_path / str(number)) == 2
        assert "took different exams" in capsys.readouterr().err
    partial = ["--suite", "aime24", "--backend", "replay", "--recording", recording, "--n", "1"]
    assert evaluate("generate", *partial, "--out", tmp_path / "u") == 0
    assert evaluate("compare", tmp_path / "a", tmp_path / "u") == 2
    assert "finish the run" in capsys.readouterr().err


ENDING = "fiber and half that much white fiber, so how many bolts in total does it take?"  # 16 words
QUESTION = f"A robe takes two bolts of blue {ENDING}"


def test_overlap_finds_planted_questions_only(data: Path, tmp_path: Path) -> None:
    rows = [
        {"id": "gsm8k/0", "problem": QUESTION, "answer": "3"},
        {"id": "gsm8k/1", "problem": QUESTION.replace("robe", "dress").replace("blue", "red"), "answer": "3"},
        {"id": "gsm8k/2", "problem": "What is two plus two today?", "answer": "4"},
        {"id": "gsm8k/3", "problem": "Why?", "answer": "4"},
    ]
    (data / "gsm8k.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    train = tmp_path / "train.jsonl"
    noise = "They said: " + QUESTION.upper().replace(",", " --") + " And then they left."
    train.write_text(json.dumps({"messages": [{"content": noise}]}) + "\n" + json.dumps({"x": 1}) + "\n")
    plain = tmp_path / "train.txt"
    plain.write_text("so, what is TWO plus two - today? who knows\n")

    def found(*files: Path, words: int = 13) -> set[str]:
        return set(check([tasks()["gsm8k"]], data, files, words=words, accept=True)["gsm8k"].hits)

    assert found(train, words=17) == {"gsm8k/0"}
    assert found(train) == {"gsm8k/0", "gsm8k/1"}
    assert found(plain) == {"gsm8k/2"}  # a short question is compared whole
    overlap = check([tasks()["gsm8k"]], data, [plain], accept=True)["gsm8k"]
    assert (overlap.problems, overlap.too_short) == (3, 1)
    with pytest.raises(ValueError, match="--words 3"):
        check([tasks()["gsm8k"]], data, [plain], words=3)


def test_overlap_on_the_command_line(
    evaluate: Evaluate, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = tmp_path / "t.txt"
    train.write_text("nothing in common\n")
    assert (
        evaluate("contamination", "--suite", "gsm8k,aime24", "--train", train, "--json", tmp_path / "o.json")
        == 0
    )
    assert "| gsm8k | " in capsys.readouterr().out
    assert json.loads((tmp_path / "o.json").read_text())["gsm8k"]["hits"] == {}
