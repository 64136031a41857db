"""Data sets as files: cards, preparation, labels, easy subsets. Worlds are in ``shared.data.worlds``."""

from shared.data.cards import Card, card_names, load_card

__all__ = ["Card", "card_names", "load_card"]
