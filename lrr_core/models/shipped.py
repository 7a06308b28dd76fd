"""Results that lie ready: files that are true of certain weights only, found without torch.

A map, an opening run or a plane of settings takes seconds or minutes to make, so they are shipped with a model set or kept
in a cache folder. Each records the hashes of the weights it was made with; one that does not fit is passed over, never
shown. `background.ensure`, `refine --out` and `plane` make them.
"""

from __future__ import annotations

from pathlib import Path

from ..analysis.projection import Background, ProjectionError
from ..refinement.request import RunRequest
from ..refinement.trace import ConfigError, Trace
from ..storage import cache_folder, digest
from .checkpoints import ROLES
from .folder import ModelFolder


def cached_background(folder: ModelFolder, cache: Path | None = None) -> Path:
    """The cache's file for the maps of these very weights."""
    return (cache or cache_folder()) / f"background-{digest(folder.weights(*folder.thinkers()))}.npz"


def find_background(folder: ModelFolder, cache: Path | None = None) -> Background | None:
    """The shipped background, else the cached one, where it fits these weights; None means: show PCA of the run, build."""
    for file in (folder.path / "background.npz", cached_background(folder, cache)):
        try:
            background = Background.load(file)
        except ProjectionError:
            continue
        if background.fits({"members": folder.weights(*folder.thinkers())}):
            return background
    return None


def find_opening(folder: ModelFolder) -> Trace | None:
    """The shipped run of a set, where it was made with these weights; else None.

    It lets a page show the first picture while torch is still being imported, and holds the numbers of a real run: a test
    makes them again.
    """
    try:
        trace = Trace.load(folder.path / "opening.npz")
    except ConfigError:
        return None
    made_with = trace.identity.get("members", {})
    known = made_with and set(made_with) <= set(folder.members)
    return trace if known and made_with == folder.weights(*made_with) else None


def is_run_of(trace: Trace, request: RunRequest) -> bool:
    """Whether a trace is the run that was asked for: the same problem, checkpoints and settings."""
    made_with = tuple(trace.identity.get(role) for role in ROLES)
    return (trace.problem, trace.config, made_with) == (request.problem, request.config, request.checkpoints)
