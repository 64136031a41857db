"""Evaluation during training: n samples and a greedy answer for each held-out problem, graded.

Draws depend on the evaluation seed and the problem only, not on the training step, so successive
evaluations differ by the policy and not by luck.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.metrics import summarize
from shared.problems import Group, Problem, Verdict
from shared.sampling import Sampler, SamplingParams, sample_keys

GradeFn = Callable[[Sequence[Group]], list[list[Verdict]]]
"""Groups -> a verdict for each response of each group."""
SummaryFn = Callable[["Graded"], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Graded:
    """One evaluation.

    Attributes:
        groups: problems with their n sampled responses.
        verdicts: [problems][n].
        greedy_groups, greedy_verdicts: the same with the single greedy response, or empty.
    """

    groups: list[Group]
    verdicts: list[list[Verdict]]
    greedy_groups: list[Group]
    greedy_verdicts: list[list[Verdict]]

    @property
    def correct(self) -> list[list[bool]]:
        """[problems][n] whether each sample is right."""
        return [[v.correct for v in row] for row in self.verdicts]

    @property
    def answers(self) -> list[list[str | None]]:
        """[problems][n] answer keys for voting: the canonical form, else the extracted text."""
        return [[v.extracted if v.canonical is None else v.canonical for v in row] for row in self.verdicts]

    @property
    def greedy_correct(self) -> list[bool]:
        """[problems] whether the greedy response is right; empty when it was not asked for."""
        return [row[0].correct for row in self.greedy_verdicts]


@dataclass(frozen=True)
class Evaluator:
    """Samples and grades a fixed set of problems.

    Attributes:
        problems: held-out problems.
        grade: gives the verdicts.
        params: sampling settings, ``n`` samples a problem.
        seed: evaluation seed.
        greedy: decode greedily as well.
        summary: what to log of it, :func:`usual_summary` by default.
        name: prefix of the metrics.
    """

    problems: Sequence[Problem]
    grade: GradeFn
    params: SamplingParams
    seed: int = 0
    greedy: bool = True
    summary: SummaryFn | None = None
    name: str = "eval"

    def run(self, sampler: Sampler) -> Graded:
        """Sample and grade everything."""
        if not self.problems:
            raise ValueError("the evaluation set is empty: give at least one problem")
        groups = self._sample(sampler, self.params)
        greedy: list[Group] = []
        if self.greedy:
            greedy = self._sample(sampler, replace(self.params, n=1, temperature=0.0, top_p=1.0))
        return Graded(groups, self.grade(groups), greedy, self.grade(greedy) if greedy else [])

    def metrics(self, sampler: Sampler) -> dict[str, float]:
        """Run and summarise, keys prefixed with the name."""
        summary = (self.summary or usual_summary)(self.run(sampler))
        return {f"{self.name}/{key}": float(value) for key, value in summary.items()}

    def _sample(self, sampler: Sampler, params: SamplingParams) -> list[Group]:
        # step -1 keeps evaluation draws apart from those of any training step
        keys = sample_keys(self.seed, -1, [p.id for p in self.problems], params.n)
        responses = sampler.sample([p.prompt for p in self.problems], params, seed_keys=keys)
        return [Group(p, tuple(r)) for p, r in zip(self.problems, responses, strict=True)]


def usual_summary(graded: Graded) -> dict[str, float]:
    """Everything of :func:`shared.metrics.summarize`, and "greedy", the share of right greedy answers."""
    out = summarize(graded.correct, graded.answers)
    if graded.greedy_correct:
        out["greedy"] = sum(graded.greedy_correct) / len(graded.greedy_correct)
    return out
