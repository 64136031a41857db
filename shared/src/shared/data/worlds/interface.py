"""What a mini world is: problems with known truth and known difficulty, written by a program.

A world makes problems at a level, writes a correct worked solution, writes a flawed one, and checks
an answer. Everything it makes follows from its arguments, so nothing is stored or downloaded.
Models, training and sampling are not here.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from shared.problems import Problem, Response, Verdict

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_VALIDATION, _TEST = 0.1, 0.1  # shares of all prompts


class World(Protocol):
    """A source of problems in one small language.

    Attributes:
        name: names the world and everything that determines its problems.
        vocabulary: all words of its language, special tokens aside.
    """

    @property
    def name(self) -> str: ...

    @property
    def vocabulary(self) -> tuple[str, ...]: ...

    def problem(self, level: int, seed: int, index: int, split: Split = "train") -> Problem:
        """Problem number ``index`` of a stream; the same arguments always give the same problem.

        The prompts of different splits never coincide (see :func:`split_of`).

        Raises:
            ValueError: there is no such level.
        """
        ...

    def trace(self, problem: Problem) -> str:
        """A correct worked solution that ends in ``\\boxed{answer}``."""
        ...

    def corrupt(self, problem: Problem, rng: random.Random, noise: float) -> str:
        """The worked solution of a careless teacher: each step goes wrong with probability ``noise``."""
        ...

    def check(self, response: Response, answer: str | None) -> Verdict:
        """Compare a response with an answer; ``extracted`` is set whenever the response has an answer."""
        ...

    def max_new_tokens(self, level: int) -> int:
        """Tokens that a worked solution of this level needs, with some slack."""
        ...


def split_of(prompt: str) -> Split:
    """The split that a prompt belongs to, decided by its text alone: hence splits are disjoint."""
    place = hashed(prompt) / 2**64
    if place < _TEST:
        return "test"
    return "validation" if place < _TEST + _VALIDATION else "train"


def hashed(*parts: int | str) -> int:
    """A 64-bit number that follows from the parts (BLAKE2b of their JSON)."""
    text = json.dumps(parts, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True)
class WorldPrompts:
    """An endless stream of fresh problems, levels drawn evenly: a prompt source for training.

    Attributes:
        world: the world.
        levels: the levels to draw from.
        seed: the stream; other seeds give other problems.
        split: the split to draw from.
    """

    world: World
    levels: Sequence[int]
    seed: int
    split: Split = "train"

    def __post_init__(self) -> None:
        if not self.levels:
            raise ValueError("no levels are given: name at least one level to draw problems from")

    def take(self, start: int, count: int) -> list[Problem]:
        """Problems number ``start`` .. ``start + count - 1`` of the stream."""
        return [self._one(index) for index in range(start, start + count)]

    def _one(self, index: int) -> Problem:
        level = self.levels[hashed("level", self.seed, self.split, index) % len(self.levels)]
        return self.world.problem(level, self.seed, index, self.split)


def evaluation_set(
    world: World, levels: Sequence[int], count: int, *, split: Split = "test", seed: int = 0
) -> list[Problem]:
    """``count`` distinct problems of a held-out split, levels in turn.

    Raises:
        ValueError: the split holds too few distinct problems at a level.
    """
    found: dict[str, Problem] = {}
    index = 0
    while len(found) < count:
        problem = world.problem(levels[len(found) % len(levels)], seed, index, split)
        found.setdefault(problem.prompt, problem)
        index += 1
        if index > 50 * count + 1000:
            raise ValueError(
                f"{world.name} has fewer than {count} distinct {split} problems at levels "
                f"{list(levels)}: ask for fewer, or for higher levels"
            )
    return list(found.values())
