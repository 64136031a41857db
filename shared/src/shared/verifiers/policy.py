"""What counts as the same answer: the conventions of one benchmark family, in one frozen dataclass.

A policy says how an answer is found in a response and which conventions apply when it is
compared. It holds no code and no state; :mod:`shared.verifiers.extract` and
:mod:`shared.verifiers.equality` read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Policy:
    """The conventions of one benchmark family.

    Attributes:
        name: for logs and reports.
        kind: ``math`` compares values, ``string`` compares stripped strings, ``letter`` compares
            option letters.
        box_required: only a complete ``\\boxed{...}`` counts as an answer.
        thoughts: ``cut`` reads only what follows the last ``</think>`` when there is one (and
            nothing when a ``<think>`` stays open); ``require`` also refuses responses without a
            closed thought; ``keep`` reads everything.
        units: ``ignore`` lets one side leave its unit out, ``strict`` does not. Two units are always
            compared: convertible ones by value, others by name.
        percent: ``lenient`` lets one side leave the per cent sign out (50 % = 50 = 0.5), ``value``
            reads 50 % as 0.5 only.
        rounded_digits: a decimal equals an exact value when it is that value rounded to this many
            digits after the point (or more); 0 switches rounding off.
        rel_tol: relative tolerance between two real numbers; 0.0 compares exactly.
        ordered: comma lists without brackets keep their order.
        case_sensitive: text answers keep their case.
        decimal_comma: read ``2,5`` as 2.5.
        bar_lists: a bar divides several answers, in any order (table questions).
        letters: the option letters that exist (``kind='letter'``).
    """

    name: str = "math"
    kind: Literal["math", "string", "letter"] = "math"
    box_required: bool = False
    thoughts: Literal["cut", "require", "keep"] = "cut"
    units: Literal["ignore", "strict"] = "ignore"
    percent: Literal["lenient", "value"] = "lenient"
    rounded_digits: int = 6
    rel_tol: float = 0.0
    ordered: bool = False
    case_sensitive: bool = False
    decimal_comma: bool = False
    bar_lists: bool = False
    letters: str = "ABCDEFGHIJ"

    def __post_init__(self) -> None:
        if not 0.0 <= self.rel_tol < 1.0:
            raise ValueError(f"rel_tol is a relative tolerance in [0, 1), got {self.rel_tol}.")
        if self.rounded_digits < 0:
            raise ValueError(
                f"rounded_digits counts decimals and is not negative, got {self.rounded_digits}."
            )


MATH = Policy()
"""Competition and school mathematics: values compared exactly, formats free."""
DEFAULT = MATH
BOXED = Policy(name="boxed", box_required=True)
"""As MATH, but only a box is an answer: what training rewards should use."""
EXACT = Policy(name="exact", kind="string", box_required=True)
"""A box, compared as a stripped string: the synthetic worlds. Never starts a worker process."""
LETTERS = Policy(name="letters", kind="letter")
"""Multiple choice, options A to J."""
SCIENCE = Policy(name="science", rel_tol=1e-2)
"""Quantitative science answers (Minerva's OCW set): 1 % relative tolerance between numbers."""
TABLES = Policy(name="tables", rel_tol=1e-3, bar_lists=True)
"""Table questions with computed numbers: 0.1 % relative tolerance, lists divided by bars."""
