"""Finding a case in an evaluation: every problem of a report with what a method did to it, and how typical that is.

    cases(report, "full", flip="gained", hops={3})       -> [Case, ...], the largest change of the margin first
    counts(report, "full")                               -> both directions, and the same under a random push
    typical(report, case)                                -> one line for the caption
    trace_of(models, report, case)                       -> the Trace, run again with exactly the report's settings

A report is the JSON of `evaluate` (format 2). A *label* is a method with its settings, as in `report["methods"]`; each is held
against the plain latent run with the same backbone and thoughts. A flip is never shown without its number in the other
direction and under the control: a push of equal length in a random direction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..analysis.curves import margin
from ..benchmarks.answers import chosen
from ..benchmarks.catalogue import Problem
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
class Case:
    """One problem under one label.

    index: its place in the report; id: the problem's; flip: gained, lost or unchanged against the plain run; right: whether
    the label answers it; hops: None where there is no graph; before, after: margin in nats (log p of the right answer minus
    log p of the best other) of the plain run and of the label, None where the report has none; controls: (label of a control,
    whether it gives the same answer) for every control of the report with the same plain run; random: the same for the
    random push, None where the report has none.
    """

    index: int
    id: str
    label: str
    flip: str
    right: bool
    hops: int | None
    before: float | None
    after: float | None
    controls: tuple[tuple[str, bool], ...] = ()
    random: bool | None = None

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class Counts:
    """What a label did to all problems, and what a random push of equal length did. n = gained + lost + right + wrong, where
    right and wrong are the unchanged ones; control: label of the random push ("" where there is none); matched: whether it
    has the very settings of the label."""

    label: str
    n: int
    gained: int
    lost: int
    right: int
    wrong: int
    control: str = ""
    matched: bool = False
    control_gained: int = 0
    control_lost: int = 0

    @property
    def unchanged(self) -> int:
        return self.right + self.wrong


@dataclass(frozen=True)
class Preview:
    """The margin in nats if it had to answer after each thought: before (plain) and after (the label), (T,) each."""

    before: tuple[float, ...]
    after: tuple[float, ...]


def labels(report: dict) -> list[str]:
    """The labels that have a gallery: latent methods and controls that are held against a plain run of the report."""
    methods, latent = report["methods"], METHODS.keys() - {PLAIN}
    return [n for n, row in methods.items() if row["method"] in latent and row.get("against") in methods]


def _against(report: dict, label: str) -> str:
    """The plain run of a label; GalleryError where there is no gallery of it."""
    known = labels(report)
    if label not in known:
        these = ", ".join(known) or "none: evaluate coconut beside a method that refines"
        raise GalleryError(f"There is no gallery of {label!r} in this report; it has {these}.")
    return report["methods"][label]["against"]


def cases(
    report: dict,
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
    kept = [
        case
        for case in _all(report, label)
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


def _all(report: dict, label: str) -> list[Case]:
    base = _against(report, label)
    answers = report["answers"]
    control = control_of(report, label)[0]
    others = [
        n
        for n, row in report["methods"].items()
        if row["method"] in METHODS and METHODS[row["method"]].control and row.get("against") == base
    ]
    out = []
    # an arm may have answered fewer problems than there are: a report is shown while it grows
    for i, (problem, before, after) in enumerate(zip(report["problems"], answers[base], answers[label], strict=False)):
        same = {n: _given(answers[n][i]) == _given(after) for n in others if n != label and i < len(answers[n])}
        flip = "unchanged" if before["right"] == after["right"] else "gained" if after["right"] else "lost"
        out.append(
            Case(
                index=i,
                id=problem["id"],
                label=label,
                flip=flip,
                right=after["right"],
                hops=problem.get("hops"),
                before=before.get("margin"),
                after=after.get("margin"),
                controls=tuple(same.items()),
                random=same.get(control),
            )
        )
    return out


def _given(answer: dict):
    """What an answer is told apart by: the candidate, or the decoded text where there are none."""
    return answer["choice"] if answer["choice"] is not None else answer["greedy"]


def control_of(report: dict, label: str) -> tuple[str, bool]:
    """The random push a label is held against, and whether it has the very settings; ("", False) where the report has none."""
    methods, mine = report["methods"], report["methods"][label]
    pushes = [n for n, row in methods.items() if row["method"] == RANDOM and n != label]
    pushes = [n for n in pushes if methods[n].get("against") == mine.get("against")]
    exact = [n for n in pushes if methods[n]["settings"] == mine["settings"]]
    return (exact[0], True) if exact else (pushes[0], False) if pushes else ("", False)


def counts(report: dict, label: str) -> Counts:
    """How many problems a label flipped in both directions, and how many a random push of equal length did."""
    answers, base = report["answers"], _against(report, label)
    before = [a["right"] for a in answers[base]][: len(answers[label])]

    def flipped(name: str) -> tuple[int, int, int, int]:
        pairs = list(zip(before, (a["right"] for a in answers[name]), strict=False))
        return tuple(pairs.count(pair) for pair in ((False, True), (True, False), (True, True), (False, False)))

    control, matched = control_of(report, label)
    pushed = flipped(control)[:2] if control else (0, 0)
    return Counts(label, len(before), *flipped(label), control, matched, *pushed)


def typical(report: dict, case: Case) -> str:
    """How typical a case is, in one line made of counts alone: for the caption."""
    c, who = counts(report, case.label), _who(report, case.label)
    if case.flip == "gained":
        line = f"{_one_of(c.gained, c.n)} that {who} turned right; {_were(c.lost)} turned wrong"
    elif case.flip == "lost":
        line = f"{_one_of(c.lost, c.n)} that {who} turned wrong; {_were(c.gained)} turned right"
    else:
        kind, count = ("right", c.right) if case.right else ("wrong", c.wrong)
        line = f"{_one_of(count, c.n)} that stayed {kind} under {who}; {_were(c.gained)} turned right, {c.lost} wrong"
    return f"{line}; {control_line(c)}." + _here(case)


def _one_of(count: int, n: int) -> str:
    return f"One of {count} problems of {n}" if count > 1 else f"The only one of {n} problems"


def _were(count: int) -> str:
    return "1 was" if count == 1 else f"{count or 'none'} were"


def control_line(c: Counts) -> str:
    """What the random push did, as the end of a sentence."""
    if not c.control:
        return "no random push was measured"
    settings = "" if c.matched else f" (other settings: {c.control})"
    return f"a random push of equal length{settings} turned {c.control_gained} right and {c.control_lost} wrong"


def _here(case: Case) -> str:
    if case.flip == "unchanged" or case.random is None:
        return ""
    return f" Here the random push gives {'the same' if case.random else 'another'} answer."


def _who(report: dict, label: str) -> str:
    row = report["methods"][label]
    if row["method"] in METHODS and METHODS[row["method"]].control:
        return f"the control {label.replace('_', ' ')}"
    return "refinement" if not row["settings"] else f"refinement ({label})"


# --- running it again -------------------------------------------------------------------------------------------------


def settings_of(report: dict, label: str) -> tuple[RefineConfig, Checkpoints]:
    """The configuration and the (backbone, strong, weak) a label was run with."""
    row = report["methods"][label]
    merged = report["config"] | row["settings"] | {"method": row["method"]}
    names = Checkpoints(*(merged.pop(role) for role in ROLES))
    return RefineConfig.from_dict(merged), names


def trace_of(models, report: dict, case: Case, controls: Sequence[str] = (ZERO, RANDOM)) -> Trace:
    """The case run again, every thought and round, with exactly the report's settings, and its controls.

    models: the `ModelSet`. GalleryError where its weights are not the report's, or where an answer is not the report's.
    """
    from ..refinement.tracing import refine_problem

    config, names = settings_of(report, case.label)
    _same_weights(models, report, names)
    answers = report["answers"]
    after, before = answers[case.label][case.index], answers[_against(report, case.label)][case.index]
    config = replace(config, seed=int(after.get("seed", config.seed)))
    problem, lenders = problem_of(report, case.index), ()
    if not problem.candidates:
        raise GalleryError(
            f"{case.id} is answered in free text, so it has no margin to draw; choose another benchmark."
        )
    if needy := borrowers([config.method, *controls]):
        lenders = _lenders(report, case, any(METHODS[m].lend is not first for m in needy))
    trace = refine_problem(models, problem, config, names, controls, lenders)
    rows = {"refined": after}
    if _plain_of(report, _against(report, case.label)) == (config.thoughts, names[0]):
        rows["plain"] = before  # else it is held against thoughts of another number or checkpoint than the trace's own
    for name, row in rows.items():
        if row["choice"] is not None and trace.runs[name].choice != row["choice"]:
            said, now = (chosen(problem.candidates, c) for c in (row["choice"], trace.runs[name].choice))
            raise GalleryError(
                f"The {name} run of {case.id} answers {now} here and {said} in the report; it was made on another device or "
                "with other versions. Evaluate again on this machine."
            )
    return trace


def _lenders(report: dict, case: Case, every: bool) -> tuple[Problem, ...]:
    """Who lends to a case, as in `evaluate`: the others of its seed, or the next one alone where that is enough."""
    rows = report["answers"][case.label]
    mine = [i for i, row in enumerate(rows) if row.get("seed") == rows[case.index].get("seed")]
    turned = following(mine, mine.index(case.index))
    return tuple(problem_of(report, i) for i in (turned if every else turned[:1]))


def _plain_of(report: dict, label: str) -> tuple[int, str]:
    config, names = settings_of(report, label)
    return config.thoughts, names[0]


def problem_of(report: dict, index: int) -> Problem:
    row = report["problems"][index]
    return Problem.from_dict({key: value for key, value in row.items() if key != "hops"})


def _same_weights(models, report: dict, names: Checkpoints) -> None:
    made_with = report["identity"].get("members", {})
    for name in dict.fromkeys(names):
        if name not in models.members:
            raise GalleryError(
                f"The report was made with a checkpoint {name!r} that {models.info.name} lacks; open its own set."
            )
        if name in made_with and made_with[name] != models.hash(name):
            raise GalleryError(
                f"The report was made with other weights for {name} than {models.info.name} holds; use the set it was made with."
            )


def previews(models, report: dict, some: Sequence[Case]) -> list[Preview]:
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
    problems = [problem_of(report, case.index) for case in some]
    if not all(p.candidates for p in problems):
        raise GalleryError("Answers in free text have no margin.")
    with models.lock:
        both = []
        for method in (PLAIN, config.method):
            refiner = Refiner(models, Prompts.make(models, problems), replace(config, method=method), names)
            both.append(run_all(refiner, decode=False))
    curve = lambda run, problem: tuple(float(v) for v in margin(run.readout, problem.answer))  # noqa: E731
    return [Preview(curve(b, p), curve(a, p)) for b, a, p in zip(*both, problems, strict=True)]
