"""Votes: every rule on small cases, the golden table of SRT's edge cases, invariances."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared.voting import leave_one_out, majority_vote, split_credit, srt_as_shipped

ANSWERS = st.lists(st.sampled_from(["1", "2", "3", None]), min_size=1, max_size=9)


def test_plain_majority() -> None:
    vote = majority_vote(["7", "3", "7", None])
    assert vote.winner == "7" and not vote.tied
    assert (vote.denominator, vote.n_parsed, vote.n_classes) == (3.0, 3, 2)
    assert vote.share == pytest.approx(2 / 3)
    assert list(vote.weights.items()) == [("7", pytest.approx(2 / 3)), ("3", pytest.approx(1 / 3))]


def test_denominator_all_counts_responses_without_answer() -> None:
    vote = majority_vote(["7", "3", "7", None], denominator="all")
    assert vote.share == 0.5 and vote.denominator == 4.0


@pytest.mark.parametrize("answers", [[], [None, None]])
def test_nobody_votes(answers) -> None:
    vote = majority_vote(answers)
    assert vote.winner is None and vote.share == 0.0 and vote.weights == {} and not vote.tied
    assert split_credit(vote) == {}


def test_tie_rules() -> None:
    answers = ["b", "a", "a", "b", "c"]
    first, none, split = (majority_vote(answers, ties=t) for t in ("first", "none", "split"))  # type: ignore[arg-type]
    assert first.winner == "b" and first.share == pytest.approx(0.4) and first.tied
    for vote in (none, split):
        assert vote.winner is None and vote.share == 0.0 and vote.tied
        assert vote.weights == first.weights
    assert split_credit(split) == {"b": 0.5, "a": 0.5}
    assert split_credit(majority_vote(["a", "a", "b"], ties="split")) == {"a": 1.0}
    assert split_credit(split, min_share=0.5) == {}


def test_random_ties_depend_on_the_key_and_not_on_row_order() -> None:
    answers = ["a", "b", "c", "a", "b", "c"]
    winners = [majority_vote(answers, ties="random", key=f"run/{i}").winner for i in range(900)]
    assert winners == [majority_vote(answers[::-1], ties="random", key=f"run/{i}").winner for i in range(900)]
    counts = Counter(winners)
    assert set(counts) == {"a", "b", "c"}
    assert all(240 < c < 360 for c in counts.values())  # 300 expected, 4 standard deviations is 57


def test_min_share_leaves_the_group_unlabelled_but_keeps_the_weights() -> None:
    answers = ["1", "1", "1", "2", None]
    assert majority_vote(answers, min_share=0.75).winner == "1"
    strict = majority_vote(answers, min_share=0.75, denominator="all")
    assert strict.winner is None and strict.share == 0.0
    assert strict.weights["1"] == pytest.approx(0.6)


def test_min_share_is_met_when_the_share_equals_it() -> None:
    # in floats 0.7 + 0.7 + 0.7 over 5 * 0.7 is 0.5999999999999999
    vote = majority_vote(["a", "a", "a", "b", "c"], weights=[0.7] * 5, min_share=0.6)
    assert vote.winner == "a" and vote.share < 0.6


def test_classes_merge_spellings() -> None:
    answers = ["0.5", "3", "1/2", "3", "1/2"]
    assert majority_vote(answers).tied
    vote = majority_vote(answers, classes=[0, 1, 0, 1, 0])
    assert vote.winner == "1/2"  # the most frequent spelling speaks for the class
    assert vote.share == pytest.approx(0.6) and vote.n_classes == 2 and not vote.tied


def test_soft_weights() -> None:
    vote = majority_vote(["a", "b", "b", None], weights=[5.0, 1.0, 1.0, 3.0], denominator="all")
    assert vote.winner == "a" and vote.share == 0.5 and vote.denominator == 10.0
    assert majority_vote(["a", "b"], weights=[0.0, 0.0]).winner is None
    tied = majority_vote(["a", "b", "b", "b"], weights=[0.3, 0.1, 0.1, 0.1])  # 0.1 * 3 > 0.3 in floats
    assert tied.tied and tied.winner == "a"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"denominator": "some"}, "unknown denominator"),
        ({"ties": "last"}, "unknown tie rule"),
        ({"ties": "random"}, "needs a key"),
        ({"min_share": 1.5}, "must lie in"),
        ({"weights": [1.0]}, "1 weights for 3 answers"),
        ({"weights": [1.0, -1.0, 1.0]}, "not negative"),
        ({"weights": [1.0, float("nan"), 1.0]}, "finite"),
        ({"classes": [0, 1]}, "2 classes for 3 answers"),
        ({"classes": [0, 1, 2]}, "both or neither"),
        ({"classes": [0, 1, None]}, "two classes"),
    ],
)
def test_bad_arguments_get_a_sentence(options, message: str) -> None:
    for call in (majority_vote, leave_one_out):
        with pytest.raises(ValueError, match=message):
            call(["x", "x", None], **options)


def test_leave_one_out() -> None:
    votes = leave_one_out(["a", "b", "b", None])
    assert [v.winner for v in votes] == ["b", "a", "a", "b"]  # 2-3: one vote each, the first seen wins
    assert [v.tied for v in votes] == [False, True, True, False]
    assert [v.denominator for v in votes] == [2.0, 2.0, 2.0, 3.0]
    assert leave_one_out(["a"])[0].winner is None
    by_class = leave_one_out(["1/2", "0.5", "3"], classes=[0, 0, 1], weights=[1, 1, 1.5])
    assert [v.winner for v in by_class] == ["3", "3", "0.5"]  # 0.5 and 1/2 alone: alphabetical
    assert by_class[2].share == 1.0 and by_class[2].n_classes == 1


def test_srt_as_shipped_keeps_the_defects() -> None:
    assert srt_as_shipped(["0.5", "3", "1/2", "3"]).winner == "3"  # the split vote of one half loses
    assert srt_as_shipped(["2", "1", "1", "2"]).winner == "2"  # the first row decides
    assert srt_as_shipped(["5", "5", *[None] * 30]).share == 1.0  # confidence among the parsed
    assert srt_as_shipped(["", "", "5"]).winner == ""  # an empty box votes
    assert srt_as_shipped(["1", "1", "2", "3"], threshold=0.6).winner is None


@settings(max_examples=150, deadline=None)
@given(ANSWERS, st.sampled_from(["parsed", "all"]), st.sampled_from(["first", "random", "none", "split"]))
def test_against_a_counter(answers, denominator, ties) -> None:
    vote = majority_vote(answers, denominator=denominator, ties=ties, key=1)
    counts = Counter(a for a in answers if a is not None)
    total = len(answers) if denominator == "all" else sum(counts.values())
    assert vote.weights == pytest.approx({a: c / total for a, c in counts.items()})
    assert list(vote.weights.values()) == sorted(vote.weights.values(), reverse=True)
    top = [a for a, c in counts.items() if c == max(counts.values())]
    assert vote.tied == (len(top) > 1)
    if len(top) == 1 or (top and ties in ("first", "random")):
        assert vote.winner in top and vote.share == vote.weights[vote.winner]
        assert ties != "first" or vote.winner == top[0]
    else:
        assert vote.winner is None and vote.share == 0.0
    assert sum(split_credit(vote).values()) == pytest.approx(1.0 if top else 0.0)


@settings(max_examples=60, deadline=None)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_class_ids_are_only_names(answers, random) -> None:
    """Voting by the classes of string equality is voting by strings; row order matters to "first" only."""
    ids = {a: i for i, a in enumerate(random.sample(["1", "2", "3"], 3))}
    classes = [None if a is None else ids[a] for a in answers]
    assert majority_vote(answers, classes=classes) == majority_vote(answers)
    shuffled = random.sample(answers, len(answers))
    for ties in ("random", "none", "split"):
        assert majority_vote(shuffled, ties=ties, key=0) == majority_vote(answers, ties=ties, key=0)
