"""Planes for the Regimes page: shipped ones at once, others computed by a job (see `_jobs`) and kept in the user's cache folder."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.refinement.request import RunRequest
from lrr_core.refinement.trace import RefineConfig
from lrr_core.studies import setting_plane as regimes
from lrr_core.studies.accuracy_plane import AccuracyPlane
from lrr_core.studies.setting_plane import Plane
from pages import _shared
from pages._jobs import Job, remembered

if TYPE_CHECKING:
    from lrr_core.benchmarks.catalogue import Problem
    from lrr_core.models.opened import ModelSet

SHIPPED = _shared.HERE / "assets" / "regimes"


# --- one problem ------------------------------------------------------------------------------------------------------


def of_problem(path: str, request: RunRequest) -> Job[Plane]:
    """The plane of a problem: shipped or kept, else computed from now on."""
    stamp = _stamp(path, [request.problem], request.config, request.checkpoints)
    file = regimes.kept_file(stamp)

    def make() -> Job[Plane]:
        shipped = SHIPPED / regimes.file_name(request.problem.id, request.config.reference)
        job = Job(regimes.find(Plane, shipped, stamp) or regimes.find(Plane, file, stamp))
        if job.result is None:
            compute_one(path, job, request)
        return job

    return remembered("one", file.name, make)


def compute_one(path: str, job: Job[Plane], request: RunRequest) -> None:
    file = regimes.kept_file(_stamp(path, [request.problem], request.config, request.checkpoints))

    def make(models: ModelSet, job: Job) -> Plane:
        from lrr_core.studies.measure_planes import problem_plane

        asked, names = request.problem, request.checkpoints
        plane, _ = problem_plane(models, asked, request.config, names, progress=job.tell, cancel=job.stop.is_set)
        with contextlib.suppress(
            OSError
        ):  # a cache folder that cannot be written costs only the time to compute it again
            plane.save(file)
        return plane

    job.start(make, _shared.loading(path))


def _stamp(path: str, problems: list[Problem], config: RefineConfig, names: Checkpoints) -> dict:
    return regimes.stamp(problems, _shared.folder(path).weights(*dict.fromkeys(names)), names, config)


# --- many problems ----------------------------------------------------------------------------------------------------


def of_many(path: str, source: dict, config: RefineConfig, names: Checkpoints) -> Job[AccuracyPlane]:
    """The accuracy of many problems: shipped, else a job that waits to be started. source: how the problems are made."""
    stamp = _stamp(path, [], config, names)
    del stamp["problems"]  # told by `source`, which takes no time

    def make() -> Job[AccuracyPlane]:
        found = regimes.find(AccuracyPlane, SHIPPED / regimes.file_name("accuracy", config.reference), stamp)
        return Job(found if found is not None and found.source == source else None)

    return remembered("many", regimes.kept_file(stamp | source).name, make)


def compute_many(path: str, job: Job[AccuracyPlane], source: dict, config: RefineConfig, names: Checkpoints) -> None:
    def make(models: ModelSet, job: Job) -> AccuracyPlane:
        from lrr_core.studies.measure_planes import accuracy_plane

        low, high = (tuple(int(n) for n in source[span].split("-")) for span in ("nodes", "hops"))
        problems = BENCHMARKS[models.info.benchmark].generate(
            source["kind"], source["limit"], source["seed"], low, high
        )
        tools: Any = {"progress": job.tell, "cancel": job.stop.is_set, "partial": job.keep}
        return accuracy_plane(models, problems, config, names, source=source, **tools)

    job.start(make, _shared.loading(path))
