"""Run one problem under every method and control: `compare_methods(models, problem, config, names, others)`.

Each method is run twice: with everything that a page reads out, and bare and timed, as it would be used. The lock of the
models is given back between methods, so that another person's slider never waits for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..benchmarks.catalogue import Problem
from ..evaluation.answering import run_in_text
from ..evaluation.arms import TEXT_METHODS
from ..models.folder import NotCalibrated
from ..models.opened import ModelSet
from ..refinement.refine import Prompts, Refiner, plain_thoughts, run_all
from ..refinement.trace import RefineConfig, Trace
from ..refinement.tracing import refine_problem, same_source
from .comparison import BORROW, ORDER, Comparison


def compare_methods(
    models: ModelSet,
    problem: Problem,
    config: RefineConfig,
    names: tuple[str, str, str] = ("backbone", "strong", "weak"),
    others: Sequence[Problem] = (),
    previous: Comparison | None = None,
    progress: Callable[[str, int, int], None] = lambda method, done, total: None,
) -> Comparison:
    """Every method of `ORDER` with the settings of `config` (whose own method does not matter), and the text baselines.

    others: problems that lend their thoughts to two of the controls, which are left out without them; so is TILR where it is
    not calibrated for these checkpoints (`tilr.ensure` does that). previous: an earlier comparison; where it is of the same
    problem and models, the runs that the settings do not touch are taken over with their times. progress: called as
    progress(method, done, total) before each. Raises RefineError or ModelError with the cause.
    """
    left_out = () if others else BORROW
    try:
        models.check_method("tilr", names, config)
    except NotCalibrated:
        left_out += ("tilr",)
    methods = [name for name in ORDER if name not in left_out]
    text = [name for name in TEXT_METHODS if name in models.members]
    config = replace(config, method="full")  # the one that is called "refined" in the trace
    total, milliseconds, done = len(methods) + len(text), {}, []
    before = trace = previous.trace if previous else None
    for name in dict.fromkeys((*names, *text)):
        models.model(name)  # read from disk before any clock runs
    for method in methods:
        progress(method, len(milliseconds), total)
        done += [method] if method not in RENAMED else []
        # what was run before, and what a moved setting does not touch, is taken over
        trace = refine_problem(models, problem, config, names, done, others, previous=_known(trace, before))
        if before and not _same(before, trace):
            before = None
        run = RENAMED.get(method, method)
        if before and before.runs.get(run) is trace.runs[run]:
            milliseconds[method] = previous.milliseconds[method]
        else:
            milliseconds[method] = _bare(models, problem, replace(config, method=method), names, others)
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


RENAMED = {"coconut": "plain", "full": "refined"}  # methods that a trace has under another name


def _same(before: Trace, now: Trace) -> bool:
    return same_source(before, now.problem, now.identity, now.others)


def _known(trace: Trace | None, previous: Trace | None) -> Trace | None:
    """The newest trace, with the runs of `previous` that it does not have yet."""
    if trace is None or previous is None or trace is previous:
        return trace
    return replace(trace, runs=previous.runs | trace.runs)


def _bare(models, problem, config: RefineConfig, names, others) -> float:
    """Milliseconds of one method's own run, from reading the question to the decoded answer."""
    with models.lock:
        prompts, donors = Prompts.make(models, [problem]), None
        if config.method in BORROW:
            donors = plain_thoughts(models, Prompts.make(models, others), config.thoughts, names[0])
            donors = donors[:1] if config.method == "other_thoughts" else donors.mean(0, keepdim=True)
        start = time.perf_counter()
        run_all(Refiner(models, prompts, config, names, donors, details=False))
        return 1000 * (time.perf_counter() - start)
