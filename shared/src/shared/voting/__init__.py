"""Majority votes over the answers of a group: rules as arguments, the result typed."""

from shared.voting.changes import LabelChanges, label_changes
from shared.voting.majority import (
    Denominator,
    Ties,
    leave_one_out,
    majority_vote,
    split_credit,
    srt_as_shipped,
)

__all__ = [
    "Denominator",
    "LabelChanges",
    "Ties",
    "label_changes",
    "leave_one_out",
    "majority_vote",
    "split_credit",
    "srt_as_shipped",
]
