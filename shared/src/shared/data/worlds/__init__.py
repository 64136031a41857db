"""Mini worlds: synthetic problems with known truth and levels, on which methods show in minutes."""

from shared.data.worlds.arithmetic import Arithmetic
from shared.data.worlds.interface import Split, World, WorldPrompts, evaluation_set, split_of
from shared.data.worlds.tokenizer import make_tokenizer

__all__ = [
    "Arithmetic",
    "Split",
    "World",
    "WorldPrompts",
    "evaluation_set",
    "make_tokenizer",
    "split_of",
]
