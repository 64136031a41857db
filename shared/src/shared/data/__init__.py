"""Data sets as files: cards, canonical rows, labels.

``shared.data.prepare`` and ``shared.data.easy`` are commands; the worlds are in ``shared.data.worlds``.
"""

from shared.data.canonical import load_problems
from shared.data.cards import Card, card_names, load_card
from shared.data.deduplicate import deduplicate
from shared.data.labels import hold_out, unlabelled, with_label_noise
from shared.data.verl_rows import (
    HIDDEN,
    SUFFIX,
    UNLABELLED,
    parquet_bytes,
    problem_to_row,
    row_to_problem,
)

__all__ = [
    "HIDDEN",
    "SUFFIX",
    "UNLABELLED",
    "Card",
    "card_names",
    "deduplicate",
    "hold_out",
    "load_card",
    "load_problems",
    "parquet_bytes",
    "problem_to_row",
    "row_to_problem",
    "unlabelled",
    "with_label_noise",
]
