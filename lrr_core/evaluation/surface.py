"""What a report says of settings that were varied: planes of step size and residual mix, and rungs of a training.

views(report)               the pictures this report can fill, in the order a page offers them
planes(report)              {"full, next": Plane}: accuracy and difference over (s, α)
rungs(report)               [Rung]: each checkpoint that thinks, plain and refined
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..models.checkpoints import ROLES
from ..refinement.trace import signed
from ..studies.ladder_words import name as short
from .report import Report
from .report_table import rows

VIEWS = {
    "difference": "What each method gains or loses against plain thoughts, with its interval",
    "accuracy": "How often each one is right, beside guessing and rules that never reason",
    "cost": "What an accuracy costs: forward passes or written tokens per problem",
    "plane": "The difference to plain thoughts over step size and residual mix",
    "backbones": "What refinement gains, against the accuracy of the checkpoint it refines",
    "training": "Accuracy along the training, with and without refinement at inference",
}


@dataclass(frozen=True)
class Plane:
    """Accuracy over step size and residual mix, all else equal. step_sizes: (S,) signed, negative where the sign is as printed;
    residuals: (A,); the arrays are (S, A), NaN where nothing was measured: accuracy in %, points against plain thoughts and
    the ends of their 95 % interval; p: exact McNemar; n: problems; plain: accuracy of plain thoughts in %, NaN if unknown."""

    step_sizes: np.ndarray
    residuals: np.ndarray
    accuracy: np.ndarray
    points: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    n: int
    plain: float


@dataclass(frozen=True)
class Rung:
    """One checkpoint as backbone. step: of its training, None where its name does not say; plain: the row of plain thoughts
    (see `report_table.rows`); refined: arm in words -> row, of the methods and controls that were run on it."""

    name: str
    step: int | None
    plain: dict
    refined: dict[str, dict]


def views(report: Report) -> dict[str, str]:
    """The pictures this report can fill -> what each is for."""
    table = rows(report)
    found = {"accuracy", "cost"} | ({"difference"} if any(row["points"] is not None for row in table) else set())
    found |= {"plane"} if planes(report) else set()
    if len(steps := rungs(report)) > 1:
        found |= {"backbones"} | ({"training"} if all(rung.step is not None for rung in steps) else set())
    return {name: words for name, words in VIEWS.items() if name in found}


def planes(report: Report) -> dict[str, Plane]:
    """The planes of a report: arms that differ in step size and residual mix alone, at least two of each."""
    groups: dict[tuple, dict[tuple[float, float], dict]] = {}
    for row in rows(report):
        if row["kind"] not in ("method", "control"):
            continue
        have = report.settings(row["label"])
        step, mix = signed(have.pop("step_size"), have.pop("sign")), have.pop("residual")
        groups.setdefault(tuple(sorted(have.items())), {})[step, mix] = row
    _lend_unpushed(groups)
    names, out = [dict(key) for key in groups], {}
    for have, cells in zip(names, groups.values(), strict=True):
        sizes, mixes = (sorted({cell[axis] for cell in cells}) for axis in (0, 1))
        if len(sizes) > 1 and len(mixes) > 1 and len(cells) >= 4:
            differ = [k for k in have if k != "method" and len({str(n.get(k)) for n in names}) > 1]
            name = ", ".join([have["method"], *(short(str(have[k])) for k in differ)]).replace("_", " ")
            out[name] = _plane(report, cells, sizes, mixes)
    return out


def _lend_unpushed(groups: dict[tuple, dict]) -> None:
    """Without a push the reading of the references says nothing: cells with s = 0 serve every reading that lacks them."""
    for key, cells in groups.items():
        alike = [c for k, c in groups.items() if {**dict(k), "reference": ""} == {**dict(key), "reference": ""}]
        for other in alike:
            cells |= {cell: row for cell, row in other.items() if cell[0] == 0 and cell not in cells}


def _plane(report: Report, cells: dict, sizes: list[float], mixes: list[float]) -> Plane:
    grids = {name: np.full((len(sizes), len(mixes)), np.nan) for name in ("accuracy", "points", "low", "high", "p")}
    columns = {"accuracy": "accuracy", "points": "points", "low": "points low", "high": "points high", "p": "p"}
    against = None
    for (step, mix), row in cells.items():
        against = row["against"] or against
        for name, column in columns.items():
            if row[column] is not None:
                grids[name][sizes.index(step), mixes.index(mix)] = row[column]
    plain = 100 * report.methods[against].accuracy if against else np.nan
    n = min(row["n"] for row in cells.values())
    return Plane(np.array(sizes, float), np.array(mixes, float), *grids.values(), n, plain)


def rungs(report: Report) -> list[Rung]:
    """Every checkpoint that was a backbone with plain thoughts, in the order of training steps, else of plain accuracy."""
    found: dict[str, Rung] = {}
    table = rows(report)
    for row in table:
        have = report.settings(row["label"])
        if row["kind"] == "base" and have["thoughts"] == report.config["thoughts"]:
            found.setdefault(have["backbone"], Rung(short(have["backbone"]), training_step(have["backbone"]), row, {}))
    for row in table:
        have = report.settings(row["label"])
        if row["kind"] in ("method", "control") and have["backbone"] in found and row["points"] is not None:
            found[have["backbone"]].refined[_without_members(report, row["label"])] = row
    out = [rung for rung in found.values() if rung.refined]
    if all(rung.step is not None for rung in out):
        return sorted(out, key=lambda rung: rung.step)
    return sorted(out, key=lambda rung: rung.plain["accuracy"])


def training_step(name: str) -> int | None:
    """The step a checkpoint's name tells: ladder/03-step-02000 -> 2000."""
    found = re.search(r"step-?(\d{1,12})", name)
    return int(found.group(1)) if found else None


def _without_members(report: Report, label: str) -> str:
    """A series: the method and its settings, whatever thinks."""
    arm = report.methods[label]
    rest = [str(v) for k, v in arm.settings.items() if k == "reference"]
    rest += [f"{k} {v}" for k, v in arm.settings.items() if k not in (*ROLES, "reference")]
    return " · ".join([arm.method.replace("_", " "), *rest])
