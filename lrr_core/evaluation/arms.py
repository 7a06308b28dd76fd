"""An arm of an evaluation: one method under one setting, known by a label that says both.

    coconut                                  the plain latent run, settings as given
    contrast@same                            the other reading of the references
    full@next@s=0.4@a=0.1                    step size and residual mix of its own
    coconut@backbone=ladder/03-step-02000    another checkpoint thinks

    label = METHOD { "@" ( "next" | "same" | KEY "=" VALUE ) }

Every arm is compared with plain thoughts of the same backbone and number: its `against`. Text only, no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from ..refinement.trace import CONTROLS, METHODS, PUSHES, REFERENCES, ConfigError, RefineConfig

TEXT_METHODS = {"no_cot": "the bare answer, no reasoning", "cot": "reasoning as text, then the answer"}
ALL_METHODS = (*TEXT_METHODS, *METHODS, *CONTROLS)
BASE = "coconut"  # what comparisons are paired against
DONATED = {"other_thoughts", "mean_thought"}  # controls that borrow thoughts of other problems
RANDOM = {"random_direction"}  # the only methods whose answers depend on the seed
SHORT = {"s": "step_size", "a": "residual", "k": "rounds", "t": "thoughts", "β": "momentum"}
MEMBERS = ("backbone", "strong", "weak")


@dataclass(frozen=True)
class Arm:
    """label; method: a key of ALL_METHODS; config: with the overrides applied (for a method in text: as given); names:
    (backbone, strong, weak); settings: the overrides alone."""

    label: str
    method: str
    config: RefineConfig
    names: tuple[str, str, str]
    settings: dict[str, str | int | float]

    @property
    def in_text(self) -> bool:
        return self.method in TEXT_METHODS

    @property
    def members(self) -> tuple[str, ...]:
        """The checkpoints this arm uses."""
        if self.in_text:
            return (self.method,)
        return self.names if self.method in PUSHES else self.names[:1]


def parse(label: str, config: RefineConfig, names: tuple[str, str, str]) -> Arm:
    """The arm a label stands for over given settings. ConfigError for an unknown method or setting, or a bad value."""
    method, *parts = label.split("@")
    if method not in ALL_METHODS:
        raise ConfigError(f"No method called {method!r}; choose from {', '.join(ALL_METHODS)}.")
    kinds = {f.name: type(f.default) for f in fields(RefineConfig)}
    own: dict[str, str | int | float] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals and key in REFERENCES:
            key, value = "reference", key
        key = SHORT.get(key, key)
        if key in MEMBERS:
            own[key] = value
        elif key in kinds and key != "method":
            try:
                own[key] = kinds[key](value)
            except ValueError:
                raise ConfigError(f"{key} in {label!r} takes a {kinds[key].__name__}, not {value!r}.") from None
        else:
            known = (*REFERENCES, *(f"{k}=" for k in (*SHORT, *kinds, *MEMBERS) if k != "method"))
            raise ConfigError(f"{part!r} in {label!r} is no setting; after the method write {', '.join(known)}.")
    trio = tuple(str(own.get(role, name)) for role, name in zip(MEMBERS, names, strict=True))
    settings = {k: v for k, v in own.items() if k not in MEMBERS}
    if method in TEXT_METHODS:
        if own:
            raise ConfigError(f"{method} reasons in text and has no settings; write it as {method!r}, not {label!r}.")
        return Arm(label, method, config, trio, own)
    return Arm(label, method, replace(config, method=method, **settings), trio, own)


def parse_all(labels, config: RefineConfig, names: tuple[str, str, str]) -> list[Arm]:
    """Every label once, in order. ConfigError where there is none."""
    arms = [parse(label, config, names) for label in dict.fromkeys(labels)]
    if not arms:
        raise ConfigError(f"No method was named; choose from {', '.join(ALL_METHODS)}.")
    return arms


def against(arm: Arm, arms: list[Arm]) -> str | None:
    """Label of the plain arm that `arm` is compared with: the same backbone and as many thoughts, else (for text, and for
    arms that vary just these) the plain arm without settings; None for plain arms of the given settings, or without one."""
    plain = [a for a in arms if a.method == BASE]
    if arm.method != BASE:
        for other in plain:
            same = (other.names[0], other.config.thoughts) == (arm.names[0], arm.config.thoughts)
            if same and not arm.in_text:
                return other.label
    first = next((a for a in plain if not a.settings), None)
    return first.label if first is not None and first.label != arm.label else None
