"""The public face: policies, batches, keys and classes, letters, outcomes."""

from __future__ import annotations

import pytest
from shared.problems import Outcome
from shared.verifiers import (
    BOXED,
    EXACT,
    LETTERS,
    MATH,
    SCIENCE,
    TABLES,
    Policy,
    answer_keys,
    count_outcomes,
    equivalence_classes,
    extract,
    guess_adjusted,
    letter_of,
    mmlu_pro_letter,
    verify,
    verify_batch,
)


def test_a_verdict_carries_what_was_found() -> None:
    verdict = verify("so \\boxed{\\frac{2}{4}}", "0.5")
    assert verdict.correct and verdict.score == 1.0
    assert verdict.extracted == "\\frac{2}{4}" and verdict.canonical == "1/2"
    assert verify("I am lost.", "1").outcome is Outcome.NO_ANSWER
    assert verify("\\boxed{2}", "").outcome is Outcome.BAD_GOLD
    assert "empty" in verify("\\boxed{2}", " ").detail


def test_a_batch_takes_one_reference_or_one_each() -> None:
    assert [v.correct for v in verify_batch(["\\boxed{1}", "\\boxed{2}"], "2")] == [False, True]
    assert [v.correct for v in verify_batch(["\\boxed{1}", "\\boxed{2}"], ["1", "2"])] == [True, True]
    assert verify_batch([], "2") == []
    with pytest.raises(ValueError, match="2 responses but 1 references"):
        verify_batch(["a", "b"], ["1"])


def test_a_reference_may_come_in_a_box_or_as_a_solution() -> None:
    assert verify("\\boxed{20}", "Solving gives $x=1/5$, or $\\boxed{20}$ percent.").correct
    assert verify("\\boxed{3}", "\\boxed{3}").correct
    assert verify("\\boxed{1,2}", "$\\boxed{1}\\boxed{2}$").correct


def test_box_required() -> None:
    assert verify("The answer is 5.", "5", BOXED).outcome is Outcome.NO_ANSWER
    assert verify("\\boxed{5", "5", BOXED).outcome is Outcome.NO_ANSWER
    assert verify("\\boxed{5}", "5", BOXED).correct


def test_thoughts() -> None:
    text = "<think>\\boxed{1}</think>\\boxed{2}"
    assert extract(text, MATH) == "2"
    assert extract("<think>\\boxed{1}", MATH) is None
    assert extract("<think>\\boxed{1}", Policy(thoughts="keep")) == "1"
    assert extract("\\boxed{1}", Policy(thoughts="require")) is None
    assert extract(text, Policy(thoughts="require")) == "2"


@pytest.mark.parametrize(
    ("gold", "answer", "policy", "expected"),
    [
        ("3 cm", "3", Policy(units="strict"), False),
        ("3 cm", "30 mm", Policy(units="strict"), True),
        ("30^\\circ", "30", Policy(units="strict"), False),
        ("50\\%", "50", Policy(percent="value"), False),
        ("50\\%", "0.5", Policy(percent="value"), True),
        ("1,2", "2,1", Policy(ordered=True), False),
        ("1,2", "1,2", Policy(ordered=True), True),
        ("East", "east", Policy(case_sensitive=True), False),
        ("2.5", "2,5", Policy(decimal_comma=True), True),
        ("\\frac13", "0.333333", Policy(rounded_digits=0), False),
        ("\\frac13", "0.333", Policy(rounded_digits=3), True),
        ("6.67e-11", "6.7 \\times 10^{-11}", SCIENCE, True),
        ("6.67e-11", "6.9e-11", SCIENCE, False),
        ("1.6", "\\frac{\\pi}{2}", SCIENCE, False),
        ("1.57", "\\frac{\\pi}{2}", SCIENCE, True),
        ("12", "13", SCIENCE, False),
        ("1", "1.0005", TABLES, True),
        ("1", "1.01", TABLES, False),
        ("a|b", "b | a", TABLES, True),
        ("a|b", "a|b|c", TABLES, False),
        ("1,000|x y", "x y|1000", TABLES, True),
    ],
)
def test_policies_decide_conventions(gold: str, answer: str, policy: Policy, expected: bool) -> None:
    assert verify("\\boxed{" + answer + "}", gold, policy).correct is expected
    assert verify("\\boxed{" + gold + "}", answer, policy).correct is expected


def test_a_policy_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="relative tolerance"):
        Policy(rel_tol=2.0)
    with pytest.raises(ValueError, match="not negative"):
        Policy(rounded_digits=-1)


def test_exact_compares_strings_in_a_box() -> None:
    assert verify("x \\boxed{ 7 }", "7", EXACT).correct
    assert not verify("x \\boxed{7.0}", "7", EXACT).correct
    assert verify("7", "7", EXACT).outcome is Outcome.NO_ANSWER
    assert answer_keys([" 7 ", None], EXACT) == ["7", None]
    assert equivalence_classes(["7", "7.0", None, "7"], EXACT) == [0, 1, None, 0]


def test_keys_of_equal_spellings_agree() -> None:
    for spellings in (
        ["\\frac{1}{2}", "0.5", "1/2", "\\frac{2}{4}", "2^{-1}"],
        ["2\\sqrt2", "\\sqrt{8}", "\\sqrt 8", "2^{3/2}"],
        ["(x+1)^2", "x^2+2x+1"],
        ["\\{1,2\\}", "\\{2,1\\}"],
        ["\\text{East}", "east"],
        ["1,2", "2, 1"],
    ):
        assert len(set(answer_keys(spellings))) == 1, spellings


def test_classes_join_what_is_equal_and_number_by_first_appearance() -> None:
    answers = ["2", None, "0.5", "\\frac12", "x=2", "\\sqrt{3+2\\sqrt2}", "1+\\sqrt2", "4/2", "50\\%"]
    assert equivalence_classes(answers) == [0, None, 1, 1, 0, 2, 2, 0, 1]
    assert equivalence_classes([]) == []
    assert equivalence_classes([None, None]) == [None, None]


def test_outcomes_are_counted_by_name() -> None:
    counts = count_outcomes(
        verify_batch(["\\boxed{1}", "\\boxed{2}", "I am lost.", "\\boxed{1}"], ["1", "1", "1", ""])
    )
    assert counts == {"equal": 1, "different": 1, "no_answer": 1, "bad_gold": 1, "timeout": 0, "error": 0}


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("\\boxed{B}", "B"), ("\\boxed{\\text{(C)}}", "C"), ("The answer is (D).", "D"), ("answer: **J**",
        "J"), ("(A)", "A"),
        ("\\boxed{(B) CAT}", "B"), ("\\boxed{A} then \\boxed{C}", "C"), ("The answer is B or C", None),
        ("A B C D", None),
        ("\\boxed{AB}", None), ("no idea", None), ("\\boxed{K}", None), ("\\boxed{12}", None),
        ("The answer is a trap", None),
    ],
)  # fmt: skip
def test_letters(response: str, letter: str | None) -> None:
    assert extract(response, LETTERS) == letter


def test_letter_verdicts() -> None:
    assert verify("\\boxed{(B) CAT}", "B", LETTERS).correct
    assert verify("\\boxed{A}", "B", LETTERS).outcome is Outcome.DIFFERENT
    assert verify("hm", "B", LETTERS).outcome is Outcome.NO_ANSWER
    assert verify("\\boxed{A}", "Z", LETTERS).outcome is Outcome.BAD_GOLD
    assert letter_of("(A) or (B)", "ABCD") is None


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("so the answer is (C).", "C"), ("the answer is H", "H"), ("Answer: J", "J"),
        ("answer: B\nAnswer: D", "B"),
        ("I like A and D", "D"), ("nothing", None), ("K L M", None),
    ],
)  # fmt: skip
def test_the_official_mmlu_pro_chain_without_a_guess(response: str, letter: str | None) -> None:
    assert mmlu_pro_letter(response) == letter


def test_guess_adjusted() -> None:
    assert guess_adjusted([True, False, False], [True, True, False], [4, 4, 10]) == pytest.approx(
        (1 + 0 + 0.1) / 3
    )
    with pytest.raises(ValueError, match="one length"):
        guess_adjusted([True], [True, False], [4, 4])
    with pytest.raises(ValueError, match="one length"):
        guess_adjusted([], [], [])
