"""Majority vote over the answers of one group, as a typed result.

Answers count as strings, or as equivalence classes when the caller passes class ids (the
equality is the caller's: this module knows no verifier). Rules for ties, for the denominator of
the share and for a minimum share are explicit arguments, because they change labels.

Not here: extracting answers from text, deciding which answers are equal, rewards.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from shared.problems import Vote

Denominator = Literal["parsed", "all"]
"""What a share is a share of: the weight of the responses with an answer, or of all responses."""

Ties = Literal["first", "random", "none", "split"]
"""Among t answers with the highest weight: the first seen wins; one drawn by hash of (key, answer)
wins, whatever the order of the rows; nobody wins; or nobody wins and the credit is shared
(:func:`split_credit`)."""

_TIE_TOLERANCE = 1e-9  # relative: sums of soft weights in different orders count as tied


@dataclass(slots=True)
class _Candidate:
    """One answer that was voted for: its total weight and the weight of each spelling."""

    weight: float
    spellings: dict[str, float]

    def representative(self) -> str:
        """The spelling with the most weight; ties go to the shortest, then alphabetically."""
        return min(self.spellings, key=lambda s: (-self.spellings[s], len(s), s))


def majority_vote(
    answers: Sequence[str | None],
    *,
    classes: Sequence[int | None] | None = None,
    denominator: Denominator = "parsed",
    ties: Ties = "first",
    key: str | int | None = None,
    min_share: float = 0.0,
    weights: Sequence[float] | None = None,
) -> Vote:
    """Elect the answer of a group.

    Args:
        answers: one per response in row order, ``None`` where no answer was found (no vote).
        classes: class id of each answer, equal ids are equal answers; ``None`` exactly where the
            answer is ``None``. Without it answers are compared as strings.
        denominator: see :data:`Denominator`.
        ties: see :data:`Ties`.
        key: seed of the draw for ``ties="random"``, e.g. f"{seed}/{step}/{problem.id}".
        min_share: nobody wins with a share below it (a minimum confidence).
        weights: non-negative weight of each response's vote; 1 each by default.

    Returns:
        A :class:`Vote`. ``weights`` lists every answer's share, also when nobody wins, so the
        agreement of a group is ``next(iter(vote.weights.values()), 0.0)`` whatever the rules.
        An answer is represented by its most frequent spelling. Nobody wins when no answer was
        found or all votes weigh zero.

    Raises:
        ValueError: for lengths that differ, unknown rules, weights that are negative or not
            finite, an answer without a class or a class without an answer, one spelling in two
            classes, a missing key.
    """
    _check(answers, classes, denominator, ties, key, min_share, weights)
    voting = [1.0] * len(answers) if weights is None else [float(w) for w in weights]
    candidates = _count(answers, classes, voting)
    if denominator == "all":
        total = math.fsum(voting)
    else:
        total = math.fsum(w for w, a in zip(voting, answers, strict=True) if a is not None)
    n_parsed = sum(a is not None for a in answers)
    if total <= 0.0 or not candidates:
        return Vote(None, 0.0, total, n_parsed, len(candidates), False, {})
    shares = {c.representative(): c.weight / total for c in candidates}
    top = _tied(shares)
    winner = _break_tie(top, ties, key) if shares[top[0]] >= min_share - _TIE_TOLERANCE else None
    share = shares[winner] if winner is not None else 0.0
    ranked = dict(sorted(shares.items(), key=lambda item: -item[1]))
    return Vote(winner, share, total, n_parsed, len(candidates), len(top) > 1, ranked)


def leave_one_out(
    answers: Sequence[str | None],
    *,
    classes: Sequence[int | None] | None = None,
    denominator: Denominator = "parsed",
    ties: Ties = "first",
    key: str | int | None = None,
    min_share: float = 0.0,
    weights: Sequence[float] | None = None,
) -> list[Vote]:
    """One vote per response, by all the other responses: vote i leaves out answer i.

    A label made this way does not contain the vote of the response that it judges, so a
    response cannot raise its own reward. Arguments as for :func:`majority_vote`.
    """

    def without(i: int) -> Vote:
        rest = [j for j in range(len(answers)) if j != i]
        return majority_vote(
            [answers[j] for j in rest],
            classes=None if classes is None else [classes[j] for j in rest],
            denominator=denominator,
            ties=ties,
            key=key,
            min_share=min_share,
            weights=None if weights is None else [weights[j] for j in rest],
        )

    _check(answers, classes, denominator, ties, key, min_share, weights)
    return [without(i) for i in range(len(answers))]


def srt_as_shipped(answers: Sequence[str | None], threshold: float = 0.0) -> Vote:
    """The vote of SRT's released code: strings, first seen wins ties, share of the parsed answers.

    ``threshold`` is its ``self_consistency_threshold`` (0.0 in the launch script, 0.6 in the
    config default). Known defects, kept on purpose: 0.5 and 1/2 split the vote although both
    are rewarded once one of them wins; "first" is the row order after load balancing, which is
    arbitrary; two parsed answers out of 32 that agree give full confidence; an empty box votes
    and can win, and then nobody is rewarded. (The released code also merges the votes of a
    prompt that occurs twice in a batch: that is the caller's grouping and not repeated here.)
    """
    return majority_vote(answers, denominator="parsed", ties="first", min_share=threshold)


def split_credit(vote: Vote, min_share: float = 0.0) -> dict[str, float]:
    """Reward of each answer under ``ties="split"``: 1/t for each of the t top answers.

    Without a tie the winner gets 1. Empty when nobody voted or the top share is below
    ``min_share`` (pass what was passed to the vote). For soft rewards use ``vote.weights``.
    """
    if not vote.weights:
        return {}
    top = _tied(vote.weights)
    if vote.weights[top[0]] < min_share - _TIE_TOLERANCE:
        return {}
    return {answer: 1.0 / len(top) for answer in top}


def _check(
    answers: Sequence[str | None],
    classes: Sequence[int | None] | None,
    denominator: str,
    ties: str,
    key: str | int | None,
    min_share: float,
    weights: Sequence[float] | None,
) -> None:
    if denominator not in get_args(Denominator):
        raise ValueError(f"unknown denominator {denominator!r}: choose 'parsed' or 'all'")
    if ties not in get_args(Ties):
        raise ValueError(f"unknown tie rule {ties!r}: choose one of {', '.join(get_args(Ties))}")
    if ties == "random" and key is None:
        raise ValueError("ties='random' needs a key, for example the run seed, step and problem id")
    if not 0.0 <= min_share <= 1.0:
        raise ValueError(f"min_share is a share and must lie in [0, 1], got {min_share}")
    if weights is not None:
        if len(weights) != len(answers):
            raise ValueError(f"{len(weights)} weights for {len(answers)} answers: give one per response")
        if any(not math.isfinite(w) or w < 0 for w in weights):
            raise ValueError("weights of votes must be finite and not negative")
    if classes is not None:
        if len(classes) != len(answers):
            raise ValueError(f"{len(classes)} classes for {len(answers)} answers: give one per response")
        for i, (answer, label) in enumerate(zip(answers, classes, strict=True)):
            if (answer is None) != (label is None):
                raise ValueError(f"response {i} has answer {answer!r} but class {label!r}: both or neither")


def _count(
    answers: Sequence[str | None], classes: Sequence[int | None] | None, weights: Sequence[float]
) -> list[_Candidate]:
    """Candidates in the order in which they were first seen."""
    found: dict[Hashable, _Candidate] = {}
    class_of: dict[str, Hashable] = {}
    identities: Sequence[Hashable] = answers if classes is None else classes
    for answer, identity, weight in zip(answers, identities, weights, strict=True):
        if answer is None:
            continue
        if class_of.setdefault(answer, identity) != identity:
            raise ValueError(f"answer {answer!r} is in two classes: equal strings must be equal answers")
        candidate = found.setdefault(identity, _Candidate(0.0, {}))
        candidate.weight += weight
        candidate.spellings[answer] = candidate.spellings.get(answer, 0.0) + weight
    return list(found.values())


def _tied(shares: Mapping[str, float]) -> list[str]:
    """Answers that share the highest weight, in the order of ``shares``."""
    highest = max(shares.values())
    return [a for a, share in shares.items() if math.isclose(share, highest, rel_tol=_TIE_TOLERANCE)]


def _break_tie(top: list[str], ties: str, key: str | int | None) -> str | None:
    if len(top) == 1 or ties == "first":
        return top[0]
    if ties == "random":
        return min(top, key=lambda answer: hashlib.sha256(f"{key}\x00{answer}".encode()).digest())
    return None
