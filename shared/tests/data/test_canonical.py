"""Canonical rows and verl's parquet: what is written comes back, and bad files say what is wrong."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shared.data import HIDDEN, SUFFIX, UNLABELLED, load_problems, parquet_bytes, unlabelled
from shared.data.canonical import dump_rows, problem_row, read_rows, row_problem
from shared.data.verl_rows import problem_to_row, row_to_problem
from shared.files import write_atomically
from shared.problems import Problem

BENCHMARKS = Path(__file__).resolve().parents[3] / ".." / "shared" / "benchmarks"

ROW = {"id": "x/0", "problem": "1+1?", "answer": "2", "source": "x", "meta": {"level": 3}}
EULER = Problem(id="x/1", prompt="e^{i\\pi} = ?\n", answer="-1", source="x", level=2)


def test_a_row_becomes_a_problem_and_back() -> None:
    problem = row_problem(ROW)
    assert (problem.id, problem.prompt, problem.answer, problem.level) == ("x/0", "1+1?", "2", 3)
    assert problem_row(problem) == ROW
    assert row_problem({**ROW, "choices": ["a", "b"]}).choices == ("a", "b")


def test_jsonl_and_parquet_load_the_same_problems(tmp_path: Path) -> None:
    problems = [row_problem(ROW), EULER]
    write_atomically(tmp_path / "a.jsonl", dump_rows(map(problem_row, problems)))
    write_atomically(tmp_path / "a.parquet", parquet_bytes(problems, "train"))
    plain, table = load_problems(tmp_path / "a.jsonl"), load_problems(tmp_path / "a.parquet")
    for one, other in zip(plain, table, strict=True):
        assert (one.id, one.prompt, one.answer) == (other.id, other.prompt, other.answer)


def test_parquet_has_the_schema_of_the_authors_scripts(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.parquet", parquet_bytes([EULER], "train", SUFFIX))
    (row,) = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert row["data_source"] == "x"
    assert row["ability"] == "math"
    assert row["prompt"] == [{"role": "user", "content": f"{EULER.prompt} {SUFFIX}"}]
    assert row["reward_model"] == {
        "style": "rule",
        "ground_truth": "-1",
        "solution_hidden_during_training": "-1",
    }
    assert row["extra_info"] == {"split": "train", "index": 0, "id": "x/1", "level": 2}


def test_unlabelled_rows_show_the_sentinel_and_keep_the_truth_apart() -> None:
    (hidden,) = unlabelled([EULER])
    row = problem_to_row(hidden, "train", 0)
    assert row["reward_model"]["ground_truth"] == UNLABELLED
    assert row["reward_model"]["solution_hidden_during_training"] == "-1"
    back = row_to_problem(row)
    assert back.answer is None
    assert back.meta[HIDDEN] == "-1"


def test_the_sentinel_is_never_an_answer() -> None:
    assert row_problem({**ROW, "answer": UNLABELLED}).answer is None
    with pytest.raises(ValueError, match="no answer"):
        problem_to_row(Problem(id="x", prompt="p", answer=UNLABELLED, source="x"), "train", 0)


def test_rows_of_the_authors_own_scripts_load() -> None:
    """Their test rows have no hidden solution and no id."""
    row = {
        "data_source": "aime24",
        "prompt": [{"role": "user", "content": "p"}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": "7"},
        "extra_info": {"split": "test", "index": 4},
    }
    problem = row_to_problem(row)
    assert (problem.id, problem.answer, dict(problem.meta)) == ("aime24/4", "7", {})


def test_a_dialogue_is_refused() -> None:
    chat = [{"role": "system", "content": "s"}, {"role": "user", "content": "p"}]
    row = {"data_source": "x", "prompt": chat, "reward_model": {"ground_truth": "1"}}
    with pytest.raises(ValueError, match="system, user"):
        row_to_problem(row)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"shared\.data\.prepare dapo"):
        load_problems(tmp_path / "dapo.jsonl")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "is empty"),
        (["{"], "line 1 is not JSON"),
        (["[1]"], "line 1 is not a JSON object"),
        ([json.dumps({"id": "a", "question": "q", "answer": "1"})], r"line 1 lacks problem; .*question"),
        ([json.dumps({**ROW, "promt": 1})], "unknown promt"),
        ([json.dumps({**ROW, "problem": " "})], "empty problem text"),
        ([json.dumps(ROW), json.dumps(ROW)], r"repeats the id 'x/0'"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_problems(path)


def test_a_parquet_file_of_another_schema_names_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["q"], "answer": ["1"]}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"lacks data_source, prompt, reward_model .*question, answer"):
        load_problems(tmp_path / "x.parquet")


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a")
    with pytest.raises(ValueError, match="neither"):
        load_problems(tmp_path / "x.csv")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    write_atomically(path, b"old")

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("shared.files.os.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmark files are not at hand")
@pytest.mark.parametrize("name", ["math500", "minerva", "sat_math", "tabmwp", "math_hard"])
def test_real_benchmark_files_survive_the_round_trip(name: str) -> None:
    path = BENCHMARKS / f"{name}.jsonl"
    rows = read_rows(path)
    assert dump_rows(rows) == path.read_bytes()
    assert len(load_problems(path)) == len(rows)
