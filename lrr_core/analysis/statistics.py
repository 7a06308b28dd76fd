"""The statistics every rate and every comparison is shown with.

wilson(correct, n)           95 % interval of a rate
paired_difference(a, b)      accuracy of a minus accuracy of b on the same problems
pack(right), unpack(text, n) right and wrong of n problems as hexadecimal digits, as files and logs keep them
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike


@lru_cache(maxsize=4096)
def wilson(correct: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a rate, as fractions; (0, 1) for n = 0."""
    from scipy.stats import binomtest

    if n == 0:
        return 0.0, 1.0
    interval = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class PairedDifference:
    """Accuracy of one setting minus another's on the same n problems.

    points, ci95: percentage points, with a 95 % paired bootstrap interval; p_value: of an exact McNemar test, two-sided;
    gained, lost: problems that only the first, or only the second, answers rightly.
    """

    points: float
    ci95: tuple[float, float]
    p_value: float
    gained: int
    lost: int
    n: int

    @property
    def verdict(self) -> str:
        """What may be said at this n: "helps" or "hurts" where the interval leaves out zero, else "nothing shown"."""
        low, high = self.ci95
        return "helps" if low > 0 else "hurts" if high < 0 else "nothing shown"

    def text(self) -> str:
        """In points, with its interval."""
        return "{} ({} to {})".format(*map(_signed, (self.points, *self.ci95)))

    def row(self) -> dict:
        """As a report keeps it, in plain JSON types."""
        kept = ("points", "ci95", "p_value", "gained", "lost")
        return {name: getattr(self, name) for name in kept} | {"ci95": list(self.ci95)}


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−").replace("+0.0", "0.0").replace("−0.0", "0.0")


def paired_difference(a: ArrayLike, b: ArrayLike, seed: int = 0, draws: int = 10_000) -> PairedDifference:
    """Accuracy of `a` minus accuracy of `b`, (n,) right or wrong each, on the same problems. ValueError for unequal lengths."""
    mine, theirs = np.asarray(a, bool), np.asarray(b, bool)
    if mine.shape != theirs.shape:
        raise ValueError(f"Paired results must have the same length, not {len(mine)} and {len(theirs)}.")
    return _of_counts(int((mine & ~theirs).sum()), int((~mine & theirs).sum()), len(mine), seed, draws)


@lru_cache(maxsize=4096)
def _of_counts(gained: int, lost: int, n: int, seed: int, draws: int) -> PairedDifference:
    """All a paired difference depends on are its counts: hundreds of cells share a few, so each is resampled once."""
    from scipy.stats import binomtest

    if n == 0:
        return PairedDifference(0.0, (0.0, 0.0), 1.0, 0, 0, 0)
    # a resample of n pairs is a multinomial draw over (gained, lost, tied)
    counts = np.random.default_rng(seed).multinomial(n, [gained / n, lost / n, 1 - (gained + lost) / n], draws)
    low, high = np.percentile(100 * (counts[:, 0] - counts[:, 1]) / n, [2.5, 97.5])
    p = binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    return PairedDifference(100 * (gained - lost) / n, (float(low), float(high)), float(p), gained, lost, n)


def pack(right: ArrayLike) -> str:
    """(n,) right or wrong as hexadecimal digits, eight problems to two digits."""
    return np.packbits(np.asarray(right, bool)).tobytes().hex()


def unpack(text: str, n: int) -> np.ndarray:
    """The inverse of `pack`; (n,) bool. ValueError where `text` is no such thing or holds fewer than n."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))
    if len(bits) < n:
        raise ValueError(f"{len(bits)} answers where {n} were promised")
    return bits[:n].astype(bool)
