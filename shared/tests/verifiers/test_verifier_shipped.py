"""The as-shipped graders against what was observed of the originals, and the comparing command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shared.verifiers.compare import main, summary
from shared.verifiers.shipped import (
    MODES,
    guru_letter,
    guru_letter_line,
    guru_math,
    guru_table,
    majority_by_matrix,
    rlt_letter,
    rlt_math,
    sept,
    serl,
    serl_equality,
    serl_vote,
    srt,
    srt_extract,
)

BENCHMARKS = Path(__file__).resolve().parents[4] / "shared" / "benchmarks"
GURU = {
    "math_rule": guru_math,
    "table_rule": guru_table,
    "mcq_boxed": guru_letter,
    "mcq_answer_line": guru_letter_line,
}


def fixture_rows(name: str) -> list[dict]:  # type: ignore[type-arg]
    path = BENCHMARKS / name
    if not path.is_file():
        pytest.skip("The grader fixtures are not beside this checkout.")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["scorer"] in GURU]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("r360_scorer_golden.jsonl", "expected_score"),
        ("r360_table_fixtures.jsonl", "observed_score"),
        ("r360_math_fixtures.jsonl", "observed_score_unboxed"),
    ],
)
def test_guru_scores_what_the_original_scored(name: str, key: str) -> None:
    wrong = []
    for row in fixture_rows(name):
        (score,) = GURU[row["scorer"]]([row["response"]], [row["ground_truth"]])
        if score != row[key]:
            wrong.append((row["id"], row["response"][-80:], row["ground_truth"], score))
    assert not wrong


def test_srt_votes_with_raw_strings() -> None:
    assert srt_extract("a \\boxed{1} b \\boxed{ 1/2 }") == " 1/2 "
    assert srt_extract("\\boxed{\\frac{1}{2}}") == "\\frac{1}{2}"
    assert srt_extract("\\boxed{}") == ""  # the empty string votes on the main branch
    assert srt_extract("\\fbox{3}") is None
    assert srt_extract("\\boxed{3") is None
    assert srt_extract("no box") is None
    assert srt_extract("$\\boxed 7$ and \\boxed{8}") == "7"  # the space form takes precedence


def test_srt_rewards_without_a_box() -> None:
    responses = [
        "so \\boxed{0.5}",
        "the answer is 5",
        "\\boxed{7}",
        "nothing",
        "\\boxed{1,000}",
        "\\boxed{34\\text{ cm}}",
    ]
    assert srt(responses, ["\\frac12", "5", "8", "1", "1000", "34"]) == [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]


def test_serl_votes_by_the_matrix_with_the_prompt_in_front() -> None:
    assert serl_vote("", ["\\boxed{1}", "\\boxed{2}", "\\boxed{2}", "\\boxed{1}"]) == [1.0, 0.0, 0.0, 1.0]
    assert serl_vote("", ["hm", "well", "no idea", "maybe"]) == [1.0, 0.0, 0.0, 0.0]
    prompt = "Tom has 12 apples and buys 30 more. How many?"
    assert serl_vote(prompt, [" I do not know.", " Not sure.", " \\boxed{42}", " maybe"]) == [
        1.0,
        1.0,
        0.0,
        1.0,
    ]


def test_serl_matrix_and_ties() -> None:
    assert serl_equality(["\\boxed{1}"]) == [[True]]
    winner, rewards = majority_by_matrix([[True, False], [False, True]])
    assert (winner, rewards) == (0, [1.0, 0.0])
    with pytest.raises(ValueError, match="at least one"):
        majority_by_matrix([])
    assert serl(["\\boxed{x=5}", "\\boxed{6}"], ["5", "5"]) == [1.0, 0.0]


def test_sept_scores_what_was_observed() -> None:
    pairs = [
        ("1/3", "0.333333", 1), ("\\frac{1}{2}", "2/4", 1), ("10", "10\\%", 1), ("34", "34\\text{ cm}", 1),
        ("5", "x=5", 1),
        ("1024", "2^{10}", 1), ("4e33", "4\\times 10^{33}", 0), ("3.14", "3.1", 0), ("(1,2)", "[1,2]", 0),
        ("7", "8", 0),
    ]  # fmt: skip
    scores = sept(["\\boxed{" + answer + "}" for _, answer, _ in pairs], [gold for gold, _, _ in pairs])
    assert [(g, a) for (g, a, e), s in zip(pairs, scores, strict=True) if s != e] == []
    assert sept(["the answer is 5", "\\fbox{5}", "\\boxed 5", "\\boxed{5"], ["5"] * 4) == [0.0] * 4


def test_rlt_falls_back_to_phrases_and_the_last_number() -> None:
    responses = ["\\boxed{204}", "the answer is 204.", "I count 12 and then 204", "none", "\\boxed{\\frac12}"]
    assert rlt_math(responses, ["204", "204", "204", "204", "0.5"]) == [1.0, 1.0, 1.0, 0.0, 1.0]
    assert rlt_letter(["I choose B, not A", "(C)", "none"], ["A", "C", "B"]) == [1.0, 1.0, 0.0]


def test_guru_keeps_its_defects() -> None:
    assert guru_math(["\\boxed{4200}", "\\boxed{0.42}"], ["42", "42"]) == [1.0, 1.0]  # a hundredfold passes
    assert guru_math(["\\boxed{6.283185307}"], ["2\\pi"]) == [0.0]
    assert guru_math(["\\boxed{\\frac{2}{4}}"], ["\\frac{1}{2}"]) == [0.0]  # the symbolic stage never runs
    assert guru_letter(["\\boxed{(B) CAT}"], ["B"]) == [0.0]  # alphabetical scan


def test_the_command_prints_differences_and_refuses_bad_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "generations.jsonl"
    rows = [
        {"response": "\\boxed{0.5}", "answer": "\\frac12"},
        {"id": "q2", "response": "\\boxed{4200}", "gold": 42},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    out = tmp_path / "scores.jsonl"
    assert main([str(path), "--modes", "ours", "guru_shipped", "rlt_shipped", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "q2" in printed and "1 generations are graded differently" in printed
    assert [json.loads(line)["guru_shipped"] for line in out.read_text(encoding="utf-8").splitlines()] == [
        1.0,
        1.0,
    ]
    path.write_text('{"response": "x"}\n', encoding="utf-8")
    assert main([str(path)]) == 2
    assert "generations.jsonl:1" in capsys.readouterr().err
    assert main([str(tmp_path / "absent.jsonl")]) == 2
    path.write_text(json.dumps(rows[0]), encoding="utf-8")
    assert main([str(path), "--modes", "nobody"]) == 2
    assert "Unknown modes" in capsys.readouterr().err


def test_summary_counts_against_the_first_mode() -> None:
    lines = summary({"a": [1.0, 0.0, 0.0], "b": [0.0, 1.0, 1.0]})
    assert (lines[1]["accepts_more"], lines[1]["rejects_more"]) == (2, 1)
    assert lines[1]["accuracy"] == pytest.approx(2 / 3)


def test_every_mode_scores_the_obvious() -> None:
    for name, grader in MODES.items():
        letter = "letter" in name
        right, wrong = ("\\boxed{B}", "\\boxed{A}") if letter else ("\\boxed{12}", "\\boxed{13}")
        if name in ("guru_letter_line_shipped", "rlt_letter_shipped"):
            right, wrong = "Answer: B", "Answer: A"
        gold = "B" if letter else "12"
        assert grader([right, wrong], [gold, gold]) == [1.0, 0.0], name
