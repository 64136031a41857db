"""Generation does what is missing, once, whatever the shards, blocks, order and interruptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from shared.generation import (
    OVERLONG,
    Draw,
    PartStore,
    Prompt,
    SamplingSettings,
    Shard,
    Unit,
    generate,
    plan_units,
    sample_seed,
)
from shared.generation.engines.interface import make_draw


class Echo:
    """Answers with the seed; remembers what it was asked; can die after some units."""

    name = "echo"

    def __init__(self, context: int | None = None, dies_after: int | None = None) -> None:
        self.context = context
        self.asked: list[tuple[str, int]] = []
        self.dies_after = dies_after

    def describe(self) -> dict[str, Any]:
        return {"engine": self.name}

    def generate(self, units: Iterable[Unit], settings: SamplingSettings) -> Iterator[list[Draw]]:
        for count, unit in enumerate(units):
            if count == self.dies_after:
                raise KeyboardInterrupt
            self.asked += [(unit.prompt.problem_id, s) for s in unit.samples]
            yield [
                make_draw(
                    unit,
                    s,
                    settings,
                    text=str(sample_seed(settings.seed, unit.prompt.task, unit.prompt.problem_id, s)),
                    finish_reason="stop",
                    n_response_tokens=1,
                    engine=self.name,
                    seconds=0.0,
                )
                for s in unit.samples
            ]


def prompts(count: int, length: int = 3) -> list[Prompt]:
    return [Prompt("t", f"p{i}", (), "text", tuple(range(length + i))) for i in range(count)]


SETTINGS = SamplingSettings(seed=5)


def test_units_leave_out_what_is_stored_and_respect_blocks() -> None:
    units = plan_units(prompts(2), 5, 2, {("p0", 1), ("p1", 4)})
    assert [(u.prompt.problem_id, u.samples) for u in units] == [
        ("p0", (0,)), ("p0", (2, 3)), ("p0", (4,)), ("p1", (0, 1)), ("p1", (2, 3)),
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "block"), [(1, 1), (1, 8), (3, 2), (7, 3)])
def test_draws_do_not_depend_on_shards_blocks_or_order(tmp_path: Path, count: int, block: int) -> None:
    store = PartStore(tmp_path, Draw)
    asked: list[tuple[str, int]] = []
    for index in reversed(range(count)):
        engine = Echo()
        generate(prompts(9)[::-1], 5, SETTINGS, engine, store, shard=Shard(index, count), block=block)
        asked += engine.asked
    assert sorted(asked) == [(f"p{i}", s) for i in range(9) for s in range(5)]  # each exactly once
    assert [d.text for d in store.load()] == [
        str(sample_seed(5, "t", f"p{i}", s)) for i in range(9) for s in range(5)
    ]


def test_resume_asks_only_for_what_is_missing_and_more_samples_only_add(tmp_path: Path) -> None:
    store = PartStore(tmp_path, Draw)
    with pytest.raises(KeyboardInterrupt):
        generate(prompts(4), 4, SETTINGS, Echo(dies_after=3), store, block=2)
    second = Echo()
    assert generate(prompts(4), 4, SETTINGS, second, store, block=2) == 10
    assert len(second.asked) == 10
    third = Echo()
    assert generate(prompts(5), 6, SETTINGS, third, store, block=3) == 5 * 6 - 16
    assert generate(prompts(5), 6, SETTINGS, Echo(), store, block=8) == 0


def test_shards_are_disjoint_also_when_resuming(tmp_path: Path) -> None:
    store = PartStore(tmp_path, Draw)
    generate(prompts(9), 4, SETTINGS, Echo(), store, shard=Shard(0, 2), block=2)
    before = len(store.load())
    assert generate(prompts(9), 4, SETTINGS, Echo(), store, shard=Shard(0, 2), block=2) == 0
    assert 0 < before < 36
    assert generate(prompts(9), 4, SETTINGS, Echo(), store, shard=Shard(1, 2), block=2) == 36 - before


def test_overlong_prompts_are_stored_as_such_and_never_sent(tmp_path: Path) -> None:
    store = PartStore(tmp_path, Draw)
    engine = Echo(context=6)  # room for prompts of 5 tokens
    generate(prompts(5), 2, SETTINGS, engine, store)
    assert {p for p, _ in engine.asked} == {"p0", "p1", "p2"}
    reasons = {d.problem_id: (d.finish_reason, d.n_prompt_tokens, d.text) for d in store.load()}
    assert reasons["p4"] == (OVERLONG, 7, "")
    limited = SamplingSettings(seed=5, max_prompt_tokens=3)
    other = PartStore(tmp_path / "limited", Draw)
    generate(prompts(5), 1, limited, Echo(), other)
    assert sum(d.finish_reason == OVERLONG for d in other.load()) == 4


def test_another_prompt_for_the_same_problem_is_refused(tmp_path: Path) -> None:
    store = PartStore(tmp_path, Draw)
    generate(prompts(2), 1, SETTINGS, Echo(), store)
    with pytest.raises(ValueError, match="another prompt"):
        generate(prompts(2, length=4), 2, SETTINGS, Echo(), store)


@pytest.mark.parametrize("text", ["4/4", "-1/4", "1", "a/b", "0/0", "1/"])
def test_bad_shards_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="shard"):
        Shard.parse(text)


def test_seeds_are_fixed_by_name_not_by_order() -> None:
    assert sample_seed(0, "t", "p", 3) == sample_seed(0, "t", "p", 3)
    seeds = {sample_seed(r, t, p, s) for r in (0, 1) for t in "ab" for p in ("1", "11") for s in range(50)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("bad", [{"temperature": -1}, {"top_p": 0}, {"max_new_tokens": 0}])
def test_bad_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        SamplingSettings(**bad)  # type: ignore[arg-type]
