"""What a run is asked for: one problem, the checkpoints, the settings, and whose thoughts controls borrow. Text only.

    request = RunRequest(problem, Checkpoints(), RefineConfig(step_size=0.4))
    request.but(step_size=0.6)      the same with another setting
    request.key                     stands for all of it: the key of a cache

Law (tested): equal requests have equal keys, in every process, and any field that differs gives another key.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

from ..benchmarks.catalogue import Problem
from ..models.checkpoints import STANDARD, Checkpoints
from ..storage import digest
from .trace import RefineConfig


@dataclass(frozen=True)
class RunRequest:
    """Everything that decides a run besides the weights.

    lenders: problems whose plain thoughts the controls that borrow are given, () where no method needs any.
    """

    problem: Problem
    checkpoints: Checkpoints = STANDARD
    config: RefineConfig = field(default_factory=RefineConfig)
    lenders: tuple[Problem, ...] = ()

    @cached_property
    def key(self) -> str:
        """Sixteen hexadecimal digits that stand for problem, checkpoints, settings and lenders."""
        return digest(asdict(self))

    def but(self, **settings: str | float) -> RunRequest:
        """The same with some settings changed. ConfigError where one is outside its range."""
        return replace(self, config=replace(self.config, **settings))

    @property
    def source(self) -> RunRequest:
        """The problem and its checkpoints alone: what stays when a setting is moved."""
        return RunRequest(self.problem, self.checkpoints)
