"""Whether a file is a report that can be believed: its form, and whether its counts are those of its own answers.

A report may come from anybody. Nothing of it is used before every field that is read later has been looked at here: what is
missing, not finite or too large is named with its place, and a count that its answers do not give is called what it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from ..analysis.statistics import paired_difference, wilson
from ..benchmarks.catalogue import BENCHMARKS, Problem, ProblemError
from ..models.checkpoints import ROLES
from ..refinement.trace import ConfigError, RefineConfig
from .arms import known_methods

FORMAT = 2
MOST_BYTES = 64 * 2**20
MOST_LABELS, LONGEST = 2000, 300  # arms of one report; characters of a label or an id
FORWARDS = ("prefill", "single", "probe", "decode")
MEASURE = "measure again with `python -m lrr_core evaluate --out report.json`"
RESTORE = f"take the file as it was written, or {MEASURE}"
NEAR = 1e-6  # what writing and reading a decimal may cost


class ReportError(ValueError):
    """A file that is no report, or one that contradicts itself; the message says what was expected, what came and the fix."""


def read(source: str | Path | bytes) -> dict:
    """The JSON of a report, from a path or from the file's bytes, not yet checked. Raises ReportError."""
    name = "The file" if isinstance(source, bytes) else str(source)
    try:
        if not isinstance(source, bytes):
            if (size := Path(source).stat().st_size) > MOST_BYTES:
                raise ReportError(_too_large(name, size))
            source = Path(source).read_bytes()
        if len(source) > MOST_BYTES:
            raise ReportError(_too_large(name, len(source)))
        data = json.loads(source.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except FileNotFoundError:
        raise ReportError(f"There is no report at {name}; {MEASURE}.") from None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        if isinstance(error, ReportError):
            raise
        raise ReportError(f"{name} is not valid JSON ({_short(error)}); {RESTORE}.") from error
    if not isinstance(data, dict):
        raise ReportError(f"{name} holds a {type(data).__name__}, a report is a JSON object; {MEASURE}.")
    return data


def check(data: dict) -> tuple[Problem, ...]:
    """Looks at every field that is read later; returns the problems. Raises ReportError."""
    if data.get("format") != FORMAT or "methods" not in data:
        raise ReportError(_other_format(data))
    if data.get("benchmark") not in BENCHMARKS:
        raise ReportError(
            f"benchmark must be one of {', '.join(BENCHMARKS)}, not {_short(data.get('benchmark'))}; {RESTORE}."
        )
    problems = _problems(data)
    for name in ("chance", "majority"):
        _number(data, name, 0, 1, name)
    if data.get("n") != len(problems):
        raise ReportError(f"n is {_short(data.get('n'))}, but there are {len(problems)} problems; {RESTORE}.")
    _config(_part(data, "config", dict))
    for name in ("source", "identity", "baselines", "published", "comparisons", "answers"):
        _part(data, name, dict)
    methods = _part(data, "methods", dict)
    if not 1 <= len(methods) <= MOST_LABELS:
        raise ReportError(f"A report has 1 to {MOST_LABELS} arms, not {len(methods)}; {MEASURE}.")
    for label, row in methods.items():
        _method(data, label, row, problems)
    for label, found in data["comparisons"].items():
        _comparison(data, label, found)
    for name, row in data["baselines"].items():
        _counts(row, f"baselines, {name}")
    for label in data["published"]:
        _number(data["published"], label, 0, 100, f"published, {_short(label)}")
    return problems


# --- parts ------------------------------------------------------------------------------------------------------------


def _problems(data: dict) -> tuple[Problem, ...]:
    found = []
    for i, row in enumerate(_part(data, "problems", list)):
        try:
            problem = Problem.from_dict({k: v for k, v in row.items() if k != "hops"})
            if not all(isinstance(words, str) for words in (problem.id, problem.question, *problem.candidates)):
                raise ProblemError("its id, question and candidates must be text")
            if problem.graph is not None:
                problem.graph.depths()  # a graph is drawn and asked later
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise ReportError(
                f"Problem {i + 1} cannot be read ({_short(error)}); earlier versions kept no problems: {MEASURE}."
            ) from error
        found.append(problem)
    if not found:
        raise ReportError(f"The report holds no problem; {MEASURE}.")
    return tuple(found)


def _config(config: dict) -> None:
    known = {f.name for f in fields(RefineConfig)}
    try:
        RefineConfig.from_dict({k: v for k, v in config.items() if k not in ROLES})
    except (ConfigError, TypeError) as error:
        raise ReportError(
            f"config: {_short(error)} Known are {', '.join((*sorted(known), *ROLES))}; {RESTORE}."
        ) from error
    for role in ROLES:
        if not isinstance(config.get(role), str):
            raise ReportError(f"config must name its {role}, not {_short(config.get(role))}; {RESTORE}.")


def _method(data: dict, label: str, row: dict, problems: Sequence[Problem]) -> None:
    """One arm: its fields, and its counts against its own answers."""
    if len(label) > LONGEST:
        raise ReportError(f"A label has at most {LONGEST} characters, {_short(label)} has {len(label)}; {RESTORE}.")
    where = f"methods, {label}"
    if not isinstance(row, dict) or row.get("method") not in known_methods():
        known = ", ".join(known_methods())
        came = row.get("method") if isinstance(row, dict) else row
        raise ReportError(f"{where}: method must be one of {known}, not {_short(came)}; a newer version may know it.")
    settings = _part(row, "settings", dict, where)
    if not all(isinstance(v, str | int | float) for v in settings.values()):
        raise ReportError(f"{where}: settings must be numbers and words; {RESTORE}.")
    against = row.get("against")
    if against is not None and against not in data["methods"]:
        raise ReportError(f"{where} is compared against {_short(against)}, which the report does not have; {RESTORE}.")
    n = _counts(row, where)
    _count(row, "correct_greedy", n, where)
    for name in ("tokens_per_problem", "seconds_per_problem"):
        _number(row, name, 0, 1e12, where)
    if row.get("memory_per_problem") is not None:
        _number(row, "memory_per_problem", 0, 1e15, where)
    forwards = _part(row, "forwards_per_problem", dict, where)
    for kind in FORWARDS:
        _number(forwards, kind, 0, 1e12, f"{where}, forwards_per_problem")
    for name in ("mean", "spread"):
        if row.get(name) is not None:
            _number(row, name, 0, 1, where)
    _part(row, "by_seed", list, where)
    _answers(data, label, row, problems)


def _answers(data: dict, label: str, row: dict, problems: Sequence[Problem]) -> None:
    answers = data["answers"].get(label)
    if not isinstance(answers, list) or len(answers) != row["n"]:
        came = len(answers) if isinstance(answers, list) else "none"
        raise ReportError(f"{label} counts {row['n']} answers, the report holds {came}; {RESTORE}.")
    if len(answers) > len(problems) and len(answers) % len(problems):
        raise ReportError(f"{label} has {len(answers)} answers to {len(problems)} problems; {RESTORE}.")
    for i, answer in enumerate(answers):
        problem = problems[i % len(problems)]
        if not isinstance(answer, dict) or answer.get("problem") != problem.id:
            came = answer.get("problem") if isinstance(answer, dict) else answer
            raise ReportError(f"{label}: answer {i + 1} is to {_short(came)}, not to {problem.id}; {RESTORE}.")
        if not isinstance(answer.get("right"), bool) or not isinstance(answer.get("right_greedy"), bool):
            raise ReportError(f"{label}: answer {i + 1} does not say whether it is right; {RESTORE}.")
        choice = answer.get("choice")
        if choice is not None and (type(choice) is not int or not 0 <= choice < len(problem.candidates)):
            raise ReportError(f"{label}: answer {i + 1} chooses {_short(choice)}, which is no candidate; {RESTORE}.")
        by_choice = row.get("judged_by") != "text" and choice is not None and problem.answer is not None
        if by_choice and answer["right"] != (choice == problem.answer):
            raise ReportError(
                _by_hand(
                    f"{label}: answer {i + 1} is called {'right' if answer['right'] else 'wrong'}, which it is not"
                )
            )
        if answer.get("margin") is not None:
            _number(answer, "margin", -1e6, 1e6, f"{label}, answer {i + 1}")
    for name, key in (("correct", "right"), ("correct_greedy", "right_greedy")):
        counted = sum(answer[key] for answer in answers)
        if counted != row[name]:
            raise ReportError(_by_hand(f"{label}: {name} is {row[name]}, its answers give {counted}"))


def _comparison(data: dict, label: str, found: dict) -> None:
    where = f"comparisons, {label}"
    against = found.get("against") if isinstance(found, dict) else None
    for name in (label, against):
        if name not in data["methods"]:
            raise ReportError(f"{where} names {_short(name)}, which the report does not measure; {RESTORE}.")
    for name, low, high in (("points", -100, 100), ("p_value", 0, 1), ("gained", 0, 1e9), ("lost", 0, 1e9)):
        _number(found, name, low, high, where)
    _interval(found, -100, 100, where)
    mine, theirs = ([a["right"] for a in data["answers"][name]] for name in (label, against))
    n = min(len(mine), len(theirs))  # a report that is still growing: the problems both have answered
    counted = paired_difference(mine[:n], theirs[:n]).row()
    for name in ("points", "p_value", "gained", "lost"):
        if not math.isclose(counted[name], found[name], rel_tol=NEAR, abs_tol=NEAR):
            raise ReportError(_by_hand(f"{where}: {name} is {found[name]:g}, the answers give {counted[name]:g}"))


def _counts(row: dict, where: str) -> int:
    """correct of n, with the accuracy and interval they give; returns n."""
    n = _count(row, "n", 10**9, where, least=1)
    correct = _count(row, "correct", n, where)
    _number(row, "accuracy", 0, 1, where)
    _interval(row, 0, 1, where)
    told = (row["accuracy"], *row["ci95"])
    for name, value, counted in zip(
        ("accuracy", "low end", "high end"), told, (correct / n, *wilson(correct, n)), strict=True
    ):
        if abs(value - counted) > NEAR:
            raise ReportError(_by_hand(f"{where}: the {name} is {value:.4f}, {correct} of {n} give {counted:.4f}"))
    return n


def _count(row: dict, name: str, most: int, where: str, least: int = 0) -> int:
    value = row.get(name) if isinstance(row, dict) else None
    if type(value) is not int or not least <= value <= most:
        raise ReportError(
            f"{where}: {name} must be a whole number from {least} to {most}, not {_short(value)}; {RESTORE}."
        )
    return value


def _number(row: dict, name: str, low: float, high: float, where: str) -> None:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ReportError(f"{where}: {name} must be a number from {low:g} to {high:g}, not {_short(value)}; {RESTORE}.")


def _interval(row: dict, low: float, high: float, where: str) -> None:
    ends = row.get("ci95")
    good = isinstance(ends, list) and len(ends) == 2 and all(isinstance(e, int | float) for e in ends)
    if not good or not low <= ends[0] <= ends[1] <= high:
        raise ReportError(
            f"{where}: ci95 must be two numbers from {low:g} to {high:g} in order, not {_short(ends)}; {RESTORE}."
        )


def _part(row: dict, name: str, kind: type, where: str = "The report") -> dict | list:
    value = row.get(name)
    if not isinstance(value, kind):
        what = "an object" if kind is dict else "a list"
        raise ReportError(f"{where} needs {name!r} as {what}, not {_short(value)}; {RESTORE}.")
    return value


# --- words ------------------------------------------------------------------------------------------------------------


def _other_format(data: dict) -> str:
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


def _too_large(name: str, size: int) -> str:
    return (
        f"{name} has {size / 2**20:.0f} MB, a report may have {MOST_BYTES // 2**20}; measure fewer problems or methods at a "
        "time."
    )


def _short(value) -> str:
    """A value in a message: a word or two of it, whatever somebody put there."""
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 90 else text[:87] + "…"


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is not finite")
    return value


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a number a report may hold")
