"""Levels of the Reasoning Gym as data sets: made here, by the package's own generators.

SRT trains on bitwise arithmetic, family relationships and knights and knaves, one level at a time
(paper §4). The generator is seeded and its version pinned by the card, so rows and hash are known
without a download.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from shared.data.canonical import Row
from shared.data.cards import Card, load_card
from shared.data.deduplicate import deduplicate, same_text


def generate(card: Card) -> list[Row]:
    """The problems of a level, repeated ones dropped; a test file has none of its training file.

    Raises:
        ValueError: the package is missing or has another version than the card's hash belongs to.
    """
    rows = deduplicate(_raw(card)).rows
    if card.name.endswith("_test"):
        train = _raw(load_card(card.name.removesuffix("_test")))
        seen = {same_text(row["problem"]) for row in train}
        rows = [row for row in rows if same_text(row["problem"]) not in seen]
    return rows


def _raw(card: Card) -> list[Row]:
    if card.generator is None:
        raise ValueError(f"{card.name} is not made by a generator")
    wanted = card.generator
    try:
        found = version("reasoning-gym")
    except PackageNotFoundError as error:
        raise ValueError(
            f"{card.name} needs the generator: pip install reasoning-gym=={wanted.version}"
        ) from error
    if found != wanted.version:
        raise ValueError(
            f"{card.name} was made with reasoning-gym {wanted.version}, {found} is installed: other versions "
            f"give other problems; pip install reasoning-gym=={wanted.version}"
        )
    import reasoning_gym

    entries = reasoning_gym.create_dataset(wanted.task, seed=wanted.seed, size=wanted.size, **wanted.settings)
    return [
        {
            "id": f"{card.name}/{index}",
            "problem": entry["question"],
            "answer": str(entry["answer"]),
            "source": f"reasoning_gym/{wanted.task}",
            "meta": {"level": wanted.level},
        }
        for index, entry in enumerate(entries[i] for i in range(wanted.size))
    ]
