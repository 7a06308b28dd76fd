"""Several processes that share one piece of work, started by `accelerate launch`; one process is the ordinary case.

    accelerate launch --multi_gpu --num_processes 2 -m lrr_core evaluate ...      two GPUs, or two processes on the CPU

Work is dealt out batch by batch, so every batch is what it would be in one process, and results are bit for bit the same.
"""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")


class Processes:
    """rank: which process this is, from 0; count: how many there are; main: whether it is the one that reports."""

    def __init__(self):
        self.rank, self.count = 0, 1
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            import torch
            from accelerate import PartialState

            self._state = PartialState(cpu=not torch.cuda.is_available())
            self.rank, self.count = self._state.process_index, self._state.num_processes

    @property
    def main(self) -> bool:
        return self.rank == 0

    def mine(self, index: int) -> bool:
        """Whether the index-th piece of work is this process's."""
        return index % self.count == self.rank

    def gather(self, own: T) -> list[T]:
        """What every process has, by rank, in every process. All of them must call it."""
        if self.count == 1:
            return [own]
        from accelerate.utils import gather_object

        return gather_object([own])

    def from_main(self, own: T) -> T:
        """What the main process has, in every process. All of them must call it."""
        return self.gather(own)[0]

    def close(self) -> None:
        """Leave the group; without it torch warns at exit."""
        if self.count > 1:
            self._state.destroy_process_group()
