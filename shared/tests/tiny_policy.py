"""Tiny models and a tokenizer for tests: nothing downloaded, milliseconds a forward pass."""

from __future__ import annotations

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

VOCAB = ["<pad>", "<bos>", "<eos>", "#", *"0123456789", *"+-*=?;}", "\\boxed{"]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Word-level: digits, signs and ``\\boxed{`` are tokens; adds bos."""
    tokenizer = Tokenizer(models.WordLevel({t: i for i, t in enumerate(VOCAB)}, unk_token="#"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\\boxed\{|."), "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="#"
    )


def tiny_config(kind: str) -> PreTrainedConfig:
    """A two-layer configuration of one architecture."""
    common = {"vocab_size": len(VOCAB), "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    if kind == "gpt2":
        return GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=128, **common)
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "tie_word_embeddings": kind != "llama",
    }
    if kind == "qwen2_window":
        window = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0}
        return Qwen2Config(**shape, **window, **common)
    llama3 = {
        "rope_type": "llama3",
        "rope_theta": 10000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }
    if kind == "llama":
        return LlamaConfig(**shape, rope_parameters=llama3, attention_bias=True, mlp_bias=True, **common)
    return (Qwen2Config if kind == "qwen2" else Qwen3Config)(**shape, head_dim=16, **common)


def tiny_model(kind: str = "qwen2", seed: int = 0, spread: float = 4.0) -> torch.nn.Module:
    """A random model whose next-token distributions are far from uniform (``spread`` scales matrices)."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(tiny_config(kind))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(spread)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))  # biases and norms must matter too
    return model.eval()
