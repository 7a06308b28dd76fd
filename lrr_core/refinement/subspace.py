"""The subspace that TILR keeps its steps in (arXiv 2606.29164), as numbers and a file. No torch.

The differences δ = g - b between strong's and weak's references lie near few directions. Their truncated SVD, which keeps a
share (`energy`) of the sum of squares, gives orthonormal rows U, and Π = UᵀU. A step of TILR is

    s · γ · Πδ        γ = ‖Πδ‖ / (‖δ‖ + ε), the share of δ's length that lies inside

so that a difference of a kind never met in calibration moves a thought little, and one wholly outside not at all.

    subspace = fit(deltas, energy=0.9, reference="next", names=..., members=..., problems=...)
    subspace.split(deltas).gamma

Laws (tests): ΠΠ = Π; inside² + outside² = ‖δ‖²; the rank is the smallest that captures the energy; energy 1 on differences
of full rank leaves every step as it is, with γ = 1.

`tilr.calibrate` collects the differences, `model_set.ModelFolder.subspace` finds a file by the weights it is true of.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..models.checkpoints import ROLES, Checkpoints
from ..storage import read_npz, save_npz

FORMAT = 1
ENERGY = 0.9  # share of the differences' energy that is kept
EPSILON = 1e-12  # ε of γ, in units of the hidden state: only keeps 0/0 from being asked
SHOWN = 1500  # calibration differences of which a picture is kept


class SubspaceError(ValueError):
    """A subspace that cannot be fitted or read; the message says what was expected, what came, and the fix."""


@dataclass(frozen=True)
class Split:
    """Differences as a subspace divides them, any leading axes.

    plane: (..., 2) where they lie on the first two directions; inside: ‖Πδ‖, what is kept; outside: ‖δ - Πδ‖, what is cut,
    both in units of the hidden state; gamma: inside / (‖δ‖ + ε), 0 where δ is zero.
    """

    plane: np.ndarray
    inside: np.ndarray
    outside: np.ndarray

    @property
    def gamma(self) -> np.ndarray:
        return self.inside / (np.hypot(self.inside, self.outside) + EPSILON)


@dataclass(frozen=True)
class Subspace:
    """What a calibration found. D width, r rank, m the smaller of D and the number of differences, n differences.

    basis:     (r, D) float32, orthonormal rows U, the direction of most energy first; r = 0 where all differences are zero
    singular:  (m,) singular values of all directions, largest first
    energy:    the share of Σ singular² that was asked for; captured: the share that r directions hold
    reference: how g and b were read, a key of `trace.REFERENCES`
    names, members: role (backbone, strong, weak) -> name of the checkpoint, and hash of its weights
    problems:  which problems the differences come from, in plain JSON types, with `n` and `thoughts`
    seen:      at most SHOWN of the differences as the subspace divides them, spread evenly, for a picture
    """

    basis: np.ndarray
    singular: np.ndarray
    energy: float
    captured: float
    reference: str
    names: dict[str, str]
    members: dict[str, str]
    problems: dict
    n: int
    seen: Split = field(repr=False)

    def __post_init__(self):
        rank, width = self.basis.shape
        if rank > len(self.singular) or len(self.singular) > min(width, self.n):
            raise SubspaceError(
                f"A basis of {rank} directions in {width} numbers does not fit {len(self.singular)} singular values of "
                f"{self.n} differences."
            )
        for what, found in (("names", self.names), ("members", self.members)):
            if set(found) != set(ROLES):
                raise SubspaceError(f"{what} must say {', '.join(ROLES)}, not {', '.join(found) or 'nothing'}.")
        if rank and not np.allclose(self.basis @ self.basis.T, np.eye(rank), atol=1e-4):
            raise SubspaceError("The rows of the basis are not orthonormal; calibrate anew.")

    @property
    def rank(self) -> int:
        return len(self.basis)

    @property
    def width(self) -> int:
        return self.basis.shape[1]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all that decides a run: the bits of the basis, the reading, and the weights it is true of."""
        facts = json.dumps([self.reference, [self.members[role] for role in ROLES], list(self.basis.shape)])
        return hashlib.sha256(facts.encode() + np.ascontiguousarray(self.basis, "<f4").tobytes()).hexdigest()

    @property
    def shares(self) -> np.ndarray:
        """(m,) the share of the energy that the first 1, 2, ... m directions hold; 1 at the end."""
        return _shares(self.singular)

    def fits(self, members: dict[str, str], reference: str) -> bool:
        """Whether it is true of these weights (role -> hash) and this reading."""
        return self.reference == reference and self.members == members

    def project(self, delta: np.ndarray) -> np.ndarray:
        """Πδ, (..., D) -> (..., D), in double precision."""
        basis = self.basis.astype(np.float64)
        return np.asarray(delta, np.float64) @ basis.T @ basis

    def split(self, delta: np.ndarray) -> Split:
        """How differences (..., D) lie to this subspace."""
        return _split(self.basis, np.asarray(delta, np.float64))

    def save(self, path: str | Path) -> Path:
        """Write to `path` (an .npz without pickle); the file appears complete or not at all."""
        kept = ("energy", "captured", "reference", "names", "members", "problems", "n")
        meta = {"format": FORMAT} | {name: getattr(self, name) for name in kept}
        arrays = {"basis": self.basis, "singular": self.singular}
        arrays |= {f"seen/{name}": getattr(self.seen, name) for name in ("plane", "inside", "outside")}
        return save_npz(path, meta, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Subspace:
        """Read a calibration; SubspaceError where the file is none, is damaged or of another format."""
        with read_npz(path, {"format": FORMAT}, SubspaceError, "calibration", "calibrate anew") as npz:
            meta = {key: value for key, value in npz.meta.items() if key != "format"}
            seen = Split(*(npz[f"seen/{name}"] for name in ("plane", "inside", "outside")))
            return cls(basis=npz["basis"], singular=npz["singular"], seen=seen, **meta)


def fit(
    deltas: np.ndarray,
    energy: float = ENERGY,
    *,
    reference: str,
    names: dict[str, str],
    members: dict[str, str],
    problems: dict,
) -> Subspace:
    """The smallest subspace that holds `energy` of the differences (n, D): a truncated SVD, not centred, because a push that
    is the same everywhere is the direction that matters most.

    Each direction's sign is chosen so that its largest number is positive. Where all differences are zero (strong = weak)
    the rank is 0. SubspaceError for an energy outside (0, 1], no difference, or one that is not finite.
    """
    deltas = np.asarray(deltas, np.float64)
    if not (isinstance(energy, int | float) and 0 < energy <= 1):
        raise SubspaceError(f"energy must lie above 0 and at most at 1, not {energy!r}; 0.9 is the usual choice.")
    if deltas.ndim != 2 or not len(deltas):
        raise SubspaceError(f"Differences must be (n, D) with n at least 1, not {deltas.shape}.")
    if not np.isfinite(deltas).all():
        raise SubspaceError("A difference between strong and weak is not finite; check the two checkpoints.")
    _, singular, directions = np.linalg.svd(deltas, full_matrices=False)  # (m,), (m, D)
    real = singular > singular[0] * max(deltas.shape) * np.finfo(np.float64).eps  # the others are rounding
    shares = _shares(singular * real)
    rank = int(np.searchsorted(shares, energy)) + 1 if real.any() else 0
    rank = min(rank, int(real.sum()))
    chosen = directions[:rank]
    largest = np.take_along_axis(chosen, np.abs(chosen).argmax(1)[:, None], 1) if rank else chosen[:, :1]
    basis = (chosen * np.sign(largest)).astype(np.float32)
    shown = deltas[np.linspace(0, len(deltas) - 1, min(len(deltas), SHOWN)).round().astype(int)]
    seen = _split(basis, shown)
    return Subspace(
        basis=basis,
        singular=singular,
        energy=float(energy),
        captured=float(shares[rank - 1]) if rank else 1.0,
        reference=reference,
        names=names,
        members=members,
        problems=problems,
        n=len(deltas),
        seen=Split(*(values.astype(np.float32) for values in (seen.plane, seen.inside, seen.outside))),
    )


def file_name(names: Checkpoints, reference: str) -> str:
    """The file of a calibration inside a model set's folder `tilr`; names: (backbone, strong, weak)."""
    return "-".join(name.replace("/", "-") for name in (*names, reference)) + ".npz"


def words(subspace: Subspace) -> str:
    """What a calibration says, in a sentence."""
    if not subspace.rank:
        return f"Strong and weak agree on all {subspace.n:,} calibration thoughts, so there is nothing to keep."
    return (
        f"{subspace.rank} of {subspace.width} directions hold {100 * subspace.captured:.1f} % of the energy of strong − weak on "
        f"{subspace.n:,} thoughts of {subspace.problems.get('n', '?')} calibration problems "
        f"({100 * subspace.energy:g} % were asked for)."
    )


def _shares(singular: np.ndarray) -> np.ndarray:
    total = np.cumsum(singular**2)
    return total / total[-1] if len(total) and total[-1] > 0 else np.ones_like(singular)


def _split(basis: np.ndarray, delta: np.ndarray) -> Split:
    basis = basis.astype(np.float64)
    along = delta @ basis.T  # (..., r)
    plane = np.zeros((*along.shape[:-1], 2))
    plane[..., : min(2, len(basis))] = along[..., :2]
    return Split(plane, np.linalg.norm(along, axis=-1), np.linalg.norm(delta - along @ basis, axis=-1))
