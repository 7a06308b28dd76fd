"""Records: the configuration of a refinement, one run of one problem with every thought and round, and their file.

A trace file is an `.npz` of `storage`: arrays under `run/<name>/<field>`, everything else in its record.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from .. import __version__
from ..benchmarks.answers import choice_of
from ..benchmarks.catalogue import Problem
from ..storage import read_npz, save_npz
from .methods import METHODS, Method

FORMAT = 1
REFERENCES = {
    "next": "what strong makes of the current thought: a forecast of the next one (the literal reading)",
    "same": "strong's own proposal for this very thought",
}
SIGNS = {
    "descent": "towards strong, away from weak (the described intent)",
    "as_printed": "the published equation adds +η∇J, which moves the other way",
}
GRADIENTS = {
    "detached": "references held fixed: closed form, no backward pass",
    "through_model": "differentiate through strong and weak",
}


class ConfigError(ValueError):
    """A setting outside its range; the message names it, its range and the value that came."""


def signed(step_size: float, sign: str) -> float:
    """The step size, negative for the printed sign, so that one number says both."""
    return -step_size + 0.0 if sign == "as_printed" else step_size


def unsigned(step: float) -> dict:
    """The two settings that a signed step size stands for: the inverse of `signed`."""
    return {"step_size": abs(step), "sign": "as_printed" if step < 0 else "descent"}


@dataclass(frozen=True)
class RefineConfig:
    """Everything that decides a refined run besides the models and the problem.

    step_size: s = 2η/D, the fraction of (strong - weak) added per round when detached; residual: α; rounds: K;
    thoughts: T; momentum: β. Symbols as in `refine` and arXiv 2506.08552.
    """

    method: str = "full"
    step_size: float = 0.2
    residual: float = 0.1
    rounds: int = 1
    thoughts: int = 6
    reference: str = "next"
    sign: str = "descent"
    gradient: str = "detached"
    momentum: float = 0.0
    seed: int = 0

    def __post_init__(self):
        for name, table in (
            ("method", METHODS),
            ("reference", REFERENCES),
            ("sign", SIGNS),
            ("gradient", GRADIENTS),
        ):
            if getattr(self, name) not in table:
                raise ConfigError(f"No {name} called {getattr(self, name)!r}; choose one of {', '.join(table)}.")
        for name, low, high in (
            ("step_size", 0, 1e6),
            ("residual", 0, 1),
            ("rounds", 1, 64),
            ("thoughts", 0, 256),
            ("momentum", 0, 0.999),
            ("seed", 0, 2**63 - 1),
        ):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and low <= value <= high):
                raise ConfigError(f"{name} must lie between {low} and {high:g}, not {value!r}.")
        for name in ("rounds", "thoughts", "seed"):
            if not isinstance(getattr(self, name), int):
                raise ConfigError(f"{name} must be a whole number, not {getattr(self, name)!r}.")

    @classmethod
    def from_dict(cls, data: dict) -> RefineConfig:
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise ConfigError(f"Unknown setting {', '.join(unknown)}; known: {', '.join(sorted(known))}.")
        return cls(**data)

    @property
    def rule(self) -> Method:
        """What the methods table says of the method."""
        return METHODS[self.method]

    @property
    def signed_step(self) -> float:
        """The step size, negative for the printed sign; 0 where nothing is pushed."""
        return signed(self.step_size, self.sign) if self.rule.pushes else 0.0

    def at(self, signed_step: float, residual: float) -> RefineConfig:
        """The same under another signed step size and residual mix."""
        return replace(self, **unsigned(signed_step), residual=residual)

    def eta(self, width: int) -> float:
        """The paper's step size η = s·D/2 for the mean-MSE gradient."""
        return self.step_size * width / 2


@dataclass(frozen=True)
class Run:
    """One problem, one method, every thought and round. T thoughts, K rounds (0 where nothing is pushed), D width.

    proposed:  (T, D) u^t, what the backbone proposes (after the final norm)
    states:    (T, K+1, D) h^{t,k}: k = 0 after residual mixing, k = K the thought that is fed
    strong, weak: (T, K, D) references g and b at h^{t,k-1}; K = 0 where the method has none
    objective: (T, K) J = MSE(g, h) - MSE(b, h) at h^{t,k-1}
    top_ids, top_p: (T, K+1, 5) most probable tokens under the logit lens and their probability
    node_p:    (T, K+1, N) lens probability of the watched tokens (a graph's nodes; N = 0 without a graph)
    readout:   (T, C) log p of each candidate if it had to answer after thought t (NaN where it was not asked)
    scores:    (C,) log p of each candidate at the end, C = 0 for a free answer; choice: the likeliest, what `correct` is
               counted by, None for a tie and without candidates
    text, text_tokens, cost: the greedily decoded answer, its length, forwards by kind
    """

    config: RefineConfig
    proposed: np.ndarray
    states: np.ndarray
    strong: np.ndarray
    weak: np.ndarray
    objective: np.ndarray
    top_ids: np.ndarray
    top_p: np.ndarray
    node_p: np.ndarray
    readout: np.ndarray
    scores: np.ndarray
    text: str = ""
    text_tokens: int = 0
    cost: dict[str, int] = field(default_factory=dict)

    ARRAYS = ("proposed", "states", "strong", "weak", "objective", "top_ids", "top_p", "node_p", "readout", "scores")

    def __post_init__(self):
        thoughts, width = self.proposed.shape
        rounds = self.states.shape[1] - 1
        expect = {
            "states": (thoughts, rounds + 1, width),
            "top_ids": (thoughts, rounds + 1, self.top_ids.shape[-1]),
            "top_p": self.top_ids.shape,
            "node_p": (thoughts, rounds + 1, self.node_p.shape[-1]),
            "readout": (thoughts, *self.scores.shape),
            "strong": (thoughts, self.strong.shape[1], width),
            "weak": self.strong.shape,
        }
        for name, shape in expect.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"Run.{name} has shape {getattr(self, name).shape}, expected {shape}.")
        if self.strong.shape[1] not in (0, rounds) or self.objective.shape != self.strong.shape[:2]:
            raise ValueError(f"References {self.strong.shape} do not fit {rounds} rounds.")

    @property
    def thoughts(self) -> np.ndarray:
        """(T, D) the thoughts that were fed, h^t = h^{t,K}."""
        return self.states[:, -1]

    @property
    def choice(self) -> int | None:
        return choice_of(self.scores)


@dataclass(frozen=True)
class Trace:
    """One problem under one setting: the plain run, the refined run, the checkpoints' own runs and the controls.

    runs: by name; always "plain", "strong", "weak" (baselines: each checkpoint's own unrefined rollout) and "refined".
    identity: which weights, device and versions made it. tokens: id -> text for every id in `top_ids`.
    watched: text of the node tokens, aligned with Run.node_p. lenders: problems that lent thoughts to the controls.
    """

    problem: Problem
    config: RefineConfig
    runs: dict[str, Run]
    identity: dict
    tokens: dict[int, str]
    watched: tuple[str, ...]
    lenders: tuple[Problem, ...] = ()

    def save(self, path: str | Path) -> Path:
        """Write to `path` (an .npz); the file appears complete or not at all."""
        meta = {
            "format": FORMAT,
            "version": __version__,
            "problem": asdict(self.problem),
            "config": asdict(self.config),
            "identity": self.identity,
            "tokens": {str(k): v for k, v in self.tokens.items()},
            "watched": list(self.watched),
            "others": [asdict(p) for p in self.lenders],
            "runs": {
                name: {"config": asdict(r.config), "text": r.text, "text_tokens": r.text_tokens, "cost": r.cost}
                for name, r in self.runs.items()
            },
        }
        arrays = {f"run/{name}/{a}": getattr(run, a) for name, run in self.runs.items() for a in Run.ARRAYS}
        return save_npz(path, meta, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read a trace; a file that is none raises ConfigError saying why."""
        fix, make = "write one with `refine --out`", "make one with `python -m lrr_core refine --out`"
        with read_npz(path, {"format": FORMAT}, ConfigError, "trace", fix, make) as npz:
            meta = npz.meta
            runs = {
                name: Run(
                    config=RefineConfig.from_dict(r["config"]),
                    text=r["text"],
                    text_tokens=r["text_tokens"],
                    cost=r["cost"],
                    **{a: npz[f"run/{name}/{a}"] for a in Run.ARRAYS},
                )
                for name, r in meta["runs"].items()
            }
            return cls(
                problem=Problem.from_dict(meta["problem"]),
                config=RefineConfig.from_dict(meta["config"]),
                runs=runs,
                identity=meta["identity"],
                tokens={int(k): v for k, v in meta["tokens"].items()},
                watched=tuple(meta["watched"]),
                lenders=tuple(Problem.from_dict(p) for p in meta["others"]),
            )
