"""Who generates: a model in this process (hf, vllm), a server (openai), or a recording (replay)."""

from shared.generation.engines.hf import HFEngine
from shared.generation.engines.interface import Engine
from shared.generation.engines.openai import OpenAIEngine
from shared.generation.engines.replay import ReplayEngine
from shared.generation.engines.vllm import VLLMEngine

__all__ = ["Engine", "HFEngine", "OpenAIEngine", "ReplayEngine", "VLLMEngine"]
