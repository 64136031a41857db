"""What to watch while a model trains on its own votes (paper §"signature of collapse").

Numbers of one batch: agreement, true accuracy of rollouts and labels (from the hidden truth, never
used for training), parse rate, how far prompts elect one and the same answer, entropy, and the KL
divergence to the starting model.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from shared.problems import Group
from shared.sampling import encode_prompt
from shared.training import Batch, GroupReward, PolicyForward, StepContext
from shared.training.batching import Row, micro_batches
from shared.training.experiment import truth_of
from shared.verifiers import Policy, answer_keys, extract, verify_batch

from srt.config import SrtConfig
from srt.recipes import policy_of


def batch_statistics(
    groups: Sequence[Group], rewards: Sequence[GroupReward], policy: Policy
) -> dict[str, float]:
    """Label-free statistics and, where the truth is known, accuracies.

    ``monitor/concentration`` is the share of prompts whose most frequent answer is the most
    frequent one over all prompts: 1 when the model answers every prompt alike, the direct
    signature of collapse.
    """
    answers = [[extract(r.text, policy) for r in g.responses] for g in groups]
    keys = [answer_keys(row, policy) for row in answers]
    tops = [Counter(k for k in row if k is not None).most_common(1) for row in keys]
    modes = [top[0][0] for top in tops if top]
    n = sum(len(row) for row in keys)
    statistics = {
        "monitor/parse_rate": sum(k is not None for row in keys for k in row) / n,
        "monitor/agreement": sum(t[0][1] / len(row) for t, row in zip(tops, keys, strict=True) if t)
        / len(keys),
        "monitor/concentration": max(Counter(modes).values()) / len(groups) if modes else 0.0,
    }
    return statistics | _accuracies(groups, rewards, policy)


def _accuracies(groups: Sequence[Group], rewards: Sequence[GroupReward], policy: Policy) -> dict[str, float]:
    right, total, labels, labelled = 0, 0, 0, 0
    for group, reward in zip(groups, rewards, strict=True):
        truth = truth_of(group.problem)
        if truth is None:
            continue
        texts = [r.text for r in group.responses]
        right += sum(v.correct for v in verify_batch(texts, truth, policy))
        total += len(texts)
        if reward.label is not None:
            labels += verify_batch([f"\\boxed{{{reward.label}}}"], truth, policy)[0].correct
            labelled += 1
    found = {"monitor/rollout_accuracy": right / total} if total else {}
    return found | ({"monitor/label_accuracy": labels / labelled} if labelled else {})


class Monitor:
    """The :data:`shared.training.MonitorFn` of SRT.

    Args:
        config: the run.
        model: the policy, before training: a frozen copy is kept as the base.
        tokenizer: its tokenizer.
        kl_every: measure the KL to the base each so many steps, on ``kl_rows`` responses.
    """

    def __init__(
        self, config: SrtConfig, model: Any, tokenizer: Any, *, kl_every: int = 4, kl_rows: int = 64
    ) -> None:
        self._policy = policy_of(config.recipe)
        self._tokenizer = tokenizer
        self._temperature = config.sampling.temperature
        self._base = PolicyForward(copy.deepcopy(model).eval())
        self._every, self._rows = kl_every, kl_rows

    def __call__(self, batch: Batch, context: StepContext) -> Mapping[str, float]:
        """All statistics of a step's batch."""
        metrics = batch_statistics(batch.groups, batch.rewards, self._policy)
        logprobs = [x for g in batch.groups for r in g.responses for x in (r.logprobs or ())]
        if logprobs:  # E[-log p(y_t)] over sampled tokens estimates the entropy of the policy
            metrics["monitor/entropy"] = -sum(logprobs) / len(logprobs)
            if context.step % self._every == 0:
                metrics["monitor/kl_base"] = self._kl(batch)
        return metrics

    @torch.no_grad()
    def _kl(self, batch: Batch) -> float:
        """Mean over tokens of log π(y_t) − log π_base(y_t), y sampled from π (estimator k1)."""
        pairs = [(g.problem, r) for g in batch.groups for r in g.responses if r.logprobs]
        pairs = pairs[:: max(1, len(pairs) // self._rows)]
        rows = [
            Row(encode_prompt(self._tokenizer, p.prompt), r.token_ids, i) for i, (p, r) in enumerate(pairs)
        ]
        sampled = {id(row): r.logprobs or () for row, (_, r) in zip(rows, pairs, strict=True)}
        total, tokens = 0.0, 0
        device = self._base.model.device
        for micro in micro_batches(rows, 8192, device, share_prompts=self._base.shares_prompts):
            base, _ = self._base(micro, self._temperature)
            for row, values in zip(micro.rows, base, strict=True):
                own = torch.tensor(sampled[id(row)])
                total += float((own - values[: len(own)].cpu()).sum())
                tokens += len(own)
        return total / max(tokens, 1)
