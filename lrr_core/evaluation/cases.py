"""What changed: every problem under one arm beside the arm it is compared with, in both directions, and the control's counts.

    cases(report, "full")       -> [Case, ...] in the order of the report
    flips(report, "full")       -> wrong -> right and right -> wrong, with the random control's counts
    control_of(report, "full")  -> the arm with random pushes that is read beside it

One rule for which arms belong together, for the Benchmark page, the Studio and the command line alike. A flip is never shown
without its number in the other direction and under the control: a push of equal length in a random direction.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..refinement.methods import METHODS, RANDOM
from .report import Report, ReportError, paired


@dataclass(frozen=True)
class Case:
    """One problem under one label.

    index: its place in the report; id: the problem's; label: of the arm; seed: of the answer; flip: gained, lost or unchanged
    against the arm it is compared with; right: whether the label answers it; hops: None where there is no graph; before,
    after: margin in nats, log p(right) - log p(best other), None where the answer is judged by its text; controls: (label of a
    control, whether it gives the same answer) for every control with the same comparison; random: the same for the control
    of `control_of`, None where there is none.
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
    seed: int = 0

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class Flips:
    """What `label` answers otherwise than `against`, in both directions, the largest change of margin first.

    gained: wrong -> right; lost: right -> wrong; right, wrong: how many stayed so; control: the arm with random pushes that is
    read beside it, None where there is none; matched: whether it ran with the very settings of the label; control_gained,
    control_lost: its counts against the same arm.
    """

    label: str
    against: str
    gained: tuple[Case, ...]
    lost: tuple[Case, ...]
    right: int
    wrong: int
    control: str | None
    matched: bool
    control_gained: int
    control_lost: int

    @property
    def n(self) -> int:
        """Problems that both answered."""
        return len(self.gained) + len(self.lost) + self.unchanged

    @property
    def unchanged(self) -> int:
        return self.right + self.wrong


def compared_with(report: Report, label: str) -> str:
    """The arm that `label` is compared with; ReportError for a label that is compared with nothing."""
    against = report.against(label) if label in report.methods else None
    if against is None:
        known = ", ".join(name for name in report.labels if report.against(name)) or "none"
        raise ReportError(f"{label} is compared with nothing in this report; choose one of {known}.")
    return against


def cases(report: Report, label: str) -> list[Case]:
    """Every problem that both arms have answered (a report that grows), in the order of the report. ReportError."""
    base, answers, control = compared_with(report, label), report.answers, control_of(report, label)
    latent = {label: METHODS.get(arm.method) for label, arm in report.methods.items()}
    controls = [n for n, rule in latent.items() if rule and rule.control and report.against(n) == base]
    out = []
    for i, (problem, before, after) in enumerate(zip(report.problems, answers[base], answers[label], strict=False)):
        same = {n: answers[n][i].given == after.given for n in controls if n != label and i < len(answers[n])}
        flip = "unchanged" if before.right == after.right else "gained" if after.right else "lost"
        hops = problem.graph.hops if problem.graph else None
        margins = before.margin, after.margin
        told = tuple(same.items()), same.get(control) if control else None
        out.append(Case(i, problem.id, label, flip, after.right, hops, *margins, *told, after.seed))
    return out


def flips(report: Report, label: str) -> Flips:
    """Raises ReportError for a label that is not compared with anything."""
    found = sorted(cases(report, label), key=lambda case: -abs(case.change or 0.0))
    of = {flip: tuple(case for case in found if case.flip == flip) for flip in ("gained", "lost", "unchanged")}
    against, control = compared_with(report, label), control_of(report, label)
    right = sum(case.right for case in of["unchanged"])
    counted = paired(report, control or against, against)
    matched = control is not None and _shared(report, label, control) == len(report.settings(label)) - 1
    kept = right, len(of["unchanged"]) - right
    return Flips(label, against, of["gained"], of["lost"], *kept, control, matched, counted.gained, counted.lost)


def control_of(report: Report, label: str) -> str | None:
    """The random pushes that `label` is read beside: the same comparison, and as many of the same settings as there are."""
    against = report.against(label)
    found = [
        other
        for other in report.labels
        if other != label and report.methods[other].method == RANDOM and report.against(other) == against
    ]
    return max(found, key=lambda other: _shared(report, label, other), default=None)


def _shared(report: Report, label: str, other: str) -> int:
    """How many settings two arms have in common, whether they are the report's own or stand in a label; of methods none."""
    mine, theirs = report.settings(label), report.settings(other)
    return sum(mine.get(key) == value for key, value in theirs.items() if key != "method")
