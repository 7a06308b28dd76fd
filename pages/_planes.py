"""Planes for the Regimes page: shipped ones at once, others computed in a thread that shows its progress and can be stopped.

A job belongs to one session and lives in its session state; what it finds is kept in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from lrr_core import regimes
from lrr_core.accuracy import AccuracyPlane
from lrr_core.problems import BENCHMARKS
from lrr_core.regimes import Plane
from lrr_core.trace import RefineConfig
from pages import _shared

SHIPPED = _shared.HERE / "assets" / "regimes"
MOST = 6  # planes a session remembers of each kind
Names = tuple[str, str, str]  # backbone, strong, weak


class Job:
    """A plane that is there or on its way. plane: None until there is one, perhaps not complete; share: how far it is, 0 to
    1, None while the model is loaded; done: set when nothing more will come; stop: set it to stop the work; error: why
    there is none."""

    def __init__(self, plane: Plane | AccuracyPlane | None = None):
        self.plane, self.share, self.error = plane, None, ""
        self.started, self.done, self.stop = plane is not None, threading.Event(), threading.Event()
        if plane is not None:
            self.done.set()

    @property
    def running(self) -> bool:
        return self.started and not self.done.is_set()

    def start(self, loading, make: Callable) -> None:
        """loading: a `_shared.Loading`; make: called as make(models, job) in a thread and returns the plane."""
        self.started, self.error = True, ""
        self.done.clear()
        self.stop.clear()
        threading.Thread(target=self._work, args=(loading, make), daemon=True, name="plane").start()

    def tell(self, done: int, total: int) -> None:
        self.share = done / total

    def keep(self, plane: AccuracyPlane) -> None:
        self.plane = plane

    def _work(self, loading, make: Callable) -> None:
        try:
            while not loading.done.wait(0.1):
                if self.stop.is_set():
                    break
            else:
                if loading.error is not None:
                    raise loading.error
                self.share = 0.0
                self.plane = make(loading.models, self)
        except Exception as error:  # a thread's error has nobody to catch it: the page shows it
            if not self.stop.is_set():
                self.error = str(error) or type(error).__name__
        self.done.set()


def remembered(kind: str, key: str, make: Callable[[], Job]) -> Job:
    """The session's job of this kind ("one", "many") for `key`; what else of its kind is running is stopped and
    forgotten."""
    jobs = st.session_state.setdefault(f"plane_jobs_{kind}", {})
    for other in [other for other, job in jobs.items() if other != key and job.running]:
        jobs.pop(other).stop.set()
    if key not in jobs:
        jobs[key] = make()
        while len(jobs) > MOST:
            del jobs[next(iter(jobs))]
    return jobs[key]


# --- one problem ------------------------------------------------------------------------------------------------------


def of_problem(path: str, asked, config: RefineConfig, names: Names) -> Job:
    """The plane of a problem: shipped or kept, else computed from now on."""
    marks = _marks(path, asked, config, names)
    file = regimes.kept_file(marks)

    def make() -> Job:
        shipped = SHIPPED / regimes.file_name(asked.id, config.reference)
        job = Job(regimes.find(Plane, shipped, marks) or regimes.find(Plane, file, marks))
        if job.plane is None:
            compute_one(path, job, asked, config, names)
        return job

    return remembered("one", file.name, make)


def compute_one(path: str, job: Job, asked, config: RefineConfig, names: Names) -> None:
    file = regimes.kept_file(_marks(path, asked, config, names))

    def make(models, job: Job) -> Plane:
        from lrr_core.sweep import problem_plane

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
        from lrr_core.sweep import accuracy_plane

        low, high = (tuple(int(n) for n in source[span].split("-")) for span in ("nodes", "hops"))
        problems = BENCHMARKS["prosqa"].generate(source["kind"], source["limit"], source["seed"], low, high)
        tools = {"progress": job.tell, "cancel": job.stop.is_set, "partial": job.keep}
        return accuracy_plane(models, problems, config, names, source=source, **tools)

    job.start(_shared.loading(path), make)
