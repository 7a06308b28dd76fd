"""What `evaluate` measured: one frozen record from its birth to a figure, and the one way it is written and read.

    report = evaluate(models, problems, ["coconut", "full"], config)     # a Report
    write_text(path, to_json(report));  load(path) == report
    load("report.json")                       # or the file's bytes; ReportError says what is wrong with it, and where

A *label* is a method with the settings in which it differs ("full@next@s=0.4", see `arms`), an *arm* what was measured under
it. A report may come from anybody: its size is bounded before it is parsed, the form of every field is declared here, and
its counts must be those of its own answers. `report_table` makes its rows, `cases` its flips.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from ..analysis.statistics import PairedDifference, paired_difference, wilson
from ..benchmarks.catalogue import BENCHMARKS, Problem, ProblemError
from ..models.checkpoints import ROLES
from ..refinement.trace import ConfigError, RefineConfig
from .arms import known_methods

FORMAT = 2
MOST_BYTES = 64 * 2**20
MOST_VALUES = (
    4_000_000  # in one file; an answer holds about 20. A parsed value takes up to 80 bytes, however short in the file
)
MOST_DIGITS, DEEPEST = 20, 8  # of a whole number; of what stands in source, identity and tuning
MOST_LABELS, LONGEST = 2000, 300  # arms of one report; characters of a label or an id
FORWARDS = ("prefill", "single", "probe", "decode")
MEASURE = "measure again with `python -m lrr_core evaluate --out report.json`"
RESTORE = f"take the file as it was written, or {MEASURE}"
NEAR = 1e-6  # what writing and reading a decimal may cost


class ReportError(ValueError):
    """A file that is no report, or one that contradicts itself; the message says what was expected, what came and the fix."""


# --- the record -------------------------------------------------------------------------------------------------------


def _shallow(value: Any, left: int = DEEPEST) -> Any:
    """Free JSON, as far as it is not nested out of reach of a writer's recursion."""
    if isinstance(value, dict | list):
        if not left:
            raise ValueError(f"Input should be nested at most {DEEPEST} deep")
        for part in value.values() if isinstance(value, dict) else value:
            _shallow(part, left - 1)
    return value


def _setting(value: Any) -> str | int | float:
    if isinstance(value, str) or (isinstance(value, int | float) and abs(value) <= 1e15):
        return value
    raise ValueError("Input should be a word, or a number up to 1e15 in size")


def _known(method: str) -> str:
    if method not in known_methods():  # the table as it is now: a method of one's own may have joined it
        raise ValueError(f"Input should be one of {', '.join(known_methods())}")
    return method


def _in_order(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("Input should be two numbers in order")
    return ends


def _problem(row: Any) -> Problem:
    """A problem as it is written, `Problem` with its hops. ProblemError, which pydantic reports with its place."""
    if isinstance(row, Problem):
        return row
    try:
        problem = Problem.from_dict({k: v for k, v in row.items() if k != "hops"})
        if not all(isinstance(words, str) for words in (problem.id, problem.question, *problem.candidates)):
            raise ProblemError("its id, question and candidates must be text")
        if problem.graph is not None:
            problem.graph.depths()  # a graph is drawn and asked later
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ProblemError(f"cannot be read ({_short(error)}); earlier versions kept no problems") from error
    return problem


def _written(problem: Problem) -> dict:
    return asdict(problem) | {"hops": problem.graph.hops if problem.graph else None}


Label = Annotated[str, Field(max_length=LONGEST)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Share = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[float, Field(ge=-100, le=100)]
Cost = Annotated[float, Field(ge=0, le=1e15)]
Setting = Annotated[Any, AfterValidator(_setting)]
Free = Annotated[dict[str, Any], AfterValidator(_shallow)]
# strict knows no sequence but its own; a file has lists for tuples
Interval = Annotated[tuple[Share, Share], Field(strict=False), AfterValidator(_in_order)]
PointInterval = Annotated[tuple[Points, Points], Field(strict=False), AfterValidator(_in_order)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class ReportedAnswer(_Record):
    """One problem under one arm: `answering.Answer` as it is kept. margin: nats, None where the text is judged."""

    seed: int = 0
    problem: str
    choice: Count | None = None
    greedy: str | None = None
    right: bool
    right_greedy: bool
    p_right: Share | None = None
    margin: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None
    tokens: Count | Cost = 0
    forwards: dict[str, Count | Cost] = {}
    frontier_mass: Annotated[tuple[Share, ...], Field(strict=False)] = ()

    @property
    def given(self) -> int | str | None:
        """What an answer is told apart by: the candidate, or the decoded text where there are none."""
        return self.choice if self.choice is not None else self.greedy


class Score(_Record):
    """correct of n, with the accuracy (a share) and its 95 % Wilson interval."""

    correct: Count
    n: Annotated[int, Field(ge=1, le=10**9)]
    accuracy: Share
    ci95: Interval


class SeedScore(_Record):
    """What one seed came to."""

    seed: int
    correct: Count
    n: Count
    accuracy: Share


class Forwards(_Record):
    """Forward passes per problem by kind."""

    prefill: Cost
    single: Cost
    probe: Cost
    decode: Cost


class ArmResult(_Record):
    """What was measured under one label. settings: in which it differs from the report's config; against: the label it is
    compared with; *_per_problem: means (tokens, passes, seconds, bytes); ties: of the
    likeliest candidates, given to nobody; mean, spread: over seeds; frontier_mass: by thought."""

    method: Annotated[str, AfterValidator(_known)]
    settings: dict[str, Setting]
    against: str | None = None
    judged_by: str = "candidates"
    correct: Count
    correct_greedy: Count
    ties: Count = 0
    n: Annotated[int, Field(ge=1, le=10**9)]
    accuracy: Share
    ci95: Interval
    tokens_per_problem: Cost
    forwards_per_problem: Forwards
    seconds_per_problem: Cost
    memory_per_problem: Cost | None = None
    frontier_mass: Annotated[tuple[Share, ...], Field(strict=False)] = ()
    by_seed: Annotated[tuple[SeedScore, ...], Field(strict=False)]
    mean: Share | None = None
    spread: Share | None = None


class Comparison(_Record):
    """A paired difference in points with its bootstrap interval and exact McNemar p (see `paired_difference`)."""

    against: str
    points: Points
    ci95: PointInterval
    p_value: Share
    gained: Count
    lost: Count


class Report(_Record):
    """What `evaluate` measured, by label. problems: (N,) in the order of the answers; chance, majority: shares; source, config,
    identity, tuning: which problems, settings (with backbone, strong and weak) and weights, how the settings were chosen;
    published: figures of the paper in %. An arm may have answered fewer than N: a report is shown while it grows."""

    format: Literal[FORMAT]
    benchmark: Literal[tuple(BENCHMARKS)]
    n: Count
    chance: Share
    majority: Share
    majority_class: str | None = None
    source: Free
    seeds: Annotated[tuple[int, ...], Field(strict=False)] = ()
    config: dict[str, Setting]
    identity: Free
    methods: Annotated[dict[Label, ArmResult], Field(min_length=1, max_length=MOST_LABELS)]
    comparisons: dict[str, Comparison]
    baselines: dict[Label, Score]
    published: dict[str, Annotated[float, Field(ge=0, le=100)]]
    published_note: str = ""
    tuning: Free | None = None
    answers: dict[str, Annotated[tuple[ReportedAnswer, ...], Field(strict=False)]]
    problems: Annotated[
        tuple[Annotated[Any, BeforeValidator(_problem), PlainSerializer(_written)], ...],
        Field(strict=False, min_length=1),
    ]

    @property
    def benchmark_name(self) -> str:
        """The benchmark's name as people write it."""
        return BENCHMARKS[self.benchmark].name

    @property
    def labels(self) -> list[str]:
        return list(self.methods)

    def settings(self, label: str) -> dict[str, Any]:
        """Everything an arm ran with: fields of RefineConfig, backbone, strong and weak."""
        return self.config | self.methods[label].settings | {"method": self.methods[label].method}

    def against(self, label: str) -> str | None:
        """The arm that `label` is compared with."""
        compared = self.comparisons.get(label)
        found = compared.against if compared else self.methods[label].against
        return found if found != label else None

    def right(self, label: str) -> list[bool]:
        return [answer.right for answer in self.answers[label]]


# --- written and read -------------------------------------------------------------------------------------------------


def to_dict(report: Report) -> dict:
    """Plain JSON types, with just the fields the report was made with."""
    return report.model_dump(mode="json", exclude_unset=True)


def to_json(report: Report) -> str:
    """The report as a file: `load` reads it back."""
    return json.dumps(to_dict(report), ensure_ascii=False, separators=(",", ":"))


def load(source: str | Path | bytes) -> Report:
    """A report from its path or its bytes. Raises ReportError naming what was expected, what came and the fix."""
    name = "The file" if isinstance(source, bytes) else str(source)
    try:
        if not isinstance(source, bytes):
            _bounded(name, Path(source).stat().st_size)
            source = Path(source).read_bytes()
        _bounded(name, len(source), sum(map(source.count, (b",", b"{", b"["))))
        data = json.loads(source.decode(), parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
    except FileNotFoundError:
        raise ReportError(f"There is no report at {name}; {MEASURE}.") from None
    except ReportError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise ReportError(f"{name} is not valid JSON ({_short(error)}); {RESTORE}.") from error
    if not isinstance(data, dict):
        raise ReportError(f"{name} holds a {type(data).__name__}, a report is a JSON object; {MEASURE}.")
    try:
        return from_dict(data)
    except ReportError as error:
        raise ReportError(str(error) if name == "The file" else f"{name}: {error}") from error.__cause__


def from_dict(data: Mapping) -> Report:
    """A report from plain JSON types, its form and its counts checked. Raises ReportError."""
    if data.get("format") != FORMAT or "methods" not in data:
        raise ReportError(_other_format(data))
    try:
        report = Report.model_validate(data)
    except ValidationError as errors:
        first = errors.errors(include_url=False)[0]
        *place, last = [f"{part + 1}" if isinstance(part, int) else _short(part) for part in first["loc"]]
        said = re.sub(r"^(Value error, )?(Input|Field|Tuple|Dictionary|String) (should|required)", "must", first["msg"])
        said = "must be there" if said == "must" else said.removeprefix("Value error, ")
        came = (
            "" if first["type"] == "missing" or isinstance(first["input"], dict) else f", not {_short(first['input'])}"
        )
        where = f"{', '.join(place)}: {last}" if place else last
        raise ReportError(f"{where} {said}{came}; {RESTORE}.") from errors
    _check(report)
    return report


def _check(report: Report) -> None:
    """Whether the counts of a report are those of its own answers. Raises ReportError."""
    try:
        RefineConfig.from_dict({k: v for k, v in report.config.items() if k not in ROLES})
    except (ConfigError, TypeError) as error:
        raise ReportError(f"config: {_short(error)} {RESTORE}.") from error
    if unnamed := [role for role in ROLES if not isinstance(report.config.get(role), str)]:
        raise ReportError(f"config must name its {unnamed[0]}, not {_short(report.config.get(unnamed[0]))}; {RESTORE}.")
    if report.n != len(report.problems):
        raise ReportError(f"n is {report.n}, but there are {len(report.problems)} problems; {RESTORE}.")
    for label, arm in report.methods.items():
        if arm.against is not None and arm.against not in report.methods:
            raise ReportError(
                f"methods, {label} is compared against {_short(arm.against)}, which the report does not have; {RESTORE}."
            )
        _check_score(arm, f"methods, {label}")
        _check_answers(report, label, arm)
    for label, found in report.comparisons.items():
        _check_comparison(report, label, found)
    for name, score in report.baselines.items():
        _check_score(score, f"baselines, {name}")


def _check_score(score: Score | ArmResult, where: str) -> None:
    if score.correct > score.n:
        raise ReportError(f"{where}: correct is {score.correct} of {score.n}; {RESTORE}.")
    counted = score.correct / score.n, *wilson(score.correct, score.n)
    for name, said, value in zip(
        ("accuracy", "low end", "high end"), (score.accuracy, *score.ci95), counted, strict=True
    ):
        if abs(said - value) > NEAR:
            raise ReportError(
                _by_hand(f"{where}: the {name} is {said:.4f}, {score.correct} of {score.n} give {value:.4f}")
            )


def _check_answers(report: Report, label: str, arm: ArmResult) -> None:
    answers = report.answers.get(label, ())
    if len(answers) != arm.n or len(answers) > report.n:
        raise ReportError(
            f"{label} counts {arm.n} answers, the report holds {len(answers)} to {report.n} problems; {RESTORE}."
        )
    for i, (answer, problem) in enumerate(zip(answers, report.problems, strict=False), 1):
        if answer.problem != problem.id:
            raise ReportError(f"{label}: answer {i} is to {_short(answer.problem)}, not to {problem.id}; {RESTORE}.")
        if answer.choice is None:
            continue
        if answer.choice >= len(problem.candidates):
            raise ReportError(f"{label}: answer {i} chooses {answer.choice}, which is no candidate; {RESTORE}.")
        judged = arm.judged_by != "text" and problem.answer is not None
        if judged and answer.right != (answer.choice == problem.answer):
            said = "right" if answer.right else "wrong"
            raise ReportError(_by_hand(f"{label}: answer {i} is called {said}, which it is not"))
    for name, key in (("correct", "right"), ("correct_greedy", "right_greedy")):
        counted = sum(getattr(answer, key) for answer in answers)
        if counted != getattr(arm, name):
            raise ReportError(_by_hand(f"{label}: {name} is {getattr(arm, name)}, its answers give {counted}"))


def _check_comparison(report: Report, label: str, found: Comparison) -> None:
    where = f"comparisons, {_short(label)}"
    for name in (label, found.against):
        if name not in report.methods:
            raise ReportError(f"{where} names {_short(name)}, which the report does not measure; {RESTORE}.")
    counted = paired(report, label, found.against)
    for name in ("points", "p_value", "gained", "lost"):
        said = getattr(found, name)
        if not math.isclose(value := getattr(counted, name), said, rel_tol=NEAR, abs_tol=NEAR):
            raise ReportError(_by_hand(f"{where}: {name} is {said:g}, the answers give {value:g}"))


def paired(report: Report, label: str, against: str) -> PairedDifference:
    """`paired_difference` of two arms, on the problems that both have answered."""
    sides = report.right(label), report.right(against)
    n = min(map(len, sides))
    return paired_difference(*(side[:n] for side in sides))


# --- words ------------------------------------------------------------------------------------------------------------


def _other_format(data: Mapping) -> str:
    if data.get("format") == 1 and "methods" in data:
        return f"This is a report of format 1, which kept neither the problems nor the margins; {MEASURE}."
    if data.get("what"):
        return f"This is a {_short(data['what'])} file and no report of `evaluate`; open report.json instead."
    if "question" in data or "answer" in data:
        return "This is a file of problems and no report; start a run with it instead, or open report.json."
    if "methods" in data:
        return f"This is a report of format {_short(data.get('format'))}, this version reads {FORMAT}; {MEASURE}."
    keys = ", ".join(sorted(map(str, data))[:6]) or "nothing"
    return f"This is no report of `evaluate`: it needs format {FORMAT} and methods, and has {_short(keys)}; {MEASURE}."


def _by_hand(what: str) -> str:
    return f"{what}: the file was changed after it was written; {RESTORE}."


def _bounded(name: str, size: int, values: int = 0) -> None:
    """ReportError for a file too large to parse, told from its bytes alone."""
    if size > MOST_BYTES or values > MOST_VALUES:
        raise ReportError(
            f"{name} has {size / 2**20:.0f} MB{f' and {values:,} values' if values else ''}, a report may have "
            f"{MOST_BYTES // 2**20} MB and {MOST_VALUES:,} values; measure fewer problems or methods at a time."
        )


def _short(value: Any) -> str:
    """A value in a message: a word or two of it on one line, whatever somebody put there."""
    text = "nothing" if value is None else " ".join(str(value).split())
    return text if len(text) <= 90 else text[:87] + "…"


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is not finite")
    return value


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a whole number of {len(text):,} digits, at most {MOST_DIGITS} are read")
    return int(text)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a number a report may hold")
