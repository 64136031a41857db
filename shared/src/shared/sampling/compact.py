"""A compact forward pass for plain Qwen2 / Qwen3 / Llama decoders.

For models of a few hundred thousand to a few million parameters the time of a forward pass goes
into many small operations. This one reads the live parameters of the Hugging Face model, fuses
q/k/v and gate/up, folds the query heads that share a key head into the query length (so grouped
keys are never repeated) and leaves the cache to the caller. It is differentiable.
Sliding windows, attention dropout, scaled or quantised layers and adapters are not covered:
:func:`supports` says no and callers use the model's own forward. A test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM

from shared.sampling.linear import linear

KV = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(layer, new keys, new values [B, Hkv, S, D]) -> all keys and values [B, Hkv, T, D] to attend to."""


def supports(model: nn.Module) -> bool:
    """Whether :class:`CompactDecoder` computes exactly what ``model`` computes."""
    if type(model) not in (LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM):
        return False
    config: Any = model.config
    layer_types = getattr(config, "layer_types", None) or ["full_attention"]
    return (
        config.hidden_act == "silu"
        and config.attention_dropout == 0.0
        and set(layer_types) == {"full_attention"}
        and config.rope_parameters.get("rope_type", "default") in ("default", "linear", "llama3")
        and all(type(m) in (nn.Linear, nn.Embedding) for m in model.modules() if hasattr(m, "in_features"))
        and not getattr(model.model, "gradient_checkpointing", False)
    )


class CompactDecoder:
    """The forward pass with weights fused at construction: make a new one after each update.

    Args:
        model: a model that :func:`supports` accepts. Gradients flow to its parameters.
    """

    def __init__(self, model: Any) -> None:
        config = model.config
        self.n_heads: int = config.num_attention_heads
        self.n_kv: int = config.num_key_value_heads
        self.head_dim: int = getattr(config, "head_dim", None) or config.hidden_size // self.n_heads
        self.n_layers: int = config.num_hidden_layers
        self.eps: float = config.rms_norm_eps
        self._model = model
        self._layers = [_fuse(layer) for layer in model.model.layers]

    @property
    def dtype(self) -> torch.dtype:
        """Type of the hidden states."""
        return self._model.model.embed_tokens.weight.dtype

    def rope(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Rotary cos and sin [B, S, 1, D] for integer positions [B, S]."""
        probe = self._model.model.embed_tokens.weight[:1]
        cos, sin = self._model.model.rotary_emb(probe, positions)
        half = self.head_dim // 2
        sin = torch.cat((-sin[..., :half], sin[..., half:]), dim=-1)  # sign of rotate_half folded in
        return cos.unsqueeze(2), sin.unsqueeze(2)

    def hidden(self, ids: Tensor, rope: tuple[Tensor, Tensor], bias: Tensor | None, kv: KV) -> Tensor:
        """Final normed hidden states [B, S, H] of token ids [B, S].

        ``bias`` [B or 1, 1, S, T] is added to the attention scores (0 or -inf); ``kv`` stores the
        new keys and values of a layer and returns all that the S queries may look at.
        """
        embedding = self._model.model.embed_tokens
        x = F.embedding(ids, embedding.weight, embedding.padding_idx)
        if bias is not None and ids.shape[1] > 1:
            bias = bias.repeat(1, 1, self.n_heads // self.n_kv, 1)
        for index, w in enumerate(self._layers):
            x = x + self._attention(index, w, _norm(x, w["norm1"], self.eps), rope, bias, kv)
            gate, up = linear(_norm(x, w["norm2"], self.eps), w["gate_up"], w["gate_up_b"]).chunk(2, dim=-1)
            x = x + linear(F.silu(gate) * up, w["down"], w["down_b"])
        return _norm(x, self._model.model.norm.weight, self.eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """Next-token logits of hidden states [..., H]."""
        return linear(hidden, self._model.lm_head.weight, self._model.lm_head.bias)

    def _attention(
        self,
        index: int,
        w: dict[str, Any],
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        bias: Tensor | None,
        kv: KV,
    ) -> Tensor:
        b, s, _ = x.shape
        h, g, d = self.n_heads, self.n_heads // self.n_kv, self.head_dim
        qkv = linear(x, w["qkv"], w["qkv_b"]).view(b, s, h + 2 * self.n_kv, d)
        qk, v = qkv[:, :, : h + self.n_kv], qkv[:, :, h + self.n_kv :]
        if w["q_norm"] is not None:
            qk = torch.cat(
                (_norm(qk[:, :, :h], w["q_norm"], self.eps), _norm(qk[:, :, h:], w["k_norm"], self.eps)), 2
            )
        cos, sin = rope
        qk = qk * cos + torch.roll(qk, d // 2, dims=-1) * sin
        # query heads that share a key head become extra query positions: [B, Hkv, G * S, D]
        q = qk[:, :, :h].view(b, s, self.n_kv, g, d).permute(0, 2, 3, 1, 4).reshape(b, self.n_kv, g * s, d)
        keys, values = kv(index, qk[:, :, h:].transpose(1, 2), v.transpose(1, 2))
        scores = torch.matmul(q * d**-0.5, keys.transpose(-1, -2))
        if bias is not None:
            scores = scores + bias
        out = torch.matmul(torch.softmax(scores, dim=-1), values)
        out = out.view(b, self.n_kv, g, s, d).permute(0, 3, 1, 2, 4).reshape(b, s, h * d)
        return linear(out, w["o"], w["o_b"])


def _norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), weight, eps)


def _cat(*parts: Tensor | None) -> Tensor | None:
    return None if parts[0] is None else torch.cat([p for p in parts if p is not None])


def _fuse(layer: Any) -> dict[str, Any]:
    attn, mlp = layer.self_attn, layer.mlp
    q, k, v = attn.q_proj, attn.k_proj, attn.v_proj
    return {
        "norm1": layer.input_layernorm.weight,
        "norm2": layer.post_attention_layernorm.weight,
        "qkv": torch.cat((q.weight, k.weight, v.weight)),
        "qkv_b": _cat(q.bias, k.bias, v.bias),
        "q_norm": attn.q_norm.weight if hasattr(attn, "q_norm") else None,
        "k_norm": attn.k_norm.weight if hasattr(attn, "k_norm") else None,
        "o": attn.o_proj.weight,
        "o_b": attn.o_proj.bias,
        "gate_up": torch.cat((mlp.gate_proj.weight, mlp.up_proj.weight)),
        "gate_up_b": _cat(mlp.gate_proj.bias, mlp.up_proj.bias),
        "down": mlp.down_proj.weight,
        "down_b": mlp.down_proj.bias,
    }
