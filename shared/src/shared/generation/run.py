"""Generate what is missing: prompts x n samples, less what is stored, through an engine, to disk.

Sharding splits units by a hash of their key, so shards can be run anywhere, in any order, with
any batch size, and their folders copied together. Which prompts there are and what they mean is
the caller's business; so is starting processes on several machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shared.generation.engines.interface import Engine, prompt_limit
from shared.generation.requests import Draw, Prompt, SamplingSettings, Unit, overlong_draws
from shared.generation.store import PartStore


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``index`` of ``count`` of the work; the default is all of it."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(
                f"shard {self.index}/{self.count} does not exist: count from 0, as in 0/4 .. 3/4"
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/N``."""
        index, slash, count = text.partition("/")
        if not (slash and index.isdigit() and count.isdigit() and int(count) > 0):
            raise ValueError(f"shard {text!r} is not of the form i/N, such as 0/4")
        return cls(int(index), int(count))

    def owns(self, unit: Unit) -> bool:
        """Whether this shard generates the unit."""
        text = f"{unit.prompt.task}\x1f{unit.prompt.problem_id}\x1f{unit.samples[0]}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index}-of-{self.count}"


@dataclass(frozen=True, slots=True)
class Progress:
    """What :func:`generate` reports after every unit."""

    done: int
    total: int
    tokens: int


def plan_units(prompts: Sequence[Prompt], n: int, block: int, done: set[tuple[str, int]]) -> list[Unit]:
    """Blocks of at most ``block`` samples; samples that are stored already are left out of theirs."""
    if n < 1 or block < 1:
        raise ValueError(f"n={n}, block={block}: both must be at least 1")
    units = []
    for prompt in prompts:
        for start in range(0, n, block):
            block_samples = range(start, min(n, start + block))
            missing = tuple(s for s in block_samples if (prompt.problem_id, s) not in done)
            if missing:
                units.append(Unit(prompt, missing))
    return units


def generate(
    prompts: Sequence[Prompt],
    n: int,
    settings: SamplingSettings,
    engine: Engine,
    store: PartStore[Draw],
    *,
    shard: Shard | None = None,
    block: int = 8,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> int:
    """Complete ``n`` samples for every prompt of one task; returns how many draws were added.

    Each unit is on disk before it is counted. Prompts that do not fit are stored as ``overlong``
    without asking the engine.

    Raises:
        ValueError: the store holds draws of the same problems under other prompts.
    """
    shard = shard or Shard()
    done = stored_keys(store, prompts)
    # the block of a unit decides its shard: plan all blocks first, then leave out what is stored
    mine = {
        (u.prompt.problem_id, s)
        for u in plan_units(prompts, n, block, set())
        if shard.owns(u)
        for s in u.samples
    }
    units = [
        Unit(u.prompt, kept)
        for u in plan_units(prompts, n, block, done)
        if (kept := tuple(s for s in u.samples if (u.prompt.problem_id, s) in mine))
    ]
    total = sum(len(u.samples) for u in units)
    added = tokens = 0
    if not units:
        return 0
    with store.writer(str(shard)) as writer:
        for draws in _draws(units, settings, engine):
            writer.append(draws)
            added += len(draws)
            tokens += sum(draw.n_response_tokens for draw in draws)
            on_progress(Progress(added, total, tokens))
    return added


def stored_keys(store: PartStore[Draw], prompts: Sequence[Prompt]) -> set[tuple[str, int]]:
    """Keys of the stored draws of these prompts' task.

    Raises:
        ValueError: the store holds draws of the same problems under other prompts.
    """
    shas = {prompt.problem_id: prompt.sha for prompt in prompts}
    done = set()
    for draw in store.load():
        if shas.get(draw.problem_id, draw.prompt_sha) != draw.prompt_sha:
            raise ValueError(
                f"{store.folder} holds draws of {draw.task} problem {draw.problem_id} for another prompt: "
                "generate into a new folder"
            )
        done.add(draw.key)
    return done


def _draws(units: list[Unit], settings: SamplingSettings, engine: Engine) -> Iterator[list[Draw]]:
    limit = prompt_limit(settings, engine.context)
    fitting = []
    for unit in units:
        if limit is not None and len(unit.prompt.token_ids or ()) > limit:
            yield overlong_draws(unit, settings.seed)
        else:
            fitting.append(unit)
    yield from engine.generate(fitting, settings)
