"""Planes for the Regimes page: shipped ones at once, others computed by a job (see `_jobs`) and kept in the user's cache folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.refinement.trace import RefineConfig
from lrr_core.studies import setting_plane as regimes
from lrr_core.studies.accuracy_plane import AccuracyPlane
from lrr_core.studies.setting_plane import Plane
from pages import _shared
from pages._jobs import Job, remembered

SHIPPED = _shared.HERE / "assets" / "regimes"
Names = Checkpoints  # backbone, strong, weak


# --- one problem ------------------------------------------------------------------------------------------------------


def of_problem(path: str, asked, config: RefineConfig, names: Names) -> Job:
    """The plane of a problem: shipped or kept, else computed from now on."""
    marks = _marks(path, asked, config, names)
    file = regimes.kept_file(marks)

    def make() -> Job:
        shipped = SHIPPED / regimes.file_name(asked.id, config.reference)
        job = Job(regimes.find(Plane, shipped, marks) or regimes.find(Plane, file, marks))
        if job.result is None:
            compute_one(path, job, asked, config, names)
        return job

    return remembered("one", file.name, make)


def compute_one(path: str, job: Job, asked, config: RefineConfig, names: Names) -> None:
    file = regimes.kept_file(_marks(path, asked, config, names))

    def make(models, job: Job) -> Plane:
        from lrr_core.studies.measure_planes import problem_plane

        plane, _ = problem_plane(models, asked, config, names, progress=job.tell, cancel=job.stop.is_set)
        _kept(plane, file)
        return plane

    job.start(_shared.loading(path), make)


def _marks(path: str, asked, config: RefineConfig, names: Names) -> dict:
    return regimes.stamp([asked], _shared.folder(path).weights(*dict.fromkeys(names)), names, config)


def _kept(plane: Plane, file: Path) -> None:
    with contextlib.suppress(OSError):  # a cache folder that cannot be written costs only the time to compute it again
        plane.save(file)


# --- many problems ----------------------------------------------------------------------------------------------------


def of_many(path: str, source: dict, config: RefineConfig, names: Names) -> Job:
    """The accuracy of many problems: shipped, else a job that waits to be started. source: how the problems are made."""
    weights = _shared.folder(path).weights(*dict.fromkeys(names))
    marks = regimes.stamp([], weights, names, config)
    del marks["problems"]  # told by `source`, which takes no time

    def make() -> Job:
        found = regimes.find(AccuracyPlane, SHIPPED / regimes.file_name("accuracy", config.reference), marks)
        return Job(found if found is not None and found.source == source else None)

    return remembered("many", regimes.kept_file(marks | source).name, make)


def compute_many(path: str, job: Job, source: dict, config: RefineConfig, names: Names) -> None:
    def make(models, job: Job) -> AccuracyPlane:
        from lrr_core.studies.measure_planes import accuracy_plane

        low, high = (tuple(int(n) for n in source[span].split("-")) for span in ("nodes", "hops"))
        problems = BENCHMARKS["prosqa"].generate(source["kind"], source["limit"], source["seed"], low, high)
        tools = {"progress": job.tell, "cancel": job.stop.is_set, "partial": job.keep}
        return accuracy_plane(models, problems, config, names, source=source, **tools)

    job.start(_shared.loading(path), make)
