"""Run one problem under every method and control: `compare_methods(models, problem, config, names, lenders)`.

Each method is run twice: with everything that a page reads out, and bare and timed, as it would be used. The lock of the
models is given back between methods, so that another person's slider never waits for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..benchmarks.catalogue import Problem
from ..evaluation.answering import run_in_text
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.folder import NotCalibrated
from ..models.opened import ModelSet
from ..refinement.methods import BASELINES, FULL, METHODS, PLAIN, borrowers, shown
from ..refinement.refine import Prompts, Refiner, run_all
from ..refinement.trace import RefineConfig, Trace
from ..refinement.tracing import lend, refine_problem, same_source
from .comparison import Comparison


def compare_methods(
    models: ModelSet,
    problem: Problem,
    config: RefineConfig,
    names: Checkpoints = STANDARD,
    lenders: Sequence[Problem] = (),
    previous: Comparison | None = None,
    progress: Callable[[str, int, int], None] = lambda method, done, total: None,
) -> Comparison:
    """Every method of the table with the settings of `config` (whose own method does not matter), and the text baselines.

    lenders: problems that lend their thoughts to two of the controls, which are left out without them; so is TILR where it is
    not calibrated for these checkpoints (`tilr.ensure` does that). previous: an earlier comparison; where it is of the same
    problem and models, the runs that the settings do not touch are taken over with their times. progress: called as
    progress(method, done, total) before each. Raises RefineError or ModelError with the cause.
    """
    left_out = [] if lenders else borrowers(METHODS)
    for method in METHODS:
        try:
            models.check_method(method, names, config)
        except NotCalibrated:
            left_out.append(method)
    methods = [name for name in shown() if name not in left_out]
    text = [name for name in BASELINES if name in models.members]
    config = replace(config, method=FULL)  # the one that is called "refined" in the trace
    total, milliseconds, done = len(methods) + len(text), {}, []
    before = trace = previous.trace if previous else None
    for name in dict.fromkeys((*names, *text)):
        models.model(name)  # read from disk before any clock runs
    for method in methods:
        progress(method, len(milliseconds), total)
        done += [method] if method not in RENAMED else []
        # what was run before, and what a moved setting does not touch, is taken over
        trace = refine_problem(models, problem, config, names, done, lenders, previous=_known(trace, before))
        if before and not _same(before, trace):
            before = None
        run = RENAMED.get(method, method)
        if before and before.runs.get(run) is trace.runs[run]:
            milliseconds[method] = previous.milliseconds[method]
        else:
            milliseconds[method] = _bare(models, problem, replace(config, method=method), names, lenders)
    answers = {}
    for method in text:
        progress(method, len(milliseconds), total)
        if before and method in previous.text:
            answers[method], milliseconds[method] = previous.text[method], previous.milliseconds[method]
            continue
        with models.lock:
            start = time.perf_counter()
            answers[method] = run_in_text(models, [problem], method)[0]
            milliseconds[method] = 1000 * (time.perf_counter() - start)
    runs = trace.runs | {method: trace.runs[run] for method, run in RENAMED.items()}
    return Comparison(replace(trace, runs=runs), answers, milliseconds)


RENAMED = {PLAIN: "plain", FULL: "refined"}  # methods that a trace has under another name


def _same(before: Trace, now: Trace) -> bool:
    return same_source(before, now.problem, now.identity, now.lenders)


def _known(trace: Trace | None, previous: Trace | None) -> Trace | None:
    """The newest trace, with the runs of `previous` that it does not have yet."""
    if trace is None or previous is None or trace is previous:
        return trace
    return replace(trace, runs=previous.runs | trace.runs)


def _bare(models, problem, config: RefineConfig, names: Checkpoints, lenders) -> float:
    """Milliseconds of one method's own run, from reading the question to the decoded answer."""
    with models.lock:
        prompts = Prompts.make(models, [problem])
        lent = lend(models, [config.method], lenders, config.thoughts, names.backbone).get(config.method)
        start = time.perf_counter()
        run_all(Refiner(models, prompts, config, names, lent, details=False))
        return 1000 * (time.perf_counter() - start)
