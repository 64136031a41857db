"""The ``cpu`` platform of verl: torch.cpu behind verl's accelerator interface, and two torch patches.

Chosen with ``VERL_PLATFORM=cpu``; without that variable nothing is registered and nothing patched,
so the package may stay installed next to a GPU build. Ray hands out *logical* GPUs
(``ray_kwargs.ray_init.num_gpus``), one for each worker process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
import torch.distributed


class _CpuDevice(ModuleType):
    """Stand-in for ``torch.cuda``: what torch.cpu has is forwarded, the memory counters say zero."""

    def __init__(self) -> None:
        super().__init__("verl_cpu.device")

    def __getattr__(self, name: str) -> Any:
        return getattr(torch.cpu, name)

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def current_device(self) -> str:
        return "cpu"

    def set_device(self, device: Any) -> None:
        pass

    def synchronize(self, device: Any = None) -> None:
        pass

    def empty_cache(self) -> None:
        pass

    def ipc_collect(self) -> None:
        pass

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    manual_seed_all = manual_seed

    def get_rng_state(self, device: Any = None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: Any = None) -> None:
        torch.set_rng_state(state)

    def memory_allocated(self, device: Any = None) -> int:
        return 0

    memory_reserved = max_memory_allocated = max_memory_reserved = memory_allocated

    def reset_peak_memory_stats(self, device: Any = None) -> None:
        pass

    def mem_get_info(self, device: Any = None) -> tuple[int, int]:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return total, total

    def get_device_properties(self, device: Any = None) -> SimpleNamespace:
        return SimpleNamespace(name="cpu", total_memory=self.mem_get_info()[1], multi_processor_count=1)

    def get_device_name(self, device: Any = None) -> str:
        return "cpu"


def _patch_process_group_backend() -> None:
    """verl 0.9.1 asks for ``cpu:gloo,<device>:<backend>`` (utils/distributed.py), here
    ``cpu:gloo,cpu:gloo``; torch 2.13 refuses a device named twice. Collapse it to ``gloo``."""
    original = torch.distributed.init_process_group

    def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> None:
        if backend is not None and set(str(backend).split(",")) == {"cpu:gloo"}:
            backend = "gloo"
        original(backend, *args, **kwargs)

    torch.distributed.init_process_group = init_process_group


def _patch_pin_memory() -> None:
    """verl 0.9.1 builds the reference model with ``CPUOffloadPolicy(pin_memory=True)``
    (workers/engine/fsdp/transformer_impl.py); pinning needs an accelerator. On CPU it is a no-op."""
    torch.Tensor.pin_memory = lambda self, device=None: self  # type: ignore[method-assign]


def register() -> None:
    """Register the platform and patch torch when ``VERL_PLATFORM=cpu``; otherwise do nothing."""
    if os.environ.get("VERL_PLATFORM", "").strip().lower() != "cpu":
        return
    _define_platform()
    _patch_process_group_backend()
    _patch_pin_memory()


def _define_platform() -> None:
    from verl.plugin.platform.platform_base import PlatformBase
    from verl.plugin.platform.platform_manager import PlatformRegistry

    device = _CpuDevice()

    @PlatformRegistry.register(platform="cpu")
    class PlatformCPU(PlatformBase):
        """One logical device a process; gloo between processes, shared memory for weights."""

        device_name = "cpu"
        vendor_name = "cpu"
        device_module = device

        def is_available(self) -> bool:
            return True

        def current_device(self) -> str:  # type: ignore[override]
            # verl passes it to ``Tensor.to`` and ``torch.zeros(device=...)``; an index means the current
            # accelerator there, and torch 2.13 refuses one on a CPU-only build.
            return "cpu"

        def device_count(self) -> int:
            return 1

        def set_device(self, device_index: int) -> None:
            pass

        def synchronize(self, device_index: int | None = None) -> None:
            pass

        def manual_seed(self, seed: int) -> None:
            torch.manual_seed(seed)

        def manual_seed_all(self, seed: int) -> None:
            torch.manual_seed(seed)

        def set_allocator_settings(self, settings: str) -> None:
            pass

        def empty_cache(self) -> None:
            pass

        def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
            return None, None

        def communication_backend_name(self) -> str:
            return "gloo"

        def visible_devices_envvar(self) -> str:
            return "CUDA_VISIBLE_DEVICES"

        @contextmanager
        def nvtx_range(self, msg: str) -> Iterator[None]:
            with nullcontext():
                yield

        def profiler_start(self) -> None:
            pass

        def profiler_stop(self) -> None:
            pass

        def ray_resource_name(self) -> str:
            return "GPU"

        def ray_noset_envvars(self) -> list[str]:
            return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

        def is_ipc_supported(self) -> bool:
            return False  # verl then moves weights to vLLM through shared memory

        def cudart(self) -> None:
            return None
