"""Keeps the linear weights of vLLM-CPU in place, so that a trainer can update them.

vLLM 0.28 repacks each linear weight for oneDNN after loading and replaces the parameter by an empty
one without ``weight_loader``; every later in-place weight sync then fails with
``'Parameter' object has no attribute 'weight_loader'``. Here the weight stays and the layer calls
``torch.nn.functional.linear``. Slower per token, the same numbers.
"""

from __future__ import annotations

import os

import torch


def register() -> None:
    """Entry point of group ``vllm.general_plugins``; does something only when ``VERL_PLATFORM=cpu``."""
    if os.environ.get("VERL_PLATFORM", "").strip().lower() != "cpu":
        return
    import vllm.model_executor.layers.utils as layer_utils

    def keep_weight(layer: torch.nn.Module, remove_weight: bool) -> None:
        if layer.weight.is_meta or layer.weight.ndim == 2:
            layer.cpu_linear = torch.nn.functional.linear

    # The callers import the function by name at call time (linear.py, vocab_parallel_embedding.py),
    # so replacing the module attribute reaches them.
    layer_utils.dispatch_cpu_unquantized_gemm = keep_weight
