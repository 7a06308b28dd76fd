"""Accuracy over the plane of step size and residual mix: which of N problems every setting answers rightly.

    plane = AccuracyPlane.load("assets/regimes/accuracy-next.npz")      `planes.accuracy_plane` makes it
    plane.compared()["points"]                                          (S, A) difference to the plain run

The answers are kept, not their share, so every cell is compared with the plain run on the same problems. Whoever picks the
best of many cells is flattered by chance: confirm it on other problems.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..analysis.statistics import paired_difference, wilson
from .setting_plane import check_shapes, load, save


@dataclass(frozen=True)
class AccuracyPlane:
    """Which of N problems every setting answers rightly. Cells that have not been run are marked in `done`.

    step_sizes: (S,) signed; residuals: (A,); right, random_right: (S, A, N) under the setting, and with every push in a
    random direction of equal length; done, random_done: (S, A); plain, zero: (N,) the plain run, and all thoughts blanked;
    chance: accuracy of guessing; source: how the problems were made; stamp, identity: as in `Plane`.
    """

    step_sizes: np.ndarray
    residuals: np.ndarray
    right: np.ndarray
    done: np.ndarray
    random_right: np.ndarray
    random_done: np.ndarray
    plain: np.ndarray
    zero: np.ndarray
    chance: float
    source: dict
    stamp: dict
    identity: dict

    def __post_init__(self):
        cells = (len(self.step_sizes), len(self.residuals))
        expect = {"right": cells + self.plain.shape, "random_right": cells + self.plain.shape, "zero": self.plain.shape}
        check_shapes(self, expect | {"done": cells, "random_done": cells})

    @property
    def n(self) -> int:
        return len(self.plain)

    def compared(self, random: bool = False) -> dict[str, np.ndarray]:
        """Every cell against the plain run on the same problems, each (S, A), NaN where a cell has not been run.

        accuracy, low, high: in %, 95 % Wilson interval; points, points_low, points_high: difference in percentage points with
        a paired bootstrap interval; gained, lost: problems only this setting, or only the plain run, answers rightly.
        """
        right, done = (self.random_right, self.random_done) if random else (self.right, self.done)
        names = ("accuracy", "low", "high", "points", "points_low", "points_high", "gained", "lost")
        out = {name: np.full(done.shape, np.nan) for name in names}
        for cell in zip(*np.nonzero(done), strict=True):
            pair, row = paired_difference(right[cell], self.plain), right[cell]
            interval = wilson(int(row.sum()), self.n)
            values = (row.mean(), *interval)
            for name, value in zip(names, [*(100 * v for v in values), pair.points, *pair.ci95], strict=False):
                out[name][cell] = value
            out["gained"][cell], out["lost"][cell] = pair.gained, pair.lost
        return out

    def in_words(self) -> str:
        """What every cell is to be compared with: the plain run, blanked thoughts, chance."""
        said = []
        for name, right in (("Plain run", self.plain), ("zero thoughts", self.zero)):
            low, high = wilson(int(right.sum()), self.n)
            said.append(f"{name} {100 * right.mean():.1f} % ({100 * low:.1f}–{100 * high:.1f})")
        return f"{', '.join(said)}, chance {100 * self.chance:.0f} %; n = {self.n}, 95 % Wilson intervals"

    def save(self, path: str | Path) -> Path:
        return save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> AccuracyPlane:
        """Read an accuracy plane; a file that is none raises RegimesError saying why."""
        return load(cls, path)
