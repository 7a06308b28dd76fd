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

from ..models.checkpoints import ROLES, Checkpoints
from ..refinement.methods import BASELINES, METHODS, PLAIN, Method
from ..refinement.trace import REFERENCES, ConfigError, RefineConfig

SHORT = {"s": "step_size", "a": "residual", "k": "rounds", "t": "thoughts", "β": "momentum"}


def known_methods() -> tuple[str, ...]:
    """What an arm's label may begin with: reasoning in text, then the methods table as it is now."""
    return (*BASELINES, *METHODS)


@dataclass(frozen=True)
class Arm:
    """label; method: a key of `known_methods`; config: with the overrides applied (for a method in text: as given); names:
    (backbone, strong, weak); settings: the overrides alone."""

    label: str
    method: str
    config: RefineConfig
    names: Checkpoints
    settings: dict[str, str | int | float]

    @property
    def in_text(self) -> bool:
        return self.method in BASELINES

    @property
    def rule(self) -> Method | None:
        """What the methods table says of it; None for a method in text."""
        return METHODS.get(self.method)

    @property
    def members(self) -> tuple[str, ...]:
        """The checkpoints this arm uses."""
        if self.in_text:
            return (self.method,)
        asked = ("backbone", *METHODS[self.method].references)
        return tuple(name for role, name in self.names._asdict().items() if role in asked)


def arm_of(config: RefineConfig, names: Checkpoints) -> Arm:
    """The arm of a configuration as it is."""
    return Arm(config.method, config.method, config, names, {})


def parse(label: str, config: RefineConfig, names: Checkpoints) -> Arm:
    """The arm a label stands for over given settings. ConfigError for an unknown method or setting, or a bad value."""
    method, *parts = label.split("@")
    if method not in known_methods():
        raise ConfigError(f"No method called {method!r}; choose from {', '.join(known_methods())}.")
    kinds = {f.name: type(f.default) for f in fields(RefineConfig)}
    own: dict[str, str | int | float] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals and key in REFERENCES:
            key, value = "reference", key
        key = SHORT.get(key, key)
        if key in ROLES:
            own[key] = value
        elif key in kinds and key != "method":
            try:
                own[key] = kinds[key](value)
            except ValueError:
                raise ConfigError(f"{key} in {label!r} takes a {kinds[key].__name__}, not {value!r}.") from None
        else:
            known = (*REFERENCES, *(f"{k}=" for k in (*SHORT, *kinds, *ROLES) if k != "method"))
            raise ConfigError(f"{part!r} in {label!r} is no setting; after the method write {', '.join(known)}.")
    trio = names._replace(**{role: str(own[role]) for role in ROLES if role in own})
    settings = {k: v for k, v in own.items() if k not in ROLES}
    if method in BASELINES:
        if own:
            raise ConfigError(f"{method} reasons in text and has no settings; write it as {method!r}, not {label!r}.")
        return Arm(label, method, config, trio, own)
    return Arm(label, method, replace(config, method=method, **settings), trio, own)


def parse_all(labels, config: RefineConfig, names: Checkpoints) -> list[Arm]:
    """Every label once, in order. ConfigError where there is none."""
    arms = [parse(label, config, names) for label in dict.fromkeys(labels)]
    if not arms:
        raise ConfigError(f"No method was named; choose from {', '.join(known_methods())}.")
    return arms


def against(arm: Arm, arms: list[Arm]) -> str | None:
    """Label of the plain arm that `arm` is compared with: the same backbone and as many thoughts, else (for text, and for
    arms that vary just these) the plain arm without settings; None for plain arms of the given settings, or without one."""
    plain = [a for a in arms if a.method == PLAIN]
    if arm.method != PLAIN:
        for other in plain:
            same = (other.names[0], other.config.thoughts) == (arm.names[0], arm.config.thoughts)
            if same and not arm.in_text:
                return other.label
    first = next((a for a in plain if not a.settings), None)
    return first.label if first is not None and first.label != arm.label else None
