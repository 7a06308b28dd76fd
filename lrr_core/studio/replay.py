"""Running a bundle again: the same numbers to the last bit, or exactly where they part; the same figure files, or which not.

    replay(open_bundle("bundle.zip"), models)  ->  Replay; .identical, .lines()

On the machine and versions that made it a run repeats its bits. Elsewhere the last ones may differ: then the first array, the
thought and the round that differ are named with the largest difference, beside the versions and weights that are not the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..models.checkpoints import Checkpoints
from ..models.opened import ModelSet
from ..models.shipped import find_background
from ..refinement.trace import Run, Trace
from ..refinement.tracing import refine_problem
from .bundle import FIGURE, Bundle, versions
from .checked import RUNS, BundleError
from .export import FORMATS, files
from .records import plotted, record_csv
from .regime_record import find_plane

AXES = {  # what an index of an array counts: thoughts and rounds from where people count them
    **dict.fromkeys(("states", "top_ids", "top_p", "node_p"), ("thought", "state")),
    **dict.fromkeys(("strong", "weak", "objective"), ("thought", "round")),
    **dict.fromkeys(("proposed", "readout"), ("thought",)),
    "scores": ("candidate",),
}


ROUNDING = 1e-4  # share of an array's largest value below which two machines' float32 may part (measured: 1e-6)

BY_ROUNDING = (
    f"by rounding alone, as between two machines: less than {ROUNDING:g} of any value; every answer is the same"
)


@dataclass(frozen=True)
class Difference:
    """The first array that is not the same. run, array: its name; where: place in words ("thought 2, round 1"); largest: biggest
    absolute difference in the whole array, NaN where shapes or kinds differ; share: the same over the array's largest value;
    words: what came where nothing can be subtracted."""

    run: str
    array: str
    where: str
    largest: float
    share: float = float("inf")
    words: str = ""

    @property
    def line(self) -> str:
        if self.words:
            return f"{self.run}: {self.array} {self.words}"
        return f"{self.run}: {self.array} differs first at {self.where}; largest difference {self.largest:.3g}"


@dataclass(frozen=True)
class Replay:
    """What running a bundle again gave. differences: first array of each run that is not the same; changed: versions, devices
    and weights that are not; same_files, other_files: names of what was drawn again, to the same bytes and to others;
    other_answers: runs that answer otherwise; threads: with how many it was run."""

    differences: tuple[Difference, ...]
    changed: tuple[str, ...]
    same_files: tuple[str, ...]
    other_files: tuple[str, ...]
    other_answers: tuple[str, ...] = ()
    threads: int = 1

    @property
    def identical(self) -> bool:
        return not (self.differences or self.other_files)

    def lines(self) -> list[str]:
        """The result for people, verdict first."""
        if self.differences:
            out = ["differs: the run does not give the same numbers", *(f"  {d.line}" for d in self.differences)]
            if all(d.share < ROUNDING for d in self.differences) and not self.other_answers:
                out.append(f"  {BY_ROUNDING}")
            elif self.other_answers:
                out.append(f"  other answers: {', '.join(self.other_answers)}")
        else:
            out = [
                f"identical: every number of the run, to the last bit ({self.threads} thread{'s' * (self.threads > 1)})"
            ]
        if self.same_files:
            out.append(f"same bytes: {', '.join(self.same_files)}")
        if self.other_files:
            out.append(f"other bytes: {', '.join(self.other_files)}")
        return out + [f"not the same: {line}" for line in self.changed]


def replay(bundle: Bundle, models: ModelSet, planes: Path) -> Replay:
    """Runs the bundle's trace again and draws its files again. planes: the folder of the planes for the regimes panel.
    BundleError where the set lacks a checkpoint it needs."""
    again, threads = _run_with_threads(bundle.trace, models)
    fresh = redrawn(bundle, again, models, planes)
    same = tuple(name for name, data in fresh.items() if bundle.files[name] == data)
    return Replay(
        differences=tuple(differences(bundle.trace, again)),
        changed=tuple(changed(bundle, again)),
        same_files=same,
        other_files=tuple(name for name in fresh if name not in same),
        threads=threads,
        other_answers=tuple(
            n for n, run in bundle.trace.runs.items() if n in again.runs and run.choice != again.runs[n].choice
        ),
    )


def _run_with_threads(trace: Trace, models: ModelSet) -> tuple[Trace, int]:
    """The run on one thread, which is how the app runs, and where that is not the same on as many as torch would take: sums over
    several threads are added up in another order, which shows in the last bits. Returns the one that is the same, else the
    first, and how many threads it had."""
    usual, first = torch.get_num_threads(), None
    try:
        for threads in dict.fromkeys((1, usual)):
            torch.set_num_threads(threads)
            again = run_again(trace, models)
            if not differences(trace, again):
                return again, threads
            first = first or again
    finally:
        torch.set_num_threads(usual)
    return first, 1


def run_again(trace: Trace, models: ModelSet) -> Trace:
    """The same problem, settings, checkpoints and controls on the weights at hand, whatever they are."""
    names = Checkpoints.of(trace.identity)
    if missing := [name for name in dict.fromkeys(names) if name not in models.members]:
        raise BundleError(
            f"{models.info.name} has no checkpoint {', '.join(missing)}; give the folder of the set "
            f"{trace.identity['set']!r} with --models."
        )
    controls = [name for name in trace.runs if name not in RUNS]
    return refine_problem(models, trace.problem, trace.config, names, controls, trace.lenders)


def redrawn(bundle: Bundle, trace: Trace, models: ModelSet, planes: Path) -> dict[str, bytes]:
    """The figure files and tables of a bundle, made again from a trace: name -> bytes, for those the bundle has."""
    background = find_background(models)
    if background is not None and not background.fits(trace.identity):
        background = None
    plane, formats = find_plane(trace, planes), [kind for kind in bundle.figures if kind in FORMATS]
    tables = plotted(trace, bundle.recipe, background, plane)
    made = {f"data/{name}.csv": record_csv(record).encode() for name, record in tables.items()}
    drawn = files(trace, bundle.recipe, formats, background, plane, bundle.typical)
    made |= {f"{FIGURE}.{kind}": data for kind, data in drawn.items()}
    return {name: made[name] for name in bundle.files if name in made}


def differences(before: Trace, after: Trace) -> list[Difference]:
    """For each run, the first thing that is not the same; [] for equal traces."""
    out = []
    for name, run in before.runs.items():
        if name not in after.runs:
            out.append(Difference(name, "run", "", float("nan"), words="is not there any more"))
        elif found := first_difference(name, run, after.runs[name]):
            out.append(found)
    return out


def first_difference(name: str, before: Run, after: Run) -> Difference | None:
    """The first array of two runs that differs in a bit (NaN equals NaN), then text and cost; None for equal runs."""
    for array in Run.ARRAYS:
        a, b = getattr(before, array), getattr(after, array)
        if a.shape != b.shape or a.dtype != b.dtype:
            return Difference(
                name, array, "", float("nan"), words=f"was {a.dtype} {a.shape} and is {b.dtype} {b.shape}"
            )
        equal = (a == b) | ((a != a) & (b != b))
        if not equal.all():
            with np.errstate(invalid="ignore"):
                gaps = np.abs(a.astype(float) - b.astype(float))
            place = np.unravel_index(int(np.argmin(equal)), equal.shape)
            largest, scale = (
                float(np.nanmax(gaps[~equal], initial=0.0)),
                float(np.nanmax(np.abs(a.astype(float)), initial=0.0)),
            )
            return Difference(name, array, _where(array, place), largest, largest / scale if scale else float("inf"))
    said: Mapping[str, tuple] = {
        "decoded text": (before.text, after.text),
        "forward passes": (before.cost, after.cost),
        "settings": (before.config, after.config),
    }
    for what, (a, b) in said.items():
        if a != b:
            return Difference(name, what, "", float("nan"), words=f"was {a!r} and is {b!r}")
    return None


def _where(array: str, place: tuple[int, ...]) -> str:
    """An index in words: thoughts, rounds and candidates from 1; of a state, round 0 is the one after mixing."""
    words = {"thought": lambda i: f"thought {i + 1}", "round": lambda i: f"round {i + 1}"}
    words |= {"state": lambda i: f"round {i}", "candidate": lambda i: f"candidate {i + 1}"}
    return ", ".join(words[axis](int(i)) for axis, i in zip(AXES[array], place, strict=False))


def changed(bundle: Bundle, again: Trace) -> list[str]:
    """Versions, device and weights that are not those of the bundle, as "what: before → now"."""
    now, out = versions(again), []
    for what, before in bundle.versions.items():
        if now.get(what, "") != before:
            out.append(f"{what}: {before} → {now.get(what, 'unknown')}")
    made_with, here = bundle.trace.identity.get("members", {}), again.identity["members"]
    for name, weights in here.items():
        if made_with.get(name) != weights:
            out.append(f"weights of {name}: {str(made_with.get(name))[:12]}… → {weights[:12]}…")
    return out
