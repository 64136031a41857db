"""The arithmetic of policy optimisation as pure torch functions: advantages, KL, losses, aggregation.

No model, no data, no configuration; every function states its equation and source.
"""

from shared.algorithms.advantages import (
    dr_grpo,
    grpo,
    per_token,
    reinforce,
    reinforce_plus_plus,
    reinforce_plus_plus_baseline,
    rloo,
)
from shared.algorithms.aggregation import AggregationMode, aggregate, aggregate_groups
from shared.algorithms.kl import KLKind, kl_estimate, kl_loss, kl_penalty_rewards
from shared.algorithms.losses import cross_entropy, entropy, policy_loss, policy_loss_metrics
from shared.algorithms.token_level import (
    discounted_returns,
    reinforce_plus_plus_baseline_tokens,
    reinforce_plus_plus_tokens,
    whiten,
)

__all__ = [
    "AggregationMode",
    "KLKind",
    "aggregate",
    "aggregate_groups",
    "cross_entropy",
    "discounted_returns",
    "dr_grpo",
    "entropy",
    "grpo",
    "kl_estimate",
    "kl_loss",
    "kl_penalty_rewards",
    "per_token",
    "policy_loss",
    "policy_loss_metrics",
    "reinforce",
    "reinforce_plus_plus",
    "reinforce_plus_plus_baseline",
    "reinforce_plus_plus_baseline_tokens",
    "reinforce_plus_plus_tokens",
    "rloo",
    "whiten",
]
