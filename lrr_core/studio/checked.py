"""A trace of a stranger, checked before it is believed: bounds, then numpy without pickle, then whether its parts fit together.

What passes here can be measured and drawn: every run that is drawn is there, every array has the shape its neighbours ask for
and holds finite numbers, every token and node has a name.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from ..trace import ConfigError, RefineConfig, Trace
from .archive import ArchiveError, check_npz

TRACE = "trace.npz"
RUNS = ("plain", "strong", "weak", "refined")
ROLES = ("backbone", "strong", "weak")


class BundleError(ValueError):
    """A bundle or trace that is not opened; the message says what is wrong with it and what to do."""


def open_trace(source: bytes | str | Path) -> Trace:
    """A trace of a stranger: bounds first, then numpy (without pickle), then whether its parts fit together.

    BundleError says what is wrong. What passes can be measured and drawn.
    """
    data = file_bytes(source)
    try:
        check_npz(data)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / TRACE
            path.write_bytes(data)
            trace = Trace.load(path)
    except ArchiveError as error:
        raise BundleError(f"This is no trace that can be read: {error}") from error
    except ConfigError as error:
        said = str(error).replace(str(path), "the file")
        raise BundleError(f"This is no trace that can be read: {said}") from error
    check_trace(trace)
    return trace


def check_trace(trace: Trace) -> None:
    """Whether the parts of a trace fit together as far as anything is measured or drawn."""

    def need(true: bool, words: str) -> None:
        if not true:
            raise BundleError(f"This trace does not fit together: {words}. Write it again with `refine --out`.")

    problem, runs = trace.problem, trace.runs
    need(all(name in runs for name in RUNS), f"it needs the runs {', '.join(RUNS)} and has {', '.join(runs)[:80]}")
    need(len(problem.candidates) >= 2, "the problem has fewer than two candidates")
    texts = (problem.id, problem.question, *problem.candidates, *trace.watched, *trace.tokens.values())
    need(all(isinstance(text, str) and len(text) < 20_000 for text in texts), "a name or text in it is none")
    need(
        all(isinstance(trace.identity.get(role), str) for role in (*ROLES, "lens", "set")),
        "it does not say who made it",
    )
    members = trace.identity.get("members")
    need(isinstance(members, dict) and all(isinstance(v, str) for v in members.values()), "it names no weights")
    need(
        trace.config == runs["refined"].config or _alike(trace.config, runs["refined"].config),
        "its settings are not its run's",
    )
    need(_is_json(trace.identity), "what it says of its making is not plain JSON")
    graph, width = problem.graph, runs["plain"].proposed.shape[1]
    if graph is not None:
        names = len(graph.names)  # its own record has checked its nodes and edges
        need(len(trace.watched) == names, f"it watches {len(trace.watched)} nodes of a graph of {names}")
        need(len(graph.candidates) == len(problem.candidates), "its graph has other candidates than the problem")
    most = max(len(run.proposed) for run in runs.values())
    for name, run in runs.items():
        need(
            isinstance(name, str) and name.replace("_", "").isalnum() and len(name) < 60,
            "a run has a name that is none",
        )
        need(run.proposed.shape[1] == width, f"the run {name} has another width than the plain one")
        need(len(run.proposed) >= 1, f"the run {name} has no thought")
        need(run.scores.shape == (len(problem.candidates),), f"the run {name} scores {run.scores.shape} candidates")
        need(run.node_p.shape[-1] in (0, len(trace.watched)), f"the run {name} watches other nodes than the trace")
        need(
            name not in RUNS or len(run.proposed) == most, f"the run {name} has {len(run.proposed)} of {most} thoughts"
        )
        need(run.top_ids.dtype.kind in "iu", f"the tokens of the run {name} are no whole numbers")
        need(
            {int(i) for i in run.top_ids.flat} <= set(trace.tokens), f"the run {name} names tokens that are not listed"
        )
        for field_ in run.ARRAYS:
            values = getattr(run, field_)
            need(values.dtype.kind in "iuf", f"{field_} of the run {name} holds no numbers")
            # a candidate's log p may be -inf and a read-out NaN where it was not asked; a state may be neither
            finite = field_ in ("readout", "scores") or bool(np.isfinite(values).all())
            need(finite, f"{field_} of the run {name} holds values that are not finite")
    need(isinstance(runs["refined"].text, str) and isinstance(runs["plain"].text, str), "a decoded answer is no text")


def _alike(config: RefineConfig, run: RefineConfig) -> bool:
    """A run keeps only the settings it depends on; those must be the trace's."""
    return (config.method, config.thoughts) == (run.method, run.thoughts)


def _is_json(value) -> bool:
    try:
        return bool(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        return False


def file_bytes(source: bytes | str | Path) -> bytes:
    """The bytes themselves, or those of the file at a path; BundleError where there is none."""
    if isinstance(source, bytes):
        return source
    try:
        return Path(source).read_bytes()
    except FileNotFoundError:
        raise BundleError(f"There is no file {source}; give the path of a bundle.zip.") from None
    except OSError as error:
        raise BundleError(f"{source} cannot be read ({error}).") from error
