"""What class voting changes against string voting."""

from __future__ import annotations

import pytest
from shared.voting import label_changes

HALVES = (["0.5", "3", "1/2", "3", r"\frac12"], [0, 1, 0, 1, 0])
SAME = (["1", "1.0", "1", "2", None], [0, 0, 0, 1, None])


def test_changed_merged_and_share() -> None:
    report = label_changes([HALVES[0], SAME[0]], [HALVES[1], SAME[1]])
    assert report.changed == (0,) and report.gained == () and report.lost == ()
    assert report.n_changed == 1 and report.n_groups == 2 and report.merged == 2
    assert report.mean_share_gain == pytest.approx(((0.6 - 0.4) + (0.75 - 0.5)) / 2)


def test_another_spelling_of_the_same_answer_is_no_change() -> None:
    report = label_changes([["a", "A", "A", "a", "a "]], [[0] * 5])
    assert report.n_changed == 0 and report.merged == 1


def test_gained_and_lost_labels() -> None:
    gained = label_changes([HALVES[0]], [HALVES[1]], min_share=0.5)
    assert gained.gained == (0,) and gained.changed == ()
    lost = label_changes([["3", "3", "0.5", "1/2"]], [[0, 0, 1, 1]], ties="none")
    assert lost.lost == (0,) and lost.n_changed == 1


def test_random_ties_use_one_key_per_group() -> None:
    groups = [["a", "b"]] * 200
    classes = [[0, 1]] * 200
    assert label_changes(groups, classes, ties="random", key=5).n_changed == 0  # same draw for both votes


def test_empty_and_mismatched_input() -> None:
    assert label_changes([], []).mean_share_gain == 0.0
    with pytest.raises(ValueError, match="1 groups of answers but 0"):
        label_changes([["a"]], [])
