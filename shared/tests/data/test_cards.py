"""Data cards: every card in the repository reads, and a wrong one says what is wrong."""

from pathlib import Path

import pytest
from shared.data.cards import Card, card_names, load_card


def test_every_card_reads_and_names_are_the_file_names() -> None:
    cards = [load_card(name) for name in card_names()]
    assert len(cards) > 40
    assert [card.name for card in cards] == card_names()


def test_srt_has_its_published_sets() -> None:
    assert load_card("dapo").rows == 17398
    assert load_card("math12k").rows == 12000
    big = load_card("big_math")
    assert (big.keep[0].low, big.keep[0].high) == (0.3, 0.7)
    assert load_card("aime_1983_2023").keep[0].high == 2023
    parts = load_card("srt_test_parts")
    assert sum(load_card(part).rows or 0 for part in parts.parts or ()) == parts.rows == 1547


def test_nothing_unchecked_is_stated() -> None:
    """No hub was at hand when these were written: a revision here would be invented."""
    for card in map(load_card, card_names()):
        if card.hub is not None:
            assert card.hub.revision is None, f"{card.name}: say in the note how the revision was checked"


def test_evaluation_sets_are_not_for_training() -> None:
    for name in ("math500", "aime24", "aime25", "amc23", "minerva", "olympiadbench", "srt_test"):
        assert not load_card(name).train


def test_unknown_card_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no data card 'dapoo'.*dapo"):
        load_card("dapoo")


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("hub: {id: a/b, split: train}\nfields: {problem: q, answer: a}\nrowz: 3", "rowz"),
        ("fields: {problem: q, answer: a}", "exactly one of hub"),
        ("hub: {id: a/b, split: train}\nparts: [c]", "exactly one of hub"),
        ("hub: {id: a/b, split: train}\nfields: {problem: q}", "answer"),
        ("hub: {id: a/b, split: train, revision: main}\nfields: {problem: q, answer: a}", "revision"),
    ],
)
def test_a_wrong_card_says_where_and_why(tmp_path: Path, extra: str, message: str) -> None:
    write(tmp_path, "x", f"name: x\ntitle: X\nlicence: MIT\nused_by: [srt]\ntrain: true\n{extra}\n")
    with pytest.raises(ValueError, match=rf"x\.yaml(?s:.*){message}"):
        load_card("x", tmp_path)


def test_name_and_file_name_agree(tmp_path: Path) -> None:
    write(tmp_path, "x", "name: y\ntitle: X\nlicence: MIT\nused_by: [srt]\ntrain: true\nparts: [z]\n")
    with pytest.raises(ValueError, match="name and file name must agree"):
        load_card("x", tmp_path)


def test_file_follows_from_the_name() -> None:
    card = Card(name="x", title="X", parts=("y",), licence="MIT", used_by=("srt",), train=False)
    assert card.file == "x.jsonl"
