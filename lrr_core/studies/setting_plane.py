"""The plane of step size s and residual mix α for one problem: what every setting does, and names for its regions.

    plane = Plane.load("assets/regimes/1-small-0-next.npz")     `planes.problem_plane` makes it
    name_regions(plane)                                         one key of REGIONS per cell

Step sizes are signed: negative is the printed sign. Axis letters here: S step sizes, A mixes; T, K as ever. The same plane
over many problems is in `accuracy`.
Laws (tests): the cell s = 0, α = 0 is the plain run and is called "as plain"; with strong = weak nothing converges,
overshoots or depends on s; a random push has no sign, so its plane is the same on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.curves import curves, margin, verdict
from ..analysis.summary import readers_names
from ..benchmarks.answers import chosen
from ..benchmarks.catalogue import Problem
from ..models.checkpoints import Checkpoints
from ..refinement.trace import RefineConfig, Run, Trace
from ..storage import cache_folder, digest, read_npz, save_npz

FORMAT = 1
SETTINGS = ("thoughts", "rounds", "reference", "gradient", "momentum", "seed")  # what a plane holds fixed

# A region is named by the first of these that is true; the order is that of REGIONS.
SAME = 0.10  # deviation in ‖h‖ up to which a run counts as the plain one: of the 26 shipped planes one flips inside it
FROZEN = 0.25  # step change, as a share of the plain run's, below which thoughts no longer search
REGIONS = {
    "flips to right": "The plain run answers wrongly, this setting rightly.",
    "flips to wrong": "The plain run answers rightly, this setting wrongly.",
    "as plain": "Nothing happens: the thoughts stay within a tenth of their length of the plain run's.",
    "frozen": "Thoughts hardly change from one to the next any more: the steps are under a quarter of the plain run's.",
    "converges": "The pushes bring the thoughts nearer to what strong makes of them.",
    "overshoots": "The pushes set out towards strong, but carry the thoughts past it: they end no nearer.",
    "drifts": "The thoughts leave the plain run without coming nearer to strong: pushed away, or carried off by memory.",
}


class RegimesError(ValueError):
    """A plane that cannot be made or read; the message says what came and the fix."""


@dataclass(frozen=True)
class Plane:
    """One problem under every (signed step size, residual mix). Lengths are in units of the hidden state, margins in nats.

    step_sizes: (S,) ascending, negative is the printed sign; residuals: (A,) ascending
    margin, choice: (S, A) log p(right) - log p(best other) at the end, and the candidate that is answered (-1: a tie)
    length, step_change, push, deviation: (S, A, T) of every fed thought, see `metrics`; step_change is NaN at thought 1
    gaps: (S, A, K+1) distance to strong's reference before the first round and after each, root mean square over thoughts
    approach: (S, A) what the rounds did to that distance, a word of `metrics.verdict`
    random_margin, random_choice: (S, A) control: the same with every push in a random direction of equal length
    plain_*, zero_*: the plain run and the run with all thoughts blanked; plain_length, plain_step_change: (T,)
    answer: index of the right candidate; candidates: the reader's names; stamp: what the plane is true of, see `stamp`;
    identity: weights, device, versions
    """

    step_sizes: np.ndarray
    residuals: np.ndarray
    margin: np.ndarray
    choice: np.ndarray
    length: np.ndarray
    step_change: np.ndarray
    push: np.ndarray
    deviation: np.ndarray
    gaps: np.ndarray
    approach: np.ndarray
    random_margin: np.ndarray
    random_choice: np.ndarray
    plain_length: np.ndarray
    plain_step_change: np.ndarray
    plain_margin: float
    plain_choice: int
    zero_margin: float
    zero_choice: int
    answer: int
    problem: str
    candidates: tuple[str, ...]
    stamp: dict
    identity: dict

    def __post_init__(self):
        cells: tuple[int, ...] = (len(self.step_sizes), len(self.residuals))
        thoughts = self.plain_length.shape
        names = ("margin", "choice", "approach", "random_margin", "random_choice")
        expect: dict[str, tuple[int, ...]] = dict.fromkeys(names, cells)
        expect |= dict.fromkeys(("length", "step_change", "push", "deviation"), cells + thoughts)
        expect |= {"plain_step_change": thoughts, "gaps": cells + self.gaps.shape[2:]}
        check_shapes(self, expect)

    @property
    def right(self) -> np.ndarray:
        """(S, A) whether the setting answers rightly."""
        return self.choice == self.answer

    @property
    def far(self) -> np.ndarray:
        """(S, A) deviation from the plain run in units of its thoughts' length, root mean square over thoughts."""
        return _rms(self.deviation) / max(float(_rms(self.plain_length)), 1e-12)

    @property
    def lively(self) -> np.ndarray:
        """(S, A) step change as a share of the plain run's, root mean square over thoughts; NaN with fewer than two."""
        plain = _rms(self.plain_step_change[1:])
        return _rms(self.step_change[..., 1:]) / plain if plain > 0 else np.full(self.margin.shape, np.nan)

    @property
    def push_share(self) -> np.ndarray:
        """(S, A) push in units of the thought's length, root mean square over thoughts."""
        return _rms(self.push) / np.maximum(_rms(self.length), 1e-12)

    def save(self, path: str | Path) -> Path:
        return save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Plane:
        """Read a plane; a file that is none raises RegimesError saying why."""
        return load(cls, path)


def measure(
    base: Trace, cells: Sequence[Run], random: Sequence[Run], step_sizes: Sequence[float], residuals: Sequence[float]
) -> Plane:
    """A plane from its runs, step size by step size: cells[i·A + j] has step_sizes[i] and residuals[j]; `random` likewise.

    base: a trace of the same problem and models that holds `plain`, `strong`, `weak` and `zero_thoughts`.
    """
    problem = base.problem
    if problem.answer is None:
        raise RegimesError(
            f"The right answer of {problem.id} is unknown, so no setting can be called right; leave it out."
        )
    shape = len(step_sizes), len(residuals)
    if not len(cells) == len(random) == shape[0] * shape[1]:
        raise RegimesError(
            f"{len(cells)} and {len(random)} runs do not fill a plane of {shape[0]} × {shape[1]} settings."
        )
    base = replace(
        base, problem=replace(problem, graph=None)
    )  # no lens is kept of bulk runs, so no frontier is measured
    plain = curves(base, "plain")
    found = [curves(replace(base, runs=base.runs | {"refined": run}), "refined") for run in cells]

    def stack(values) -> np.ndarray:
        rows = np.stack(list(values)).astype(np.float32)
        return rows.reshape(*shape, *rows.shape[1:])

    def answers(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
        choice = np.array([_index(run) for run in runs], np.int16).reshape(shape)
        return stack(margin(run.scores, problem.answer) for run in runs), choice

    margins, choice = answers(cells)
    random_margin, random_choice = answers(random)
    ends = {name: base.runs[run] for name, run in (("plain", "plain"), ("zero", "zero_thoughts"))}
    names = readers_names(problem)
    at_the_ends: dict[str, Any] = {f"{n}_margin": float(margin(r.scores, problem.answer)) for n, r in ends.items()}
    at_the_ends |= {f"{n}_choice": _index(r) for n, r in ends.items()}
    return Plane(
        step_sizes=np.asarray(step_sizes, float),
        residuals=np.asarray(residuals, float),
        margin=margins,
        choice=choice,
        length=stack(c.length for c in found),
        step_change=stack(c.step_change for c in found),
        push=stack(c.push for c in found),
        deviation=stack(c.deviation for c in found),
        gaps=stack(_rms(np.concatenate([c.to_strong_reference[:, :1], c.strong_left], 1).T) for c in found),
        approach=np.array([verdict(c) for c in found]).reshape(shape),
        random_margin=random_margin,
        random_choice=random_choice,
        plain_length=plain.length.astype(np.float32),
        plain_step_change=plain.step_change.astype(np.float32),
        **at_the_ends,
        answer=problem.answer,
        problem=problem.id,
        candidates=tuple(names[c] for c in problem.candidates),
        stamp=stamp([problem], base.identity["members"], Checkpoints.of(base.identity), base.config),
        identity=base.identity,
    )


def name_regions(plane: Plane) -> np.ndarray:
    """(S, A) the region every cell belongs to, a key of REGIONS: the first whose sentence is true."""
    names = plane.approach.astype("U16")
    names[names == "still"] = "drifts"  # nothing is pushed, yet memory has carried the thoughts away
    with np.errstate(invalid="ignore"):
        names[plane.lively < FROZEN] = "frozen"
    names[plane.far < SAME] = "as plain"
    was_right = plane.plain_choice == plane.answer
    names[plane.right & (not was_right)] = "flips to right"
    names[~plane.right & was_right] = "flips to wrong"
    return names


def counts(plane: Plane) -> dict[str, int]:
    """How many settings every region holds."""
    names = name_regions(plane)
    return {name: int((names == name).sum()) for name in REGIONS}


def in_words(plane: Plane) -> str:
    """What the plane shows, in two sentences: how often the answer flips, beside the control."""
    name, n = plane.candidates, plane.margin.size
    plain = f"The plain run answers {chosen(name, plane.plain_choice)}, which is {_judged(plane.plain_choice == plane.answer)}"
    was_right = plane.plain_choice == plane.answer
    flips, by_chance = (int((right != was_right).sum()) for right in (plane.right, plane.random_choice == plane.answer))
    there = _judged(not was_right)
    return (
        f"{plain} (margin {plane.plain_margin:+.2f}). Of {n} settings {flips} make the answer {there}; of the same pushes in "
        f"random directions {by_chance} do."
    )


def _index(run: Run) -> int:
    """The candidate a run answers as an array holds it: -1 for a tie."""
    return -1 if run.choice is None else run.choice


def _judged(right: bool) -> str:
    return "right" if right else "wrong"


# --- identity and files -----------------------------------------------------------------------------------------------


def stamp(problems: Sequence[Problem], weights: Mapping[str, str], names: Checkpoints, config: RefineConfig) -> dict:
    """Everything a plane is true of besides its axes. weights: checkpoint -> hash; names: (backbone, strong, weak)."""
    asked = [[p.id, p.question, p.candidates, p.answer, p.graph and asdict(p.graph)] for p in problems]
    return {
        "problems": digest(asked),  # with the id, because it decides the random directions
        "weights": names.by_role(weights.__getitem__),
        "settings": {name: getattr(config, name) for name in SETTINGS},
    }


def find(kind: type, path: str | Path, marks: dict):
    """The plane of a file where it is true of all of `marks` (see `stamp`), else None. kind: Plane or AccuracyPlane."""
    try:
        found = kind.load(path)
    except RegimesError:
        return None
    return found if all(found.stamp.get(key) == value for key, value in marks.items()) else None


def kept_file(marks: dict, cache: Path | None = None) -> Path:
    """The cache's file for the plane of one problem that is true of `marks`."""
    return (cache or cache_folder()) / f"plane-{digest(marks)}.npz"


def file_name(problem: str, reference: str) -> str:
    """The name of a shipped plane."""
    return f"{problem}-{reference}.npz"


def _rms(x: np.ndarray) -> np.ndarray:
    """Root mean square over the last axis."""
    return np.sqrt(np.mean(np.square(x), axis=-1)) if x.shape[-1] else np.zeros(x.shape[:-1])


def check_shapes(plane, expect: dict[str, tuple[int, ...]]) -> None:
    wrong = [f"{n} {getattr(plane, n).shape}, expected {s}" for n, s in expect.items() if getattr(plane, n).shape != s]
    if wrong:
        raise RegimesError(f"A {type(plane).__name__} whose arrays do not fit: {'; '.join(wrong)}.")


def save(plane, path: str | Path) -> Path:
    """A file of `storage`; boolean arrays are kept as bits."""
    values = {f.name: getattr(plane, f.name) for f in fields(plane)}
    arrays = {name: v for name, v in values.items() if isinstance(v, np.ndarray)}
    bits = {name: list(v.shape) for name, v in arrays.items() if v.dtype == bool}
    meta = {"format": FORMAT, "kind": type(plane).__name__, "bits": bits}
    meta |= {"values": {name: v for name, v in values.items() if name not in arrays}}
    packed = {name: np.packbits(v) if name in bits else v for name, v in arrays.items()}
    return save_npz(path, meta, packed)


def load(kind: type, path: str | Path):
    """The plane of a file; RegimesError where it is not there, damaged, or of another kind or format."""
    fix, make = "make it again with `python -m lrr_core plane`", "make one with `python -m lrr_core plane`"
    with read_npz(path, {"format": FORMAT, "kind": kind.__name__}, RegimesError, "plane", fix, make) as npz:
        bits, values = npz.meta["bits"], npz.meta["values"]
        arrays = npz.below("")
        for name, shape in bits.items():
            arrays[name] = np.unpackbits(arrays[name], count=int(np.prod(shape))).astype(bool).reshape(shape)
        if "candidates" in values:
            values["candidates"] = tuple(values["candidates"])
        return kind(**arrays, **values)
