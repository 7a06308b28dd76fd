"""Problems x arms -> report: every arm answers the same problems, and what is answered once is kept.

    python -m lrr_core evaluate --models assets/models/prosqa --generate balanced --nodes 12-15 --hops 2-3 --limit 1000

The batches of the `engine` are the unit of everything: of progress, of what a stopped run keeps (`answer_log`), and of how the
work is dealt out over processes (`processes`). All arms answer a batch before the next one begins, so a partial report
compares like with like. Laws (tested): a run that was stopped and started again ends as one that was not; two processes give
the report of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from ..benchmarks.catalogue import BENCHMARKS
from ..benchmarks.task import Problem
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.folder import ModelError
from ..models.memory import PeakMemory, free_memory
from ..models.opened import ModelSet
from ..refinement.methods import BASELINES, METHODS, borrowers
from ..refinement.refine import Prompts, plain_thoughts
from ..refinement.trace import RefineConfig
from ..storage import digest
from .answer_log import AnswerLog
from .answering import Answer, answer_batch
from .arms import Arm, parse_all
from .engine import Stopped, Unit, answer, units
from .processes import Processes
from .report import Report
from .tally import Tally, report

SAMPLE = 4  # problems whose memory is measured
SHARE = 0.6  # of the free memory that a batch may take
Problems = Sequence[Problem] | Mapping[int, Sequence[Problem]]


def evaluate(
    models: ModelSet,
    problems: Problems,
    labels: Sequence[str],
    config: RefineConfig,
    names: Checkpoints = STANDARD,
    batch_size: int = 64,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    cancel: Callable[[], bool] = lambda: False,
    partial: Callable[[Report], None] | None = None,
    kept: Path | None = None,
    source: dict | None = None,
    tuning: dict | None = None,
) -> Report:
    """Answer every problem with every arm; returns the report (see `tally`).

    problems: a list, answered with the seed of `config`, or lists by seed; labels: see `arms`; batch_size: problems
    answered at once, fewer where memory is short. progress: called as progress(label, done, total), counted in answers
    over all arms, first with the label "kept" where some are there already; cancel: asked before every batch, Stopped
    is raised where it says so; partial: called with the report so far whenever all arms have answered some more; kept:
    a file of answers that a later run goes on from. source, tuning: recorded as they are.
    Raises ModelError, ConfigError, RefineError before any work where that can be known.
    """
    sets = dict(problems) if isinstance(problems, Mapping) else {config.seed: list(problems)}
    arms = parse_all(labels, config, names)
    _check(models, sets, arms)
    team = Processes()
    log = AnswerLog(kept, team.rank)
    log.found, log.memory = team.from_main((log.found, log.memory))
    first = next(iter(sets))
    if team.main:
        for arm in arms:
            _measure_memory(models, arm, sets[first], log)
    batch_size = min(batch_size, team.from_main(_most(models, log)))
    memory = {arm.label: log.memory.get(_memory_key(models, arm, sets[first])) for arm in arms}
    asked = _units(models, arms, sets, batch_size)
    missing = [u for u in asked if u.found(log) is None]
    lent = _Lent(models, sets, batch_size, team, missing)
    total = sum(len(u.problems) for u in asked)
    done = total - sum(len(u.problems) for u in missing)
    shared = all(sets[s] == sets[first] for s in sets)

    def tally(complete: int | None = None) -> Report:
        """The report; of the first `complete` units only, where given."""
        counted = asked[:complete]
        if complete is not None and shared:
            counted = [u for u in counted if u.seed == first]
        answered: dict[int, list[Problem]] = {}
        for unit in counted:
            if len(answered.setdefault(unit.seed, [])) == unit.start:  # all arms of a batch answer the same
                answered[unit.seed] += unit.problems
        tallies = {a.label: _tally(log, a.label, counted, first if shared else None, memory[a.label]) for a in arms}
        used = dict.fromkeys(name for arm in arms for name in arm.members)
        settings = asdict(config) | names._asdict()
        benchmark = BENCHMARKS[models.info.benchmark]
        return report(benchmark, answered, arms, tallies, settings, models.identity(*used), source, tuning)

    if done:
        progress("kept", done, total)

    def tick() -> None:
        if cancel():
            raise Stopped

    place = {id(u): i for i, u in enumerate(asked)}
    mine = {id(u): team.mine(i // len(arms)) for i, u in enumerate(missing)}  # all arms of a batch go to one process
    for unit in answer(models, missing, log, tick=tick, lent=lent.of, mine=lambda unit: mine[id(unit)]):
        done += len(unit.problems)
        progress(unit.arm.label, done, total)
        complete = place[id(unit)] + 1
        if partial and team.count == 1 and unit.arm.label == arms[-1].label and complete < len(asked):
            partial(tally(complete))
    for theirs in team.gather({key: log.found[key] for u in missing if mine[id(u)] for key in u.keys}):
        log.found |= theirs
    return tally()


# --- before the clock starts ------------------------------------------------------------------------------------------


def _check(models: ModelSet, sets: Mapping[int, Sequence[Problem]], arms: Sequence[Arm]) -> None:
    """ModelError for whatever would only come out after minutes; loads the checkpoints, so that no clock counts it."""
    for problems in sets.values():
        if not problems:
            raise ModelError("There is no problem to answer; raise --limit or give another file.")
        if unanswered := [p.id for p in problems if p.gold is None]:
            raise ModelError(
                f"The right answer of {unanswered[0]} is unknown, so nothing can be counted; leave it out."
            )
        if other := [p for p in problems if p.benchmark != models.info.benchmark]:
            raise ModelError(
                f"{other[0].id} belongs to {other[0].benchmark}, and this model set was made for {models.info.benchmark}; "
                "give problems of that benchmark, or another set."
            )
        if len(problems) < 2 and (borrowing := borrowers(arm.method for arm in arms)):
            raise ModelError(f"{', '.join(sorted(borrowing))} needs thoughts of another problem; give at least two.")
    for arm in arms:
        if not arm.in_text:
            models.check_method(arm.method, arm.names, arm.config)
        for name in arm.members:
            if name in BASELINES and name not in models.members:
                raise ModelError(f"This set has no checkpoint {name!r}, so the method {name} cannot run; leave it out.")
            models.model(name)


def _units(models: ModelSet, arms: Sequence[Arm], sets: Mapping[int, Sequence[Problem]], batch_size: int) -> list[Unit]:
    """All arms for the first batch, then all for the second, ... Where every seed asks the same problems, arms that do not
    depend on the seed are run for the first one only."""
    first, out = next(iter(sets)), []
    shared = all(problems == sets[first] for problems in sets.values())
    for seed, problems in sets.items():
        asked = [a for a in arms if not shared or seed == first or (a.rule and a.rule.random)]
        asked = [replace(a, config=replace(a.config, seed=seed)) for a in asked]
        out += sorted(units(models, [[arm] for arm in asked], problems, batch_size), key=lambda unit: unit.start)
    return out


def _memory_key(models: ModelSet, arm: Arm, problems: Sequence[Problem]) -> str:
    """Stands for what memory depends on: neither on step size, mix, sign and seed, nor on which problems but how many."""
    c = arm.config
    return digest(
        [arm.method, c.thoughts, c.rounds, c.reference, c.gradient, models.identity(*arm.members), len(problems)]
    )


def _measure_memory(models, arm: Arm, problems, log: AnswerLog) -> None:
    """Peak bytes per problem on a small batch of the longest problems, once."""
    key = _memory_key(models, arm, problems)
    if key in log.memory:
        return
    sample = sorted(problems, key=lambda p: len(p.question))[-SAMPLE:]
    shape = len(sample), arm.config.thoughts, models.width
    given = torch.zeros(shape, dtype=models.dtype, device=models.device) if borrowers([arm.method]) else None
    with models.lock, PeakMemory([models.model(name) for name in arm.members], models.device) as peak:
        answer_batch(models, sample, arm, given)
    log.add_memory(key, peak.bytes / len(sample))


def _most(models: ModelSet, log: AnswerLog) -> int:
    """Problems of a batch that fit into the memory that is free now."""
    largest = max(log.memory.values(), default=0.0)
    return max(1, int(SHARE * free_memory(models.device) / largest)) if largest else 1 << 30


class _Lent:
    """Plain thoughts for the methods that borrow: each problem's from those after it in its list (see `lenders`).

    Rolled out batch by batch over the processes, once per backbone, number of thoughts and seed, and only where a unit
    that is still missing needs them; so they depend on nothing but the problems. All processes make one together.
    """

    def __init__(self, models, sets, batch_size: int, team: Processes, missing: Sequence[Unit]):
        self.made: dict[tuple, dict[str, torch.Tensor]] = {}
        for unit in missing:
            if borrowers([unit.arm.method]) and self._key(unit) not in self.made:
                self.made[self._key(unit)] = _lent(models, sets[unit.seed], unit.arm, batch_size, team)

    @staticmethod
    def _key(unit: Unit) -> tuple:
        return unit.arm.names[0], unit.arm.config.thoughts, unit.seed

    def of(self, unit: Unit) -> torch.Tensor | None:
        if not borrowers([unit.arm.method]):
            return None
        return self.made[self._key(unit)][unit.arm.method][unit.start : unit.start + len(unit.problems)]


def _lent(models, problems, arm: Arm, batch_size: int, team: Processes) -> dict[str, torch.Tensor]:
    """method -> what the list lends to each of its problems, (n, T, D), for every method that borrows."""
    own = {}
    for index, start in enumerate(range(0, len(problems), batch_size)):
        if team.mine(index):
            prompts = Prompts.make(models, problems[start : start + batch_size])
            with models.lock:
                own[start] = plain_thoughts(models, prompts, arm.config.thoughts, arm.names[0]).cpu()
    rolled = {start: part for theirs in team.gather(own) for start, part in theirs.items()}
    thoughts = torch.cat([rolled[start] for start in sorted(rolled)])  # (n, T, D)
    return {key: METHODS[key].lend(thoughts, each=True) for key in borrowers(METHODS)}


def _tally(log: AnswerLog, label: str, units: Sequence[Unit], only: int | None, memory: float | None) -> Tally:
    """What the arm called `label` came to. only: the seed whose time counts, where all seeds ask the same problems."""
    answers: dict[int, list[Answer]] = {}
    seconds = 0.0
    for unit in units:
        if unit.arm.label == label:
            entry = log.found[unit.keys[0]]
            answers.setdefault(unit.seed, []).extend(entry.answers)
            seconds += entry.seconds if only in (None, unit.seed) else 0.0
    return Tally(answers, seconds, memory)
