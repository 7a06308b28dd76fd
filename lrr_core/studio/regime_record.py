"""The record of the regimes panel: one problem's plane of step size and mix, with the setting of the trace marked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..models.checkpoints import Checkpoints
from ..refinement.trace import Trace
from ..studies import setting_plane as regimes
from ..studies.setting_plane import Plane, name_regions
from .recipe import Recipe, RecipeError

SURE = 4.0  # nats: beyond this margin (55 : 1) the shade is full, as on the screen


@dataclass(frozen=True)
class RegimeRecord:
    """reading: a key of REGIMES; step_sizes: (S,) signed; residuals: (A,); names: (S, A) regions or what becomes of the answer;
    margin: (S, A) nats, of the random pushes where that is the reading; right: (S, A) of the same; here: (signed step, mix) of the
    trace; missing: why there is no plane, "" where there is one (then all arrays are empty)."""

    reading: str
    step_sizes: np.ndarray
    residuals: np.ndarray
    names: np.ndarray
    margin: np.ndarray
    right: np.ndarray
    here: tuple[float, float]
    missing: str = ""

    @property
    def titles(self) -> tuple[str, ...]:
        words = {
            "regions": "what becomes of this problem",
            "margin": "margin of the answer",
            "flips": "where the answer flips",
            "random pushes": "margin under random pushes",
        }[self.reading]
        return f"Every setting: {words}", words[0].upper() + words[1:], "Every setting"

    def rows(self) -> list[dict]:
        return [
            {
                "step size": s,
                "residual mix": a,
                "region": str(self.names[i, j]),
                "margin": self.margin[i, j],
                "right": self.right[i, j],
            }
            for i, s in enumerate(self.step_sizes)
            for j, a in enumerate(self.residuals)
        ]


def here(trace: Trace) -> tuple[float, float]:
    """The signed step size and the mix that the trace's own method uses of its settings."""
    config = trace.config
    return config.signed_step, config.rule.residual(config.residual)


def regime_record(trace: Trace, recipe: Recipe, background, plane: Plane | None) -> RegimeRecord:
    """Raises RecipeError where the plane is of another problem."""
    if plane is None:
        empty = np.zeros((0, 0))
        words = "No plane of this problem and these settings is at hand; `python -m lrr_core plane` makes one."
        return RegimeRecord(recipe.regimes, np.zeros(0), np.zeros(0), empty, empty, empty, here(trace), words)
    if plane.problem != trace.problem.id:
        raise RecipeError(
            f"The plane is of problem {plane.problem}, the trace of {trace.problem.id}; give one plane per problem."
        )
    random = recipe.regimes == "random pushes"
    right = (plane.random_choice if random else plane.choice) == plane.answer
    was_right = plane.plain_choice == plane.answer
    kept, lost = ("stays right", "flips to wrong") if was_right else ("flips to right", "stays wrong")
    names = name_regions(plane) if recipe.regimes == "regions" else np.where(right, kept, lost)
    margin = plane.random_margin if random else plane.margin
    return RegimeRecord(recipe.regimes, plane.step_sizes, plane.residuals, names, margin, right, here(trace))


def find_plane(trace: Trace, folder: Path, cache: Path | None = None) -> Plane | None:
    """The plane of the trace's problem, models and settings that lies ready: in `folder`, else in the user's cache; else None."""
    marks = plane_marks(trace)
    if not marks:
        return None
    shipped = folder / regimes.file_name(trace.problem.id, trace.config.reference)
    return regimes.find(Plane, shipped, marks) or regimes.find(Plane, regimes.kept_file(marks, cache), marks)


def plane_marks(trace: Trace) -> dict:
    """What a plane must be true of to belong to this trace, see `regimes.stamp`; {} where the right answer is unknown."""
    if trace.problem.answer is None or len(trace.problem.candidates) < 2:
        return {}
    names = Checkpoints.of(trace.identity)
    return regimes.stamp([trace.problem], trace.identity["members"], names, trace.config)
