"""Finding a case in an evaluation: every problem of a report with what a method did to it, and how typical that is.

    cases(report, "full", flip="gained", hops={3})       -> [Case, ...], the largest change of the margin first
    typical(report, case)                                -> one line for the caption
    trace_of(models, report, case)                       -> the Trace, run again with exactly the report's settings

What a case is, and which control stands beside it, says `evaluation.cases`. Here only latent arms count, each held against
the plain latent run of the report.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..analysis.curves import margin
from ..benchmarks.answers import chosen
from ..benchmarks.catalogue import Problem
from ..evaluation import cases as measured
from ..evaluation.cases import Case, Flips
from ..evaluation.report import Report
from ..models.checkpoints import ROLES, Checkpoints
from ..refinement.lenders import following
from ..refinement.methods import METHODS, PLAIN, RANDOM, ZERO, borrowers, first
from ..refinement.trace import RefineConfig, Trace

FLIPS = {
    "flipped": "flipped, either way",
    "gained": "turned right",
    "lost": "turned wrong",
    "unchanged": "unchanged",
    "any": "every problem",
}
DISAGREE = {
    "any": "whatever the controls say",
    "alone": "a random push answers otherwise",
    "shared": "a random push gives the same answer",
    "some": "some control answers otherwise",
}
ORDERS = {
    "margin": "largest change of the margin first",
    "up": "most towards the right answer first",
    "down": "most towards a wrong answer first",
    "report": "as in the report",
}


class GalleryError(ValueError):
    """A report, a label or a case that cannot be used; the message says what was expected and the fix."""


@dataclass(frozen=True)
class Preview:
    """The margin in nats if it had to answer after each thought: before (plain) and after (the label), (T,) each."""

    before: tuple[float, ...]
    after: tuple[float, ...]


def labels(report: Report) -> list[str]:
    """The labels that have a gallery: latent methods and controls that are held against a plain run of the report."""
    latent = METHODS.keys() - {PLAIN}
    return [label for label, arm in report.methods.items() if arm.method in latent and report.against(label)]


def cases(
    report: Report,
    label: str,
    flip: str = "any",
    hops: Collection[int] | None = None,
    disagree: str = "any",
    order: str = "margin",
    least: float = 0.0,
) -> list[Case]:
    """The problems that pass every filter. flip: a key of FLIPS; hops: those to keep (None: all); disagree: a key of DISAGREE;
    order: a key of ORDERS; least: smallest change of the margin in nats, either way. GalleryError for an unknown key."""
    for name, value, table in (("flip", flip, FLIPS), ("disagree", disagree, DISAGREE), ("order", order, ORDERS)):
        if value not in table:
            raise GalleryError(f"No {name} called {value!r}; choose one of {', '.join(table)}.")
    if label not in (known := labels(report)):
        these = ", ".join(known) or "none: evaluate coconut beside a method that refines"
        raise GalleryError(f"There is no gallery of {label!r} in this report; it has {these}.")
    kept = [
        case
        for case in measured.cases(report, label)
        if _flipped(case, flip)
        and (hops is None or case.hops in hops)
        and _disagrees(case, disagree)
        and (not least or abs(case.change or 0.0) >= least)
    ]
    keys = {
        "margin": lambda c: -abs(c.change) if c.change is not None else np.inf,
        "up": lambda c: -c.change if c.change is not None else np.inf,
        "down": lambda c: c.change if c.change is not None else np.inf,
        "report": lambda c: c.index,
    }
    return sorted(kept, key=keys[order])  # stable: equal ones stay in the order of the report


def _flipped(case: Case, wanted: str) -> bool:
    return wanted in ("any", case.flip) or (wanted == "flipped" and case.flip != "unchanged")


def _disagrees(case: Case, wanted: str) -> bool:
    if wanted == "any":
        return True
    if wanted == "some":
        return not all(same for _, same in case.controls)
    return case.random is (wanted == "shared")


def typical(report: Report, case: Case) -> str:
    """How typical a case is, in one line made of counts alone: for the caption."""
    c, who = measured.flips(report, case.label), _who(report, case.label)
    gained, lost = len(c.gained), len(c.lost)
    if case.flip == "gained":
        line = f"{_one_of(gained, c.n)} that {who} turned right; {_were(lost)} turned wrong"
    elif case.flip == "lost":
        line = f"{_one_of(lost, c.n)} that {who} turned wrong; {_were(gained)} turned right"
    else:
        kind, count = ("right", c.right) if case.right else ("wrong", c.wrong)
        line = f"{_one_of(count, c.n)} that stayed {kind} under {who}; {_were(gained)} turned right, {lost} wrong"
    return f"{line}; {control_line(c)}." + _here(case)


def _one_of(count: int, n: int) -> str:
    return f"One of {count} problems of {n}" if count > 1 else f"The only one of {n} problems"


def _were(count: int) -> str:
    return "1 was" if count == 1 else f"{count or 'none'} were"


def control_line(c: Flips) -> str:
    """What the random push did, as the end of a sentence."""
    if not c.control:
        return "no random push was measured"
    settings = "" if c.matched else f" (other settings: {c.control})"
    return f"a random push of equal length{settings} turned {c.control_gained} right and {c.control_lost} wrong"


def _here(case: Case) -> str:
    if case.flip == "unchanged" or case.random is None:
        return ""
    return f" Here the random push gives {'the same' if case.random else 'another'} answer."


def _who(report: Report, label: str) -> str:
    arm = report.methods[label]
    if METHODS[arm.method].control:
        return f"the control {label.replace('_', ' ')}"
    return "refinement" if not arm.settings else f"refinement ({label})"


# --- running it again -------------------------------------------------------------------------------------------------


def settings_of(report: Report, label: str) -> tuple[RefineConfig, Checkpoints]:
    """The configuration and the (backbone, strong, weak) a label was run with."""
    merged = report.settings(label)
    names = Checkpoints(*(merged.pop(role) for role in ROLES))
    return RefineConfig.from_dict(merged), names


def trace_of(models, report: Report, case: Case, controls: Sequence[str] = (ZERO, RANDOM)) -> Trace:
    """The case run again, every thought and round, with exactly the report's settings, and its controls.

    models: the `ModelSet`. GalleryError where its weights are not the report's, or where an answer is not the report's.
    """
    from ..refinement.tracing import refine_problem

    config, names = settings_of(report, case.label)
    _same_weights(models, report, names)
    base = measured.compared_with(report, case.label)
    after, before = (report.answers[arm][case.index] for arm in (case.label, base))
    config = replace(config, seed=after.seed)
    problem, lenders = report.problems[case.index], ()
    if not problem.candidates:
        raise GalleryError(
            f"{case.id} is answered in free text, so it has no margin to draw; choose another benchmark."
        )
    if needy := borrowers([config.method, *controls]):
        lenders = _lenders(report, case, any(METHODS[m].lend is not first for m in needy))
    trace = refine_problem(models, problem, config, names, controls, lenders)
    answers = {"refined": after}
    if _plain_of(report, base) == (config.thoughts, names[0]):
        answers["plain"] = (
            before  # else it is held against thoughts of another number or checkpoint than the trace's own
        )
    for name, answer in answers.items():
        if answer.choice is not None and trace.runs[name].choice != answer.choice:
            said, now = (chosen(problem.candidates, c) for c in (answer.choice, trace.runs[name].choice))
            raise GalleryError(
                f"The {name} run of {case.id} answers {now} here and {said} in the report; it was made on another device or "
                "with other versions. Evaluate again on this machine."
            )
    return trace


def _lenders(report: Report, case: Case, every: bool) -> tuple[Problem, ...]:
    """Who lends to a case, as in `evaluate`: the others of its seed, or the next one alone where that is enough."""
    mine = [i for i, answer in enumerate(report.answers[case.label]) if answer.seed == case.seed]
    turned = following(mine, mine.index(case.index))
    return tuple(report.problems[i] for i in (turned if every else turned[:1]))


def _plain_of(report: Report, label: str) -> tuple[int, str]:
    config, names = settings_of(report, label)
    return config.thoughts, names[0]


def _same_weights(models, report: Report, names: Checkpoints) -> None:
    made_with = report.identity.get("members", {})
    for name in dict.fromkeys(names):
        if name not in models.members:
            raise GalleryError(
                f"The report was made with a checkpoint {name!r} that {models.info.name} lacks; open its own set."
            )
        if name in made_with and made_with[name] != models.hash(name):
            raise GalleryError(
                f"The report was made with other weights for {name} than {models.info.name} holds; use the set it was made with."
            )


def previews(models, report: Report, some: Sequence[Case]) -> list[Preview]:
    """The margin after every thought, before and after, for a few cases of one label in one batch: what a thumbnail shows.

    GalleryError as `trace_of`, and for methods that borrow thoughts of other problems.
    """
    from ..refinement.refine import Prompts, Refiner, run_all

    if not some:
        return []
    config, names = settings_of(report, some[0].label)
    _same_weights(models, report, names)
    if borrowers([config.method]):
        raise GalleryError(f"{config.method} needs thoughts of other problems; open a case to see it.")
    problems = [report.problems[case.index] for case in some]
    if not all(p.candidates for p in problems):
        raise GalleryError("Answers in free text have no margin.")
    with models.lock:
        both = []
        for method in (PLAIN, config.method):
            refiner = Refiner(models, Prompts.make(models, problems), replace(config, method=method), names)
            both.append(run_all(refiner, decode=False))
    curve = lambda run, problem: tuple(float(v) for v in margin(run.readout, problem.answer))  # noqa: E731
    return [Preview(curve(b, p), curve(a, p)) for b, a, p in zip(*both, problems, strict=True)]
