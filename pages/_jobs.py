"""Work that a page starts in a thread: it tells how far it is, can be stopped, and shows what it has while it goes on.

A job belongs to one session and lives in its session state under its kind, so that a rerun finds it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import streamlit as st

MOST = 6  # jobs a session remembers of each kind


class Job:
    """A result that is there or on its way. result: None until there is one, perhaps not complete; share: how far it is, 0 to
    1, None while the model is loaded; counted: (done, total) of what it counts, (0, 0) until that is known; done: set when
    nothing more will come; stop: set it to stop the work; error: why there is none."""

    def __init__(self, result=None):
        self.result, self.share, self.error = result, None, ""
        self.counted = 0, 0
        self.started, self.done, self.stop = result is not None, threading.Event(), threading.Event()
        if result is not None:
            self.done.set()

    @property
    def running(self) -> bool:
        return self.started and not self.done.is_set()

    def start(self, loading, make: Callable) -> None:
        """loading: a `_shared.Loading`; make: called as make(models, job) in a thread and returns the result."""
        self.started, self.error, self.share, self.counted = True, "", None, (0, 0)
        self.done.clear()
        self.stop.clear()
        threading.Thread(target=self._work, args=(loading, make), daemon=True, name="job").start()

    def tell(self, done: int, total: int) -> None:
        self.share, self.counted = done / total, (done, total)

    def keep(self, result) -> None:
        self.result = result

    def _work(self, loading, make: Callable) -> None:
        try:
            while not loading.done.wait(0.1):
                if self.stop.is_set():
                    break
            else:
                if loading.error is not None:
                    raise loading.error
                self.share = 0.0
                self.result = make(loading.models, self)
        except Exception as error:  # a thread's error has nobody to catch it: the page shows it
            if not self.stop.is_set():
                self.error = str(error) or type(error).__name__
        self.done.set()


def remembered(kind: str, key: str, make: Callable[[], Job]) -> Job:
    """The session's job of this kind for `key`; what else of its kind is running is stopped and forgotten."""
    jobs = st.session_state.setdefault(f"jobs_{kind}", {})
    for other in [other for other, job in jobs.items() if other != key and job.running]:
        jobs.pop(other).stop.set()
    if key not in jobs:
        jobs[key] = make()
        while len(jobs) > MOST:
            del jobs[next(iter(jobs))]
    return jobs[key]
