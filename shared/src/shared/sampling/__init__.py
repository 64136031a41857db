"""Prompts to responses: one interface, a batched torch sampler, draws addressed by hashed keys."""

from shared.sampling.compact import CompactDecoder, supports
from shared.sampling.interface import Sampler, SamplingParams, encode_prompt
from shared.sampling.randomness import sample_keys, seed_key, uniforms
from shared.sampling.torch_sampler import TorchSampler, draw, eos_ids, nucleus

__all__ = [
    "CompactDecoder",
    "Sampler",
    "SamplingParams",
    "TorchSampler",
    "draw",
    "encode_prompt",
    "eos_ids",
    "nucleus",
    "sample_keys",
    "seed_key",
    "supports",
    "uniforms",
]
