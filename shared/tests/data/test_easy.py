"""The easy third: ranked exactly, ties by file order, incomplete rollouts refused."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from shared.data.canonical import dump_rows, load_problems, problem_row
from shared.data.easy import easiest, easiness, main, read_rollouts
from shared.files import write_atomically
from shared.problems import Problem


def problem(name: str, answer: str | None = "1") -> Problem:
    return Problem(id=name, prompt=f"{name}?", answer=answer, source="s")


def boxes(*answers: str | None) -> list[str]:
    return ["no answer" if a is None else f"so \\boxed{{{a}}}" for a in answers]


def test_pass_rate_and_majority_share_by_hand() -> None:
    texts = boxes("1", "2", "2", None)
    assert easiness(problem("p"), texts, "pass_rate") == Fraction(1, 4)
    assert easiness(problem("p"), texts, "majority") == Fraction(2, 4)  # of all samples, also unparsed ones
    assert easiness(problem("p"), boxes(None, None), "majority") == 0


def test_majority_needs_no_label_and_pass_rate_does() -> None:
    assert easiness(problem("p", None), boxes("7", "7"), "majority") == 1
    with pytest.raises(ValueError, match="rank by majority"):
        easiness(problem("p", None), boxes("7"), "pass_rate")


def test_the_easiest_third_with_ties_in_file_order() -> None:
    right = {"a": 1, "b": 3, "c": 2, "d": 3, "e": 0, "f": 3, "g": 2}
    rollouts = {name: boxes(*["1"] * k, *["0"] * (3 - k)) for name, k in right.items()}
    kept = easiest([problem(name) for name in right], rollouts, "pass_rate")
    assert [(p.id, score) for p, score in kept] == [("b", 1), ("d", 1)]  # floor(7 / 3), f loses the tie
    assert [p.id for p, _ in easiest([problem(n) for n in "fdb"], rollouts, "pass_rate", Fraction(1))] == [
        *"fdb"
    ]


def test_incomplete_rollouts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1 of 2 problems have no rollouts \(first: b\)"):
        easiest([problem("a"), problem("b")], {"a": boxes("1")}, "majority")
    with pytest.raises(ValueError, match="1 problems with 1, 1 problems with 2"):
        easiest([problem("a"), problem("b")], {"a": boxes("1"), "b": boxes("1", "1")}, "majority")


def test_parts_are_read_in_any_order_and_repeats_must_agree(tmp_path: Path) -> None:
    def part(name: str, *rows: tuple[str, int, str]) -> None:
        lines = [json.dumps({"problem_id": p, "sample": s, "text": t}) for p, s, t in rows]
        (tmp_path / name).write_text("\n".join(lines))

    part("2.jsonl", ("a", 1, "second"), ("a", 0, "first"))
    part("1.jsonl", ("b", 0, "only"), ("a", 1, "second"))
    assert read_rollouts(tmp_path) == {"a": ["first", "second"], "b": ["only"]}
    part("3.jsonl", ("a", 1, "other"))
    with pytest.raises(ValueError, match="stored twice with different texts"):
        read_rollouts(tmp_path)


def test_files_without_the_columns_or_no_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no rollouts"):
        read_rollouts(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"id": 1, "text": "t"}')
    with pytest.raises(ValueError, match="lacks problem_id; its columns are id, text"):
        read_rollouts(tmp_path)


def test_the_command_writes_a_set_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = [problem(f"p{i}") for i in range(6)]
    write_atomically(tmp_path / "d.jsonl", dump_rows(map(problem_row, problems)))
    (tmp_path / "r").mkdir()
    lines = [
        json.dumps({"problem_id": f"p{i}", "sample": s, "text": boxes("1" if s < i else "0")[0]})
        for i in range(6)
        for s in range(5)
    ]
    (tmp_path / "r" / "part.jsonl").write_text("\n".join(lines))
    arguments = [str(tmp_path / "d.jsonl"), str(tmp_path / "r"), str(tmp_path / "easy.jsonl")]
    assert main([*arguments, "--by", "pass_rate"]) == 0
    assert [p.id for p in load_problems(tmp_path / "easy.jsonl")] == ["p5", "p4"]
    assert [p.id for p in load_problems(tmp_path / "easy.parquet")] == ["p5", "p4"]
    assert json.loads((tmp_path / "easy.source.json").read_text())["easiness_of_the_last"] == 0.8
    assert main([*arguments[:1], str(tmp_path / "none"), arguments[2], "--by", "majority"]) == 2
    assert "holds no rollouts" in capsys.readouterr().err
