"""Low-rank adapters on all linear layers, by ``peft``; the original leaves this path unchecked.

Trained through the model's own forward pass. The tests hold gradients against those of the merged
weights and log-probabilities of the adapted model against those of the merged one.
"""

from __future__ import annotations

from typing import Any

import torch


def with_adapters(model: Any, rank: int, seed: int) -> Any:
    """The model with trainable adapters (scale α/r = 1) and everything else frozen.

    The adapters begin as zero, so the model's function is unchanged; the seed decides A.
    """
    from peft import LoraConfig, get_peft_model  # only this path needs it

    config = LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules="all-linear")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def merged(model: Any) -> Any:
    """The plain model with the adapters added into its weights: W + (α/r) B A."""
    return model.merge_and_unload()
