"""Scoring: stored draws to stored verdicts, on the CPU, resumable, never touching a model.

The unit is a problem with all its draws, because equivalence classes (the votes) are formed among
them; it is keyed by a hash of the draws, so new samples or new text are judged again and nothing
else is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.generation import OVERLONG, Draw, PartStore
from shared.problems import Outcome, Problem, Verdict

from eval_suite.graders import Grader
from eval_suite.layout import Generated, OutputFolder

_CHUNK = 256  # responses judged together, so that the verifier's workers are kept busy


@dataclass(frozen=True, slots=True)
class ProblemScore:
    """What one grader found for one problem; the lists run over its draws, in sample order.

    Attributes:
        problem_id, draws_sha: the key; the hash is of the judged draws and the grader's version.
        samples: sample indices.
        outcomes: ``shared.problems.Outcome`` values.
        answers: extracted answers.
        classes: number of the answer's equivalence class within this problem.
        scores: credit in [0, 1].
        details: messages of the verifier.
    """

    problem_id: str
    draws_sha: str
    samples: list[int]
    outcomes: list[str]
    answers: list[str | None]
    classes: list[int | None]
    scores: list[float]
    details: list[str]

    @property
    def key(self) -> tuple[str, str]:
        """Unique within a store."""
        return (self.problem_id, self.draws_sha)


@dataclass(frozen=True)
class Group:
    """One problem and its draws."""

    problem: Problem
    draws: tuple[Draw, ...]

    def sha(self, grader: Grader) -> str:
        """Identity of this judgement."""
        digest = hashlib.sha256(f"{grader.id} {grader.version} {self.problem.answer}".encode())
        for draw in self.draws:
            digest.update(f"\x1e{draw.sample}\x1f{draw.finish_reason}\x1f{draw.text}".encode())
        return digest.hexdigest()[:16]


def group_draws(draws: Sequence[Draw], problems: Sequence[Problem], n: int) -> list[Group]:
    """Draws by problem, in the order of the problems; only the first ``n`` samples count."""
    by_problem: dict[str, list[Draw]] = {}
    for draw in draws:
        if draw.sample < n:
            by_problem.setdefault(draw.problem_id, []).append(draw)
    return [Group(problem, tuple(by_problem.get(problem.id, ()))) for problem in problems]


def score_task(
    out: OutputFolder,
    generated: Generated,
    problems: Sequence[Problem],
    grader: Grader,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Judge what is not judged yet; returns how many problems were."""
    store = score_store(out, grader, generated)
    done = store.keys()
    groups = group_draws(out.draws(generated.task, generated.fingerprint).load(), problems, generated.n)
    todo = [g for g in groups if g.draws and (g.problem.id, g.sha(grader)) not in done]
    if not todo:
        return 0
    judged = 0
    with store.writer("0-of-1") as writer:
        for chunk in _chunks(todo):
            writer.append(_judge(chunk, grader))
            judged += len(chunk)
            on_progress(judged, len(todo))
    return judged


def score_store(out: OutputFolder, grader: Grader, generated: Generated) -> PartStore[ProblemScore]:
    """Where one grader's verdicts on one task are kept."""
    return PartStore(out.scores(grader.id, generated.task, generated.fingerprint), ProblemScore)


def _chunks(groups: Sequence[Group]) -> Iterator[list[Group]]:
    chunk: list[Group] = []
    size = 0
    for group in groups:
        chunk.append(group)
        size += len(group.draws)
        if size >= _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _judge(chunk: Sequence[Group], grader: Grader) -> list[ProblemScore]:
    sent = [(g.problem, d.text) for g in chunk for d in g.draws if d.finish_reason != OVERLONG]
    verdicts = iter(grader.judge([p for p, _ in sent], [text for _, text in sent]))
    scores = []
    for group in chunk:
        mine = [
            Verdict(Outcome.NO_ANSWER) if d.finish_reason == OVERLONG else next(verdicts) for d in group.draws
        ]
        scores.append(_problem_score(group, mine, grader))
    return scores


def _problem_score(group: Group, verdicts: list[Verdict], grader: Grader) -> ProblemScore:
    columns: dict[str, Any] = {
        "samples": [draw.sample for draw in group.draws],
        "outcomes": [verdict.outcome.value for verdict in verdicts],
        "answers": [verdict.extracted for verdict in verdicts],
        "classes": grader.classify(verdicts),
        "scores": [verdict.score for verdict in verdicts],
        "details": [verdict.detail for verdict in verdicts],
    }
    return ProblemScore(problem_id=group.problem.id, draws_sha=group.sha(grader), **columns)
