"""Preparing a data set: from a folder or a (stand-in) hub, checked, written whole, refused on change."""

import json
from pathlib import Path
from typing import Any

import pytest
from shared.data import HIDDEN, load_problems
from shared.data.canonical import dump_rows, read_rows, sha256
from shared.data.cards import Card, load_card, pinned
from shared.data.convert import convert
from shared.data.deduplicate import deduplicate
from shared.data.fetch import Fetched, fetch
from shared.data.prepare import Labels, main, prepare

BENCHMARKS = Path(__file__).resolve().parents[3] / ".." / "shared" / "benchmarks"
RAW = [{"q": f"{i} + 1?", "a": i + 1} for i in range(4)]
CARD = "title: T\nlicence: MIT\nused_by: [srt]\ntrain: true\nfields: {problem: q, answer: a}\n"


class Hub:
    """A stand-in for the hub that remembers the revisions it was asked for."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows, self.asked = rows, list[str | None]()

    def __call__(self, card: Card, revision: str | None) -> Fetched:
        self.asked.append(revision)
        return Fetched(self.rows, revision or "c" * 40, card.origin)


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "toy.yaml").write_text(f"name: toy\n{CARD}hub: {{id: o/toy, split: train}}\nrows: 4\n")
    return folder


def test_the_first_fetch_is_recorded_and_later_ones_are_held_to_it(tmp_path: Path, cards: Path) -> None:
    hub = Hub(RAW)
    made = prepare("toy", tmp_path / "a", card_folder=cards, fetcher=hub)
    pin = pinned("toy", cards / "pins.json")
    assert pin == {"revision": "c" * 40, "rows": 4, "sha256": sha256(made.canonical.read_bytes())}
    prepare("toy", tmp_path / "b", card_folder=cards, fetcher=hub)
    assert hub.asked == [None, "c" * 40]
    changed = Hub([{**RAW[0], "a": 9}, *RAW[1:]])
    with pytest.raises(ValueError, match="source has changed"):
        prepare("toy", tmp_path / "c", card_folder=cards, fetcher=changed)
    assert not (tmp_path / "c").exists()
    kept = prepare("toy", tmp_path / "c", card_folder=cards, fetcher=changed, accept=True)
    assert json.loads(kept.manifest.read_text())["verified"] is False
    assert pinned("toy", cards / "pins.json") == pin


def test_the_files_say_what_the_card_says(tmp_path: Path, cards: Path) -> None:
    made = prepare("toy", tmp_path, card_folder=cards, fetcher=Hub(RAW), labels=Labels(hidden=True))
    assert made.parquet.name == "toy.unlabelled.parquet"
    assert read_rows(made.canonical)[1] == {
        "id": "toy/1",
        "problem": "1 + 1?",
        "answer": "2",
        "source": "toy",
    }
    trained = load_problems(made.parquet)
    assert {p.answer for p in trained} == {None}
    assert [p.meta[HIDDEN] for p in trained] == ["1", "2", "3", "4"]
    assert (
        trained[0].prompt == "0 + 1? Let's think step by step and output the final answer within \\boxed{}."
    )
    manifest = json.loads(made.manifest.read_text())
    assert (manifest["hub_id"], manifest["rows"], manifest["verified"]) == ("o/toy", 4, True)


def test_held_out_problems_keep_their_labels(tmp_path: Path, cards: Path) -> None:
    hidden = Labels(hidden=True)
    made = prepare("toy", tmp_path, card_folder=cards, fetcher=Hub(RAW), labels=hidden, held_out=1)
    rest, held = load_problems(made.parquet), load_problems(tmp_path / "toy.held-out.parquet")
    assert (len(rest), len(held)) == (3, 1)
    assert held[0].answer == held[0].meta[HIDDEN]
    assert {p.answer for p in rest} == {None}


def test_a_wrong_row_count_stops_and_writes_nothing(tmp_path: Path, cards: Path) -> None:
    with pytest.raises(ValueError, match=r"gives 3 rows.*4 rows"):
        prepare("toy", tmp_path / "out", card_folder=cards, fetcher=Hub(RAW[:3]))
    assert not (tmp_path / "out").exists()
    assert pinned("toy", cards / "pins.json") == {}


def test_a_local_folder_in_either_form(tmp_path: Path, cards: Path) -> None:
    def offline(card: Card, revision: str | None) -> Fetched:
        raise AssertionError("asked the hub although a folder was given")

    source = tmp_path / "source" / "toy"
    source.mkdir(parents=True)
    (source / "part.jsonl").write_text("".join(json.dumps(row) + "\n" for row in RAW))
    given = {"card_folder": cards, "fetcher": offline}
    first = prepare("toy", tmp_path / "a", from_folder=tmp_path / "source", **given)
    again = prepare("toy", tmp_path / "b", from_folder=tmp_path / "a", **given)
    assert first.canonical.read_bytes() == again.canonical.read_bytes()
    with pytest.raises(FileNotFoundError, match=r"neither toy\.jsonl .* nor data files"):
        prepare("toy", tmp_path / "c", from_folder=tmp_path / "nowhere", **given)


def test_a_missing_column_lists_those_there_are(tmp_path: Path, cards: Path) -> None:
    with pytest.raises(ValueError, match="toy row 0 has no column 'q'; its columns are question, a"):
        prepare("toy", tmp_path, card_folder=cards, fetcher=Hub([{"question": "?", "a": 1}]))


def card_of(**fields: Any) -> Card:
    base = {"name": "t", "title": "T", "licence": "MIT", "used_by": ["srt"], "train": True}
    return Card.model_validate({**base, "hub": {"id": "o/t", "split": "train"}, **fields})


def test_bands_keep_both_ends_and_drop_missing_values() -> None:
    card = card_of(fields={"problem": "q", "answer": "a"}, keep=[{"column": "r", "low": 0.3, "high": 0.7}])
    raw = [{"q": "x", "a": 1, "r": r} for r in (0.29, 0.3, 0.5, 0.7, 0.71, None)]
    assert [row["id"] for row in convert(card, raw)] == ["t/1", "t/2", "t/3"]
    with pytest.raises(ValueError, match="per cent"):
        convert(card, [{"q": "x", "a": 1, "r": 50.0}])


def test_converters_on_their_layouts() -> None:
    gsm = card_of(convert="hashes", fields={"problem": "q", "answer": "a"})
    assert convert(gsm, [{"q": "x", "a": "so\n#### 1,200"}])[0]["answer"] == "1200"
    boxed = card_of(convert="boxed_solution", fields={"problem": "q", "answer": "a"})
    assert convert(boxed, [{"q": "x", "a": "so $\\boxed{\\frac{1}{2}}$."}])[0]["answer"] == "\\frac{1}{2}"
    options = card_of(convert="options", fields={"problem": "q", "answer": "a", "choices": "o"})
    row = convert(options, [{"q": "x", "a": "C", "o": ["u", "N/A", "w"]}])[0]
    assert (row["answer"], row["choices"]) == ("B", ["u", "w"])
    lists = card_of(fields={"id": "n", "problem": "q", "answer": "a.b"})
    assert convert(lists, [{"n": 7, "q": "x", "a": {"b": ["1", "2"]}}])[0] == {
        "id": "t/7",
        "problem": "x",
        "answer": "1, 2",
        "source": "t",
    }


@pytest.mark.parametrize(
    ("convert_as", "raw", "message"),
    [
        ("hashes", {"q": "x", "a": "12"}, "no #### mark"),
        ("boxed_solution", {"q": "x", "a": "\\boxed{1"}, "no complete box"),
        ("options", {"q": "x", "a": "D", "o": ["u", "v"]}, "no letter of its 2 options"),
        ("not_yet", {}, "no converter"),
    ],
)
def test_a_gold_that_cannot_be_read_is_an_error(convert_as: str, raw: dict[str, Any], message: str) -> None:
    card = card_of(convert=convert_as, fields={"problem": "q", "answer": "a", "choices": "o"})
    with pytest.raises(ValueError, match=message):
        convert(card, [raw])


def test_a_source_that_cannot_be_read_is_not_fetched(tmp_path: Path) -> None:
    hub = Hub([])
    with pytest.raises(ValueError, match=r"no converter .* svamp\.jsonl"):
        prepare("svamp", tmp_path, fetcher=hub)
    assert hub.asked == []


def test_gpqa_options_have_one_order_for_everyone_and_the_letter_follows() -> None:
    card = card_of(convert="gpqa")
    raw = {"Question": "?", "Correct Answer": "r", **{f"Incorrect Answer {i}": f"w{i}" for i in (1, 2, 3)}}
    (row,) = convert(card, [raw])
    assert sorted(row["choices"]) == ["r", "w1", "w2", "w3"]
    assert row["choices"]["ABCD".index(row["answer"])] == "r"
    letters = {convert(card, [{**raw, "Question": str(i)}])[0]["answer"] for i in range(40)}
    assert letters == {"A", "B", "C", "D"}


def test_dapo_template_is_removed_and_its_absence_noticed() -> None:
    card = load_card("dapo_raw")
    lead = (
        "Solve the following math problem step by step. The last line of your response should be of the form "
        "Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n"
    )
    tail = '\n\nRemember to put your answer on its own line after "Answer:".'
    raw = {
        "prompt": [{"role": "user", "content": f"{lead}What is 1+1?{tail}"}],
        "reward_model": {"ground_truth": "2"},
    }
    assert convert(card, [raw])[0]["problem"] == "What is 1+1?"
    with pytest.raises(ValueError, match="does not have the template"):
        convert(card, [{**raw, "prompt": [{"role": "user", "content": "What is 1+1?"}]}])


def test_deduplication_keeps_the_first_and_drops_contradictions() -> None:
    texts = [("a  b", "1"), ("a b", "1"), ("c", "1"), ("c\n", "2"), ("d", "3")]
    rows = [{"id": str(i), "problem": p, "answer": a} for i, (p, a) in enumerate(texts)]
    found = deduplicate(rows)
    assert [row["id"] for row in found.rows] == ["0", "4"]
    assert (found.repeated, found.conflicting) == (2, 1)


def test_the_command_says_in_one_line_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no_such_set"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no data card 'no_such_set'")


def test_a_generated_set_is_not_downloaded() -> None:
    with pytest.raises(ValueError, match="not downloaded"):
        fetch(load_card("rg_bitwise_l2"), None)


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmark files are not at hand")
def test_the_six_benchmarks_join_from_a_folder(tmp_path: Path) -> None:
    made = prepare("srt_test_parts", tmp_path, from_folder=BENCHMARKS)
    problems = load_problems(made.canonical)
    assert made.rows == len(problems) == 1547
    manifest = json.loads(made.manifest.read_text())
    assert manifest["verified"] is True
    assert {k: v["rows"] for k, v in manifest["parts"].items()} == {
        "aime24": 30,
        "aime25": 30,
        "amc23": 40,
        "math500": 500,
        "minerva": 272,
        "olympiadbench": 675,
    }


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmark files are not at hand")
def test_a_sample_of_a_set_is_not_taken_for_the_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gives 500 rows.*1319 rows"):
        prepare("gsm8k", tmp_path, from_folder=BENCHMARKS)
    made = prepare("gsm8k", tmp_path, from_folder=BENCHMARKS, accept=True)
    assert json.loads(made.manifest.read_text())["verified"] is False


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmark files are not at hand")
def test_a_changed_byte_in_a_known_copy_is_noticed(tmp_path: Path) -> None:
    rows = read_rows(BENCHMARKS / "aime25.jsonl")
    rows[3]["answer"] = "1"
    (tmp_path / "aime25.jsonl").write_bytes(dump_rows(rows))
    with pytest.raises(ValueError, match="30 rows, sha256"):
        prepare("aime25", tmp_path / "out", from_folder=tmp_path)
