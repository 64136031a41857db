"""A paper as data: where its rewards, filters, advantages, temperature and loss come from.

A ``Recipe`` is a handful of pure functions written in the paper's own package. Every engine
(the local loop, verl, DeepSpeed) runs the same recipe, and a test holds their rewards,
advantages and losses against each other. How the model is sampled and stepped is the engine's
business and does not appear here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from shared.algorithms import KLKind
from shared.problems import Group, Problem, Verdict, Vote


@dataclass(frozen=True, slots=True)
class StepContext:
    """Where in a run a batch belongs; the only randomness a recipe may use is derived from it.

    Attributes:
        run_seed: seed of the run.
        step: zero-based update step.
        total_steps: number of update steps planned.
    """

    run_seed: int
    step: int
    total_steps: int


@dataclass(frozen=True, slots=True)
class GroupReward:
    """What a recipe says of one group of n responses.

    Attributes:
        rewards: one number per response, the training signal.
        verdicts: verdict of each response against the label it was trained on, when there is one.
        vote: the vote that made the label, for self-labelling recipes.
        label: the answer the rewards refer to (voted, given, noisy, ...), for monitors and dumps.
        has_label: ``False`` when no usable label exists: the group gets zero advantage and no KL.
    """

    rewards: tuple[float, ...]
    verdicts: tuple[Verdict, ...] = ()
    vote: Vote | None = None
    label: str | None = None
    has_label: bool = True


@dataclass(frozen=True, slots=True)
class LossInputs:
    """One micro-batch of B responses padded to T tokens, everything the loss may look at.

    Attributes:
        logprobs: [B, T] log-probabilities of the sampled tokens under the current policy (has grad).
        old_logprobs: [B, T] the same under the policy that sampled them, no grad.
        ref_logprobs: [B, T] under the frozen reference model, or ``None``.
        entropy: [B, T] next-token entropy in nats (has grad), or ``None`` when not asked for.
        advantages: [B, T] advantage of each token.
        mask: [B, T] 1.0 on response tokens (end-of-sequence included), 0.0 on padding.
        batch_tokens: response tokens in the whole optimiser batch (denominator of token-mean).
        batch_sequences: responses in the whole optimiser batch.
    """

    logprobs: torch.Tensor
    old_logprobs: torch.Tensor
    ref_logprobs: torch.Tensor | None
    entropy: torch.Tensor | None
    advantages: torch.Tensor
    mask: torch.Tensor
    batch_tokens: float
    batch_sequences: int


RewardFn = Callable[[Sequence[Group], StepContext], list[GroupReward]]
AdvantageFn = Callable[[torch.Tensor], torch.Tensor]
"""[groups, n] rewards -> [groups, n] advantages."""
LossFn = Callable[[LossInputs], tuple[torch.Tensor, Mapping[str, float]]]
"""A scalar that sums over micro-batches to the loss of the optimiser batch, and metrics to log."""
KeepFn = Callable[[Group, GroupReward], bool]


def keep_all(group: Group, reward: GroupReward) -> bool:
    """The filter that keeps every group."""
    return True


def constant_temperature(context: StepContext) -> float:
    """Sample at temperature 1 throughout."""
    return 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """The idea of a paper, as functions.

    Attributes:
        name: arm name, for manifests and reports.
        reward: labels and rewards a batch of groups at once (so that verifiers can be batched).
        advantage: turns [groups, n] rewards into advantages.
        loss: the objective of one micro-batch.
        keep: online filter; groups it rejects are replaced by resampling until the batch is full.
        temperature: sampling temperature of a step.
        needs_reference: the loss or reward reads ``ref_logprobs``.
        needs_entropy: the loss reads ``entropy``.
        needs_advantage: ``False`` for objectives on all own samples (cross-entropy), whose rows
            must not be dropped for having zero advantage.
        kl_in_reward: coefficient β of the per-token KL penalty added to the reward, 0 for none.
        kl_kind: estimator of that penalty, see :func:`shared.algorithms.kl_estimate`.
    """

    name: str
    reward: RewardFn
    advantage: AdvantageFn
    loss: LossFn
    keep: KeepFn = keep_all
    temperature: Callable[[StepContext], float] = constant_temperature
    needs_reference: bool = False
    needs_entropy: bool = False
    needs_advantage: bool = True
    kl_in_reward: float = 0.0
    kl_kind: KLKind = "k3_clipped"


@dataclass(frozen=True)
class FixedPrompts:
    """A prompt source that never changes: epoch after epoch in a shuffled order set by the seed.

    The order of an epoch depends on (seed, epoch) only, so resuming needs no state.
    """

    problems: Sequence[Problem]
    seed: int
    _orders: dict[int, list[int]] = field(default_factory=dict, repr=False)

    def take(self, start: int, count: int) -> list[Problem]:
        """Problems number ``start`` .. ``start + count - 1`` of the endless shuffled stream."""
        if not self.problems:
            raise ValueError("the prompt set is empty: give at least one problem")
        size = len(self.problems)
        return [self.problems[self._order(i // size)[i % size]] for i in range(start, start + count)]

    def _order(self, epoch: int) -> list[int]:
        if epoch not in self._orders:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self._orders.clear()
            self._orders[epoch] = torch.randperm(len(self.problems), generator=generator).tolist()
        return self._orders[epoch]
