"""Left-to-right arithmetic modulo m with a running equality as worked solution.

Prompt ``9-5*8=?``, solution ``9-5=4*8=2\\boxed{2}`` (m = 10): operators apply from left to right,
without precedence, and each result is taken modulo m. The level is the number of operators.
A number is one word of the language, so a step costs four tokens whatever m is.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cached_property

from shared.data.worlds.interface import SPLITS, Split, hashed, split_of
from shared.problems import FinishReason, Outcome, Problem, Response, Verdict

_BOX = re.compile(r"\\boxed\{(0|[1-9][0-9]*)\}$")
_WORD = re.compile(r"[0-9]+|[-+*]")
_ATTEMPTS = 1000  # a split holds a tenth of the prompts at least, unless there are only a few


@dataclass(frozen=True)
class Arithmetic:
    """The world of one modulus.

    Attributes:
        modulus: results are 0 .. modulus - 1; so is the first number of a problem.
        operands: the other numbers are 0 .. operands - 1.
        levels: the levels that exist.
    """

    modulus: int
    operands: int = 10
    levels: tuple[int, ...] = tuple(range(1, 17))

    def __post_init__(self) -> None:
        if self.modulus < 2 or self.operands < 2 or not self.levels or min(self.levels) < 1:
            raise ValueError("arithmetic needs modulus >= 2, operands >= 2 and levels of at least 1")

    @property
    def name(self) -> str:
        """E.g. ``arithmetic-mod30``."""
        suffix = "" if self.operands == 10 else f"-operands{self.operands}"
        return f"arithmetic-mod{self.modulus}{suffix}"

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Operators, punctuation, the opening box, and every number."""
        numbers = range(max(self.modulus, self.operands))
        return ("+", "-", "*", "=", "?", "\\boxed{", "}", *map(str, numbers))

    def problem(self, level: int, seed: int, index: int, split: Split = "train") -> Problem:
        """See :class:`~shared.data.worlds.World`; prompts are drawn until one falls into the split."""
        if level not in self.levels:
            raise ValueError(f"{self.name} has no level {level}: choose one of {list(self.levels)}")
        if split not in SPLITS:
            raise ValueError(f"there is no split {split!r}: choose one of {', '.join(SPLITS)}")
        rng = random.Random(hashed(self.name, split, level, seed, index))
        drawn = (self._prompt(level, rng) for _ in range(_ATTEMPTS))
        prompt = next((p for p in drawn if split_of(p) == split), None)
        if prompt is None:
            raise ValueError(f"{self.name} has no {split} problem of level {level}: choose a higher level")
        words = _WORD.findall(prompt)
        return Problem(
            id=f"{self.name}/{split}/{level}/{seed}/{index}",
            prompt=prompt,
            answer=str(self._results(words)[-1]),
            source=self.name,
            level=level,
        )

    def trace(self, problem: Problem) -> str:
        """See :class:`~shared.data.worlds.World`."""
        words = _WORD.findall(problem.prompt)
        return _write(words, self._results(words))

    def corrupt(self, problem: Problem, rng: random.Random, noise: float) -> str:
        """A wrong step shows a number drawn evenly (so sometimes the right one), and the chain
        continues from it: later steps and the box follow the wrong number."""
        words = _WORD.findall(problem.prompt)
        return _write(words, self._results(words, rng, noise))

    def check(self, response: Response, answer: str | None) -> Verdict:
        """The answer is the number in a box that ends the response; a response that was cut off,
        or whose box holds anything else, has none. Numbers outside the world are answers too."""
        box = _BOX.search(response.text) if response.finish_reason is FinishReason.STOP else None
        if box is None:
            return Verdict(Outcome.NO_ANSWER)
        found = box.group(1)
        if answer is None or not answer.isdecimal():
            detail = f"the reference {answer!r} is not a number"
            return Verdict(Outcome.BAD_GOLD, extracted=found, canonical=found, detail=detail)
        equal = int(found) == int(answer)
        outcome = Outcome.EQUAL if equal else Outcome.DIFFERENT
        return Verdict(outcome, extracted=found, canonical=found, score=float(equal))

    def max_new_tokens(self, level: int) -> int:
        """First number, four tokens a step, box of three, end of sequence; and one step of slack."""
        return 1 + 4 * level + 3 + 1 + 4

    def _prompt(self, level: int, rng: random.Random) -> str:
        steps = (f"{rng.choice('+-*')}{rng.randrange(self.operands)}" for _ in range(level))
        return f"{rng.randrange(self.modulus)}{''.join(steps)}=?"

    def _results(self, words: list[str], rng: random.Random | None = None, noise: float = 0.0) -> list[int]:
        """The running value after each operator, the first number first."""
        value = int(words[0])
        results = [value]
        for operator, operand in zip(words[1::2], words[2::2], strict=True):
            value = apply(operator, value, int(operand)) % self.modulus
            if rng is not None and rng.random() < noise:
                value = rng.randrange(self.modulus)
            results.append(value)
        return results


def apply(operator: str, left: int, right: int) -> int:
    """One operation on whole numbers."""
    if operator == "+":
        return left + right
    return left - right if operator == "-" else left * right


def _write(words: list[str], results: list[int]) -> str:
    steps = zip(words[1::2], words[2::2], results[1:], strict=True)
    chain = "".join(f"{operator}{operand}={value}" for operator, operand, value in steps)
    return f"{results[0]}{chain}\\boxed{{{results[-1]}}}"
