"""How many labels change when answers are counted as equivalence classes instead of strings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shared.voting.majority import Denominator, Ties, majority_vote


@dataclass(frozen=True, slots=True)
class LabelChanges:
    """String voting against class voting over the same groups.

    Attributes:
        n_groups: groups compared.
        changed: indices of groups where both rules elect an answer, of different classes.
        gained: indices of groups where only class voting elects one (a share that splitting kept
            below the minimum, or a tie under a rule without winner).
        lost: indices of groups where only string voting elects one.
        merged: groups in which at least two spellings fell into one class.
        mean_share_gain: mean over all groups of the winner's share by classes minus by strings.
    """

    n_groups: int
    changed: tuple[int, ...]
    gained: tuple[int, ...]
    lost: tuple[int, ...]
    merged: int
    mean_share_gain: float

    @property
    def n_changed(self) -> int:
        """Labels that differ in any way."""
        return len(self.changed) + len(self.gained) + len(self.lost)


def label_changes(
    groups: Sequence[Sequence[str | None]],
    classes: Sequence[Sequence[int | None]],
    *,
    denominator: Denominator = "parsed",
    ties: Ties = "first",
    key: str | int | None = None,
    min_share: float = 0.0,
) -> LabelChanges:
    """Vote over every group twice, by strings and by classes, and report where the labels differ.

    Two winners that are spelled differently but belong to one class are the same label.

    Args:
        groups: answers of each group.
        classes: class ids of the same answers.
        denominator: as for :func:`majority_vote`, like the remaining arguments; with
            ``ties="random"`` the group's index is added to ``key``.
    """
    if len(groups) != len(classes):
        raise ValueError(f"{len(groups)} groups of answers but {len(classes)} groups of classes")
    changed, gained, lost, merged, gain = [], [], [], 0, 0.0
    for index, (answers, labels) in enumerate(zip(groups, classes, strict=True)):
        elect = partial(
            majority_vote,
            answers,
            denominator=denominator,
            ties=ties,
            key=None if key is None else f"{key}/{index}",
            min_share=min_share,
        )
        by_string, by_class = elect(), elect(classes=labels)
        class_of = dict(zip(answers, labels, strict=True))
        merged += by_class.n_classes < by_string.n_classes
        gain += by_class.share - by_string.share
        if by_string.winner is None and by_class.winner is None:
            continue
        if by_string.winner is None:
            gained.append(index)
        elif by_class.winner is None:
            lost.append(index)
        elif class_of[by_string.winner] != class_of[by_class.winner]:
            changed.append(index)
    mean_gain = gain / len(groups) if groups else 0.0
    return LabelChanges(len(groups), tuple(changed), tuple(gained), tuple(lost), merged, mean_gain)
