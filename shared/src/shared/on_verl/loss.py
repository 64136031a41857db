"""The recipe's loss inside verl's FSDP workers.

verl calls a loss function with the model's outputs and a micro-batch of nested tensors; this one
pads them, hands the recipe its :class:`LossInputs`, and scales for verl's gradient averaging.
"""

from __future__ import annotations

from typing import Any

from shared.on_verl.references import Reference
from shared.training import LossInputs, Recipe


class RecipeLoss:
    """Picklable: travels to the workers as an import path and builds the recipe there, once."""

    def __init__(self, recipe: Reference) -> None:
        self._reference = recipe
        self._recipe: Recipe | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_reference": self._reference, "_recipe": None}

    def __call__(self, model_output: Any, data: Any, dp_group: Any = None) -> tuple[Any, dict[str, Any]]:
        """verl's loss signature: ``(loss, metrics)`` of one micro-batch."""
        from verl.utils.metric import AggregationType, Metric
        from verl.workers.utils.padding import no_padding_2_padding

        if self._recipe is None:
            self._recipe = self._reference.call()
        entropy = model_output.get("entropy")
        logprobs = no_padding_2_padding(model_output["log_probs"], data)
        inputs = loss_inputs(
            self._recipe, logprobs, None if entropy is None else no_padding_2_padding(entropy, data), data
        )
        loss, metrics = self._recipe.loss(inputs)
        # FSDP averages gradients over the data-parallel ranks; the recipe's loss is a share of a sum.
        scale = data["dp_size"]
        loss = loss * scale
        logged = {name: Metric(AggregationType.SUM, float(value) * scale) for name, value in metrics.items()}
        return loss, {"loss": Metric(AggregationType.SUM, loss.detach()), **logged}


def loss_inputs(recipe: Recipe, logprobs: Any, entropy: Any, data: Any) -> LossInputs:
    """:class:`LossInputs` from [B, T] log-probabilities and a micro-batch of verl's.

    ``batch_num_tokens`` and ``global_batch_size`` count the whole optimiser batch over all ranks.
    """
    names = ["response_mask", "old_log_probs", "advantages"]
    if recipe.needs_reference:
        names.append("ref_log_prob")
    padded = data.select(*names).to_padded_tensor()
    return LossInputs(
        logprobs=logprobs,
        old_logprobs=padded["old_log_probs"],
        ref_logprobs=padded["ref_log_prob"] if recipe.needs_reference else None,
        entropy=entropy if recipe.needs_entropy else None,
        advantages=padded["advantages"],
        mask=padded["response_mask"].to(logprobs.dtype),
        batch_tokens=float(data["batch_num_tokens"]),
        batch_sequences=int(data["global_batch_size"]),
    )
