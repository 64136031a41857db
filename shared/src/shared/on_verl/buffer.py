"""A replay buffer that judges every finished group at once and filters on the recipe's verdict.

verl's synchronous buffer polls the transfer queue, evicts groups, refills and waits; only *which*
groups are evicted is replaced here. Importing this module imports verl.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from shared.on_verl.judges import Judged, JudgePool, Rollouts
from shared.problems import Problem
from shared.training import Recipe, StepContext

POLL_SECONDS = 0.5
"""verl polls every 2 s; a step of a small model is shorter than that."""


class JudgingBuffer(ReplayBuffer):
    """verl's synchronous buffer with group rewards from a :class:`JudgePool`.

    Args:
        pool: judges.
        recipe: its ``keep`` decides which groups are replaced.
        filtering: whether it rejects any at all (otherwise verl's refill logic stays off).
        max_groups: groups a step may sample before it gives up.
        kwargs: verl's constructor arguments.

    Attributes:
        judged: the groups of the present step by prompt uid, dropped ones included.
    """

    def __init__(
        self, *, pool: JudgePool, recipe: Recipe, filtering: bool, max_groups: int, **kwargs: Any
    ) -> None:
        super().__init__(
            poll_interval=POLL_SECONDS, filter_groups_metric="recipe" if filtering else None, **kwargs
        )
        self._pool, self._recipe, self._max_groups = pool, recipe, max_groups
        self._context = StepContext(0, 0, 1)
        self._problem_of: Callable[[str], Problem] | None = None
        self.judged: dict[str, Judged] = {}

    def begin_step(self, context: StepContext, problem_of: Callable[[str], Problem]) -> None:
        """Forget the last step's groups; ``problem_of`` maps a prompt uid to its problem."""
        self._context, self._problem_of = context, problem_of
        self.judged = {}

    def _terminal_eviction_reasons(self, global_steps: int, partition_id: str) -> Any:
        if partition_id == "train":
            self._judge_finished()
        return super()._terminal_eviction_reasons(global_steps, partition_id)

    def _judge_finished(self) -> None:
        finished = self.finished_keys["train"] | self.failure_keys["train"]
        waiting: dict[str, list[str]] = {}
        for key in self.partitions["train"]:
            uid = key.split("_")[0]
            if uid in finished and uid not in self.judged:
                waiting.setdefault(uid, []).append(key)
        if not waiting:
            return
        assert self._problem_of is not None
        rollouts = []
        for uid in sorted(waiting):
            keys = sorted(waiting[uid], key=lambda k: int(k.split("_")[1]))
            names = ["responses", "rollout_log_probs"]
            data = tq.kv_batch_get(keys=keys, partition_id="train", select_fields=names)
            tokens, logprobs = (tuple(tuple(row.tolist()) for row in data[name]) for name in names)
            rollouts.append(Rollouts(self._problem_of(uid), tuple(keys), tokens, logprobs))
        judged = self._pool.judge(rollouts, self._context)
        self.judged |= {j.keys[0].split("_")[0]: j for j in judged}

    def _dapo_filtered_keys(self, partition_id: str) -> tuple[set[str], Counter[float]]:
        """Finished groups that the recipe rejects, and how many of them had which mean reward."""
        if partition_id != "train" or self.filter_groups_metric is None:
            return set(), Counter()
        done = self.finished_keys["train"] & self.judged.keys()
        rejected = {u for u in done if not self._recipe.keep(self.judged[u].group, self.judged[u].reward)}
        kept = len(done) - len(rejected)
        if len(self.judged) >= self._max_groups and kept < (self.train_batch_size or 1):
            raise RuntimeError(
                f"step {self._context.step + 1}: {len(self.judged)} groups were sampled and only {kept} pass "
                "the recipe's filter; loosen the filter, raise max_resample_rounds, or use easier prompts"
            )
        rewards = [self.judged[u].reward.rewards for u in rejected]
        return rejected, Counter(round(sum(r) / len(r), 6) for r in rewards)

    def _select_prompt_uids(self, partition_id: str, sampleable_keys: set[str], batch_size: int) -> Any:
        # uids are numbered in the order of the prompt stream: surplus is cut off at its end,
        # not at random as a set would be
        _, partition, steps = super()._select_prompt_uids(partition_id, sampleable_keys, batch_size)
        return sorted(sampleable_keys)[:batch_size], partition, steps
