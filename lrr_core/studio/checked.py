"""A trace of a stranger, checked before it is believed: bounds, then numpy without pickle, then whether its parts fit together.

What passes here can be measured and drawn: every run that is drawn is there, every array has the shape its neighbours ask for
and holds finite numbers, every token and node has a name.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..models.checkpoints import ROLES
from ..refinement.trace import ConfigError, Run, Trace
from .archive import ArchiveError, check_npz

TRACE = "trace.npz"
RUNS = ("plain", "strong", "weak", "refined")
LONGEST = 20_000  # letters of one text in a trace


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
    """Whether the parts of a trace are what they are called and fit together, as far as anything is measured or drawn."""
    _check_problem(trace.problem)
    runs, identity = trace.runs, trace.identity
    _need(all(name in runs for name in RUNS), f"it needs the runs {', '.join(RUNS)} and has {', '.join(runs)[:80]}")
    _need(isinstance(identity, dict), "it does not say who made it")
    _need(all(_is_text(identity.get(role)) for role in (*ROLES, "lens", "set")), "it does not say who made it")
    members = identity.get("members")
    _need(isinstance(members, dict) and all(_is_text(v) for v in members.values()), "it names no weights")
    _need(_is_json(identity), "what it says of its making is not plain JSON")
    _need(all(_is_text(word) for word in (*trace.watched, *trace.tokens.values())), "a token or node has no name")
    for other in trace.lenders:
        _check_problem(other)
    refined, graph = runs["refined"].config, trace.problem.graph
    # a run keeps only the settings it depends on; those must be the trace's
    alike = (trace.config.method, trace.config.thoughts) == (refined.method, refined.thoughts)
    _need(alike, "its settings are not its run's")
    if graph is not None:
        names = len(graph.names)
        _need(len(trace.watched) == names, f"it watches {len(trace.watched)} nodes of a graph of {names}")
    most, width = len(runs["plain"].proposed), runs["plain"].proposed.shape[1]
    for name, run in runs.items():
        _check_run(name, run, trace, width)
        thoughts = len(run.proposed)
        _need(thoughts == most, f"the run {name} has {thoughts} thoughts, the plain one {most}")


def _check_problem(problem: Problem) -> None:
    _need(
        problem.benchmark in BENCHMARKS if _is_text(problem.benchmark) else False, "its benchmark is none that is known"
    )
    texts = (problem.id, problem.question, problem.free_answer, problem.doubt)
    lists = (problem.candidates, problem.steps, problem.options, problem.formal)
    _need(all(_is_text(word) for word in (*texts, *(w for words in lists for w in words))), "its problem is no text")
    pairs = all(isinstance(pair, tuple) and len(pair) == 2 and all(map(_is_text, pair)) for pair in problem.renamed)
    _need(pairs, "its renamed names are no pairs")
    _need(problem.answer is None or _is_whole(problem.answer), "its right answer is no candidate")
    _need(len(problem.candidates) >= 2, "the problem has fewer than two candidates")
    if (graph := problem.graph) is not None:  # its own record has checked that its nodes are there
        _need(all(_is_text(name) for name in graph.names), "a node of its graph has no name")
        _need(all(len(edge) == 2 for edge in graph.edges), "an edge of its graph does not join two nodes")
        nodes = (*graph.candidates, graph.root, *(n for edge in graph.edges for n in edge))
        _need(all(_is_whole(n) for n in nodes), "a node of its graph is no whole number")
        _need(graph.answer is None or _is_whole(graph.answer), "the answer of its graph is no node")
        _need(len(graph.candidates) == len(problem.candidates), "its graph has other candidates than the problem")


def _check_run(name: str, run: Run, trace: Trace, width: int) -> None:
    _need(name.replace("_", "").isalnum() and len(name) < 60, "a run has a name that is none")
    _need(_is_text(run.text) and _is_whole(run.text_tokens), f"the decoded answer of the run {name} is no text")
    counted = isinstance(run.cost, dict) and all(_is_whole(count) for count in run.cost.values())
    _need(counted, f"the forward passes of the run {name} are no counts")
    _need(run.proposed.shape[1] == width, f"the run {name} has another width than the plain one")
    _need(len(run.proposed) >= 1, f"the run {name} has no thought")
    candidates = len(trace.problem.candidates)
    _need(run.scores.shape == (candidates,), f"the run {name} scores {run.scores.shape} candidates")
    _need(run.node_p.shape[-1] in (0, len(trace.watched)), f"the run {name} watches other nodes than the trace")
    _need(run.top_ids.dtype.kind in "iu", f"the tokens of the run {name} are no whole numbers")
    _need({int(i) for i in run.top_ids.flat} <= set(trace.tokens), f"the run {name} names tokens that are not listed")
    for array in run.ARRAYS:
        values = getattr(run, array)
        _need(values.dtype.kind in "iuf", f"{array} of the run {name} holds no numbers")
        # a candidate's log p may be -inf and a read-out NaN where it was not asked; a state may be neither
        finite = array in ("readout", "scores") or bool(np.isfinite(values).all())
        _need(finite, f"{array} of the run {name} holds values that are not finite")
    _need(bool(np.isfinite(run.scores.max())), f"scores of the run {name} holds values that are not finite")


def _need(true: bool, words: str) -> None:
    if not true:
        raise BundleError(f"This trace does not fit together: {words}. Write it again with `refine --out`.")


def _is_text(value) -> bool:
    return isinstance(value, str) and len(value) < LONGEST


def _is_whole(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


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
