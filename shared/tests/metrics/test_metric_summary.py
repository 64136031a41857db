"""The summary of an evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from shared.metrics import avg_at_n, bootstrap_intervals, maj_at_k, pass_at_k, per_problem, summarize

CORRECT = np.array([[1, 1, 0, 0], [0, 0, 0, 1]], dtype=bool)
ANSWERS = [["3", "3", "4", None], ["a", "a", "b", "c"]]


def test_summary_of_verdicts_and_answers() -> None:
    result = summarize(CORRECT, ANSWERS)
    assert result["n_problems"] == 2 and result["n_samples"] == 4
    assert result["pass@1"] == pytest.approx(3 / 8) and result["pass@4"] == 1.0
    assert result["maj@1"] == pytest.approx(3 / 8) and result["maj@4"] == 0.5
    assert result["gap@4"] == pytest.approx(0.5)
    assert result["vote_share"] == pytest.approx(0.5) and result["no_answer"] == pytest.approx(1 / 8)
    assert set(result) == {
        *(f"{m}@{k}" for m in ("pass", "maj", "gap") for k in (1, 2, 4)),
        *("vote_share", "no_answer", "n_problems", "n_samples"),
    }


def test_columns_are_the_metrics_themselves() -> None:
    keys = np.array([[0, 0, 1, -1], [0, 0, 1, 2]])
    columns = per_problem(CORRECT, keys, ks=[2, 3])
    np.testing.assert_array_equal(columns["pass@3"], pass_at_k(CORRECT, [3])[:, 0])
    np.testing.assert_array_equal(columns["maj@2"], maj_at_k(CORRECT, keys, [2]).values[:, 0])
    assert list(bootstrap_intervals(columns, draws=50)) == list(columns)


def test_answers_may_be_texts_integers_or_an_array() -> None:
    expected = summarize(CORRECT, ANSWERS)
    integers = [[0, 0, 1, -1], [0, 0, 1, 2]]
    for keys in (integers, np.array(integers), np.array(ANSWERS, dtype=object)):
        assert summarize(CORRECT, keys) == expected
    with pytest.raises(ValueError, match="same number of samples"):
        summarize(CORRECT, [["3"], ["a", "b"]])


def test_without_answers_there_is_no_vote() -> None:
    assert set(summarize(CORRECT, ks=[1])) == {"pass@1", "n_problems", "n_samples"}


def test_graded_scores_report_partial_credit_beside_full_credit() -> None:
    scores = np.array([[1.0, 0.5], [0.5, 0.0]])
    result = summarize(scores, ks=[1, 2])
    assert result["pass@1"] == 0.25 and result["score"] == pytest.approx(avg_at_n(scores).mean())
    assert result["best@2"] == 0.75 and result["worst@2"] == 0.25
    assert result["best@1"] == result["worst@1"] == result["score"] == 0.5
