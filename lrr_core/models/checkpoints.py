"""The three checkpoints of a refinement, by the names a model set has for them. Text only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Checkpoints(NamedTuple):
    """backbone: the checkpoint that thinks; strong, weak: those a thought is pushed towards, and away from."""

    backbone: str = "backbone"
    strong: str = "strong"
    weak: str = "weak"

    @classmethod
    def of(cls, names: Mapping) -> Checkpoints:
        """Those that an identity, a report's settings or a page's state names by role; KeyError where one is missing."""
        return cls(*(names[role] for role in ROLES))

    def by_role(self, value: Callable[[str], str]) -> dict[str, str]:
        """role -> something about its checkpoint, such as the hash of its weights."""
        return {role: value(name) for role, name in self._asdict().items()}

    def alone(self, name: str) -> Checkpoints:
        """Checkpoint `name` left to itself, with the same references."""
        return self._replace(backbone=name)


ROLES = Checkpoints._fields
STANDARD = Checkpoints()  # every set has these three
