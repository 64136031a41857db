"""Problems survive the trip through verl's row schema, and sentinels are never answers."""

from pathlib import Path

import pyarrow.parquet
import pytest
from shared.on_verl import HIDDEN, UNLABELLED, problem_to_row, row_to_problem, write_parquet
from shared.on_verl.rows import response_of
from shared.problems import FinishReason, Problem


def test_labelled_problem_round_trip_through_parquet(tmp_path: Path) -> None:
    problem = Problem("a-7", "What is 3 + 4?", "7", "toy", level=2)
    write_parquet([problem], tmp_path / "deep" / "train.parquet", "train")
    (row,) = pyarrow.parquet.read_table(tmp_path / "deep" / "train.parquet").to_pylist()
    back = row_to_problem(row)
    assert (back.id, back.prompt, back.answer, back.source, back.level) == (
        "a-7",
        problem.prompt,
        "7",
        "toy",
        2,
    )
    assert row["prompt"] == [{"role": "user", "content": problem.prompt}]


def test_unlabelled_problem_keeps_the_truth_hidden() -> None:
    row = problem_to_row(Problem("b", "?", None, "toy", meta={HIDDEN: "42"}), "train", 0)
    assert row["reward_model"]["ground_truth"] == UNLABELLED
    assert row["reward_model"]["solution_hidden_during_training"] == "42"
    back = row_to_problem(row)
    assert back.answer is None and back.meta[HIDDEN] == "42"


def test_rows_without_id_are_named_by_source_and_index() -> None:
    row = problem_to_row(Problem("x", "?", "1", "aime24"), "test", 5)
    del row["extra_info"]["id"]
    assert row_to_problem(row).id == "aime24/5"


def test_a_chat_with_a_system_message_is_refused() -> None:
    row = problem_to_row(Problem("x", "?", "1", "toy"), "train", 0)
    row["prompt"].insert(0, {"role": "system", "content": "Be good."})
    with pytest.raises(ValueError, match="one user message, this row has: system, user"):
        row_to_problem(row)


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [((5, 6, 2), FinishReason.STOP), ((5, 6), FinishReason.LENGTH), ((), FinishReason.LENGTH)],
)
def test_finish_reason_is_read_from_the_last_token(tokens: tuple[int, ...], reason: FinishReason) -> None:
    assert response_of(tokens, "5 6", {2, 9}).finish_reason is reason
