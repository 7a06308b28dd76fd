"""Work in a thread: it says how far it is, can be stopped, shows what it has while it goes on, and ends with its session.

A job that serves everybody (the model set, the map) lives in a cache of `_shared`. All others belong to one session: `remembered`
keeps them in its state, so that a rerun finds them again, and stops them when the session ends.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import streamlit as st

from pages._look import escaped

T = TypeVar("T")
MOST = 6  # jobs a session remembers of each kind


class Job(Generic[T]):
    """A result that is there or on its way. result: None until there is one, perhaps not complete; share: how far it is, 0 to
    1, None while another job is awaited; counted: (done, total) of what it counts, (0, 0) until that is known; words: what it
    does; done: set when nothing more will come; stop: set it to stop the work; failure: why there is no result."""

    def __init__(self, result: T | None = None) -> None:
        self.result = result
        self.share: float | None = None
        self.counted: tuple[float, float] = 0, 0
        self.words = ""
        self.failure: Exception | None = None
        self.started, self.done, self.stop = result is not None, threading.Event(), threading.Event()
        if result is not None:
            self.done.set()

    @property
    def running(self) -> bool:
        return self.started and not self.done.is_set()

    @property
    def error(self) -> str:
        """Why there is no result, in one line; "" for nothing."""
        return "" if self.failure is None else str(self.failure) or type(self.failure).__name__

    def start(self, make: Callable[[Any, Job[T]], T], needs: Job | None = None) -> Job[T]:
        """make: called in a thread as make(result of `needs`, this job), once that is there; what it returns is the result."""
        self.started, self.failure, self.share, self.counted = True, None, None, (0, 0)
        self.done.clear()
        self.stop.clear()
        threading.Thread(target=self._work, args=(make, needs), daemon=True, name="job").start()
        return self

    def tell(self, done: float, total: float = 1) -> None:
        self.share, self.counted = done / total, (done, total)

    def keep(self, result: T) -> None:
        self.result = result

    def wait(self) -> T:
        """The result, once it is there. Raises what the work raised."""
        self.done.wait()
        if self.failure is not None:
            raise self.failure
        assert self.result is not None
        return self.result

    def _work(self, make: Callable[[Any, Job[T]], T], needs: Job | None) -> None:
        try:
            while needs is not None and not needs.done.wait(0.1):
                if self.stop.is_set():
                    break
            else:
                if needs is not None and needs.failure is not None:
                    raise needs.failure
                self.share = 0.0
                self.result = make(needs and needs.result, self)
        except Exception as error:  # a thread's error has nobody to catch it: it is shown, or raised by `wait`
            if not self.stop.is_set():
                self.failure = error
        self.done.set()


def _end(jobs: weakref.WeakSet[Job]) -> None:
    for job in list(jobs):
        job.stop.set()


@st.cache_resource(scope="session", on_release=_end, show_spinner=False)
def _of_this_session() -> weakref.WeakSet[Job]:
    """Every job of a session; Streamlit releases it when the session ends."""
    return weakref.WeakSet()


def remembered(kind: str, key: str, make: Callable[[], Job[T]], alone: bool = True) -> Job[T]:
    """The session's job of this kind for `key`. alone: what else of its kind is running is stopped and forgotten."""
    jobs = st.session_state.setdefault(f"jobs_{kind}", {})
    if alone:
        for other in [other for other, job in jobs.items() if other != key and job.running]:
            jobs.pop(other).stop.set()
    if key not in jobs:
        jobs[key] = make()
        _of_this_session().add(jobs[key])
        while len(jobs) > MOST:
            jobs.pop(next(iter(jobs))).stop.set()
    return jobs[key]


@st.fragment(run_every=1.0)
def progress_bar(kind: str, job: Job, words: Callable[[], str], help: str, shown: object, looks: bool = True) -> None:
    """How far a job is and a way to stop it; the page is drawn again when the job has ended, or has more than what is `shown`
    (where the page `looks` at it)."""
    if not job.running or (looks and job.result is not shown):
        st.rerun()
    left, right = st.columns([6, 1], vertical_alignment="center")
    doing = "Stopping …" if job.stop.is_set() else "Loading the model …" if job.share is None else words()
    left.progress(min(job.share or 0.0, 1.0), escaped(doing))
    right.button(
        "Stop", key=f"stop_{kind}", on_click=job.stop.set, icon=":material/stop:", width="stretch", help=help,
        disabled=job.stop.is_set(),
    )  # fmt: skip
