"""Peak memory of a piece of torch work, beyond the weights: what decides how many problems fit into one batch.

    with PeakMemory(models_in_use, device) as peak:
        ...
    peak.bytes

On CUDA the allocator's own count is read. On the CPU, where nothing keeps one, every tensor that an operation returns is
counted while it lives; scratch space inside an operation is not seen.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _LiveTensors(TorchDispatchMode):
    """Bytes of the storages that operations have made and that are still alive, and the most there ever were."""

    def __init__(self, weights: set[int]):
        super().__init__()
        self.live: dict[int, int] = dict.fromkeys(weights, 0)  # views of weights are no new memory
        self.now = self.peak = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                key = storage._cdata
                if key not in self.live:
                    self.live[key] = storage.nbytes()
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self._gone, key)
        return out

    def _gone(self, key: int) -> None:
        self.now -= self.live.pop(key, 0)


class PeakMemory:
    """bytes: the most memory in use inside the block beyond what was in use before it; 0 until the block ends."""

    def __init__(self, models: Sequence[torch.nn.Module], device: torch.device):
        self.device, self.bytes = device, 0
        self._weights = {w.untyped_storage()._cdata for m in models for w in (*m.parameters(), *m.buffers())}

    def __enter__(self) -> PeakMemory:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
        else:
            self._mode = _LiveTensors(self._weights)
            self._mode.__enter__()
        return self

    def __exit__(self, *error) -> None:
        if self.device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self.device) - self._before
        else:
            self._mode.__exit__(*error)
            self.bytes = self._mode.peak


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken on a device; for the CPU and MPS, which share the machine's memory, what it has free."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    import psutil

    return psutil.virtual_memory().available


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: CUDA and MPS have a class for it, the CPU allocator only words."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("not enough memory", "out of memory", "can't allocate memory")
    )
