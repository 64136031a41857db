"""Parts: durable after append, torn tails ignored, merging idempotent, damage named."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from shared.generation import Draw, PartStore


def draw(problem: str, sample: int, text: str = "x") -> Draw:
    return Draw("t", problem, sample, "sha", text, "stop", 3, 1, 2**62 + sample, "e", 0.5)


def test_sealed_part_returns_what_was_appended(tmp_path: Path) -> None:
    store = PartStore(tmp_path / "s", Draw)
    with store.writer("0-of-1") as writer:
        writer.append([draw("b", 0), draw("b", 1)])
        writer.append([draw("a", 0, "ünï\u2028\nline")])
    assert [p.suffix for p in store.parts()] == [".parquet"]
    assert store.load() == [draw("a", 0, "ünï\u2028\nline"), draw("b", 0), draw("b", 1)]
    assert store.keys() == {("a", 0), ("b", 0), ("b", 1)}


def test_open_part_is_readable_and_a_torn_tail_is_ignored(tmp_path: Path) -> None:
    store = PartStore(tmp_path, Draw)
    store.writer("0-of-1").append([draw("a", 0), draw("a", 1)])  # never closed, as after a kill
    (part,) = store.parts()
    whole = part.read_bytes()
    for cut in range(len(whole)):
        part.write_bytes(whole[:cut])
        expected = whole[:cut].count(b"\n")
        assert len(store.load()) == expected
    part.write_bytes(whole[:-20])
    with store.writer("0-of-1") as writer:  # a new writer leaves the torn part alone
        writer.append([draw("a", 1)])
    assert store.load() == [draw("a", 0), draw("a", 1)]


def test_merging_copies_is_idempotent_and_crash_between_seal_and_unlink_counts_once(tmp_path: Path) -> None:
    one, two = PartStore(tmp_path / "1", Draw), PartStore(tmp_path / "2", Draw)
    one.writer("0-of-1").append([draw("a", 0)])
    lines = one.parts()[0].read_bytes()
    with two.writer("0-of-2") as writer:
        writer.append([draw("a", 1)])
    with two.writer("0-of-2") as writer:
        writer.append([draw("a", 2)])
    for part in two.parts():
        shutil.copy(part, tmp_path / "1")
        shutil.copy(part, tmp_path / "1" / f"copy-{part.name}")
    (tmp_path / "1" / "part-9-of-9-00000.jsonl").write_bytes(lines)
    assert [d.sample for d in one.load()] == [0, 1, 2]


def test_conflicting_draws_are_resolved_alike_in_any_order(tmp_path: Path) -> None:
    for order in (("a", "b"), ("b", "a")):
        store = PartStore(tmp_path / "".join(order), Draw)
        for text in order:
            with store.writer("0-of-1") as writer:
                writer.append([draw("p", 0, text)])
        assert [d.text for d in store.load()] == ["a"]


def test_a_full_disk_loses_only_the_unit_in_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PartStore(tmp_path, Draw)
    writer = store.writer("0-of-1")
    writer.append([draw("a", 0)])

    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        writer.append([draw("a", 1)])
    monkeypatch.undo()
    (part,) = store.parts()
    part.write_bytes(part.read_bytes()[:-5])  # what a full disk leaves of the last line
    assert store.load() == [draw("a", 0)]


def test_damage_is_named(tmp_path: Path) -> None:
    store = PartStore(tmp_path, Draw)
    store.writer("0-of-1").append([draw("a", 0), draw("a", 1)])
    (part,) = store.parts()
    part.write_bytes(b"{broken\n" + part.read_bytes())
    with pytest.raises(ValueError, match="line 1 is damaged"):
        store.load()


def test_records_of_another_version_are_refused(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Other:
        name: str

        @property
        def key(self) -> tuple[str]:
            return (self.name,)

    PartStore(tmp_path, Draw).writer("0-of-1").append([replace(draw("a", 0), seconds=1.0)])
    with pytest.raises(ValueError, match="another version"):
        PartStore(tmp_path, Other).load()
