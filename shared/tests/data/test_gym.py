"""Reasoning Gym levels: the card's hash, no overlap of training and test, level settings that bite."""

import pytest

pytest.importorskip("reasoning_gym")

from functools import cache

from shared.data.canonical import Row, dump_rows, sha256
from shared.data.cards import load_card
from shared.data.gym import generate


@cache
def rows_of(name: str) -> list[Row]:
    return generate(load_card(name))


@pytest.mark.parametrize(
    "name", ["rg_bitwise_l2", "rg_bitwise_l4_test", "rg_family_l5_test", "rg_knights_l2"]
)
def test_the_generator_gives_the_rows_of_the_card(name: str) -> None:
    card = load_card(name)
    rows = rows_of(name)
    assert (len(rows), sha256(dump_rows(rows))) == (card.rows, card.sha256)


def test_test_problems_are_not_training_problems() -> None:
    train = {row["problem"] for row in rows_of("rg_knights_l2")}
    test = [row["problem"] for row in rows_of("rg_knights_l2_test")]
    assert len(test) > 100
    assert not train & set(test)


def test_a_level_is_what_the_paper_says() -> None:
    assert "2 inhabitants" in rows_of("rg_knights_l2")[0]["problem"]
    people = load_card("rg_knights_l7").generator
    assert people is not None
    assert people.settings == {"n_people": 7}
    assert {row["meta"]["level"] for row in rows_of("rg_bitwise_l4_test")} == {4}


def test_another_version_of_the_package_is_refused() -> None:
    card = load_card("rg_bitwise_l2")
    assert card.generator is not None
    other = card.model_copy(update={"generator": card.generator.model_copy(update={"version": "0.0.1"})})
    with pytest.raises(ValueError, match=r"made with reasoning-gym 0\.0\.1"):
        generate(other)
