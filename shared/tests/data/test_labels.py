"""Hidden and spoilt labels: seeded, independent of order, never losing the truth."""

import random

import pytest
from shared.data import HIDDEN, hold_out, unlabelled, with_label_noise
from shared.problems import Problem


def problems(n: int, answer: str = "") -> list[Problem]:
    return [Problem(id=f"p/{i}", prompt=f"{i}?", answer=answer or str(i), source="p") for i in range(n)]


def spoilt(noisy: list[Problem]) -> list[Problem]:
    return [problem for problem in noisy if problem.answer != problem.meta[HIDDEN]]


def test_unlabelled_hides_every_label_and_keeps_every_truth() -> None:
    hidden = unlabelled(problems(5))
    assert [p.answer for p in hidden] == [None] * 5
    assert [p.meta[HIDDEN] for p in hidden] == ["0", "1", "2", "3", "4"]


def test_noise_has_the_asked_share() -> None:
    n, share = 4000, 0.3
    count = len(spoilt(with_label_noise(problems(n), share, seed=0)))
    assert abs(count / n - share) < 4 * (share * (1 - share) / n) ** 0.5


def test_extreme_shares() -> None:
    assert len(spoilt(with_label_noise(problems(50), 1.0, seed=0))) == 50
    assert not spoilt(with_label_noise(problems(50), 0.0, seed=0))


def test_noise_depends_on_seed_and_id_only() -> None:
    base = problems(200)
    noisy = {p.id: p.answer for p in with_label_noise(base, 0.5, seed=3)}
    shuffled = random.Random(0).sample(base, len(base))
    assert {p.id: p.answer for p in with_label_noise(shuffled, 0.5, seed=3)} == noisy
    assert {p.id: p.answer for p in with_label_noise(base, 0.5, seed=4)} != noisy


def test_more_noise_spoils_a_superset() -> None:
    base = problems(300)
    few = {p.id for p in spoilt(with_label_noise(base, 0.1, seed=0))}
    many = {p.id for p in spoilt(with_label_noise(base, 0.4, seed=0))}
    assert few < many


def test_a_wrong_integer_is_one_more_as_in_the_authors_script() -> None:
    (one,) = with_label_noise(problems(1, "-7"), 1.0, seed=0)
    assert (one.answer, one.meta[HIDDEN]) == ("-6", "-7")


def test_answers_that_are_no_integers_take_another_problems_answer() -> None:
    mixed = [
        Problem(id=str(i), prompt="?", answer=a, source="p")
        for i, a in enumerate(["1/2", "x^2", "east", "3.5"])
    ]
    for problem in with_label_noise(mixed, 1.0, seed=1):
        truth = problem.meta[HIDDEN]
        assert problem.answer != truth
        assert problem.answer in {"1/2", "x^2", "east", "3.5"}


def test_noise_may_hide_instead_of_spoil() -> None:
    noisy = with_label_noise(problems(100), 0.5, seed=0, kind="unlabelled")
    assert {p.answer for p in spoilt(noisy)} == {None}
    assert all(p.answer == p.meta[HIDDEN] for p in noisy if p.answer is not None)


def test_what_cannot_be_spoilt_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        with_label_noise(problems(2), 30, seed=0)
    with pytest.raises(ValueError, match="2 problems have none"):
        with_label_noise(unlabelled(problems(2)), 0.5, seed=0)
    with pytest.raises(ValueError, match="no other answer"):
        with_label_noise(problems(3, "east"), 1.0, seed=0)


def test_held_out_problems_are_the_same_for_everyone_and_not_in_the_rest() -> None:
    base = problems(1000)
    rest, held = hold_out(base, 10)
    assert (len(rest), len(held)) == (990, 10)
    assert not {p.id for p in rest} & {p.id for p in held}
    shuffled = random.Random(1).sample(base, len(base))
    assert {p.id for p in hold_out(shuffled, 10)[1]} == {p.id for p in held}
    assert hold_out(base, 0) == (base, [])
    with pytest.raises(ValueError, match="hold out"):
        hold_out(base, 1000)
