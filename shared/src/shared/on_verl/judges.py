"""Recipe rewards in a pool of Ray workers, so that verification never runs on the driver.

A judge decodes a group's tokens, asks the recipe for labels and rewards, and sends both back.
Groups are split over the judges, so a recipe must reward a group by itself (all five papers do).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from shared.on_verl.references import Reference
from shared.problems import FinishReason, Group, Problem, Response
from shared.training import GroupReward, StepContext


@dataclass(frozen=True, slots=True)
class Rollouts:
    """The responses of one prompt as verl keeps them.

    Attributes:
        problem: what was asked.
        keys: transfer-queue key of each response.
        token_ids: response tokens of each.
        logprobs: their log-probabilities under the sampling policy, of each response.
    """

    problem: Problem
    keys: tuple[str, ...]
    token_ids: tuple[tuple[int, ...], ...]
    logprobs: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A group, what the recipe said of it, and the keys of its responses in the same order."""

    group: Group
    reward: GroupReward
    keys: tuple[str, ...]


class Judge:
    """Labels and rewards groups; the body of a Ray actor.

    Args:
        recipe: builds the recipe.
        model: folder or id of the model, for the tokens that end a response.
        tokenizer: folder or id of the tokenizer.
    """

    def __init__(self, recipe: Reference, model: str, tokenizer: str) -> None:
        from transformers import AutoTokenizer

        self._recipe = recipe.call()
        self._tokenizer = AutoTokenizer.from_pretrained(tokenizer)
        self._end_ids = {*end_tokens(model), self._tokenizer.eos_token_id}

    def judge(self, rollouts: Sequence[Rollouts], context: StepContext) -> list[Judged]:
        """Reward some groups of one step."""
        groups = [self._group(r) for r in rollouts]
        rewards = self._recipe.reward(groups, context) if groups else []
        return [Judged(g, w, r.keys) for g, w, r in zip(groups, rewards, rollouts, strict=True)]

    def _group(self, rollouts: Rollouts) -> Group:
        texts = self._tokenizer.batch_decode([list(t) for t in rollouts.token_ids], skip_special_tokens=True)
        rows = zip(rollouts.token_ids, texts, rollouts.logprobs, strict=True)
        responses = (response_of(ids, text, self._end_ids, logprobs) for ids, text, logprobs in rows)
        return Group(rollouts.problem, tuple(responses))


def end_tokens(model: str) -> tuple[int, ...]:
    """The end tokens of a model's generation settings, which may be more than its tokenizer's one."""
    from transformers import GenerationConfig

    try:
        found = GenerationConfig.from_pretrained(model).eos_token_id
    except OSError:  # the model comes without such settings
        return ()
    return () if found is None else (found,) if isinstance(found, int) else tuple(found)


def response_of(
    token_ids: tuple[int, ...], text: str, end_ids: Collection[int], logprobs: tuple[float, ...]
) -> Response:
    """A response from what verl stores of it; without a final end token it was cut off."""
    ended = len(token_ids) > 0 and token_ids[-1] in end_ids
    return Response(text, token_ids, logprobs, FinishReason.STOP if ended else FinishReason.LENGTH)


class JudgePool:
    """``workers`` judges as Ray actors spread over the cluster."""

    def __init__(self, recipe: Reference, model: str, tokenizer: str, workers: int) -> None:
        import ray

        actor: Any = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(Judge)
        self._judges = [actor.remote(recipe, model, tokenizer) for _ in range(workers)]

    def judge(self, rollouts: Sequence[Rollouts], context: StepContext) -> list[Judged]:
        """Reward groups, results in the order given."""
        import ray

        shares = [rollouts[i :: len(self._judges)] for i in range(len(self._judges))]
        calls = [
            judge.judge.remote(list(share), context)
            for judge, share in zip(self._judges, shares, strict=True)
            if share
        ]
        answers = {judged.keys: judged for part in ray.get(calls) for judged in part}
        return [answers[r.keys] for r in rollouts]
