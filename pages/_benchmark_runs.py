"""Reports for the Benchmark page: shipped ones, those of earlier runs, opened files; and new runs in a thread.

What a run answers is kept in the user's cache folder batch by batch, its finished report beside it: a run that was stopped
goes on where it stood, and one that was finished is opened at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from lrr_core.benchmarks.catalogue import BENCHMARKS, Loaded, Problem
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.evaluation import report_words
from lrr_core.evaluation.arms import Arm, parse_all
from lrr_core.evaluation.experiments import EXPERIMENTS
from lrr_core.evaluation.report import Report, ReportError, load, to_json
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.folder import ModelError
from lrr_core.refinement.trace import RefineConfig
from lrr_core.storage import cache_folder, digest, write_text
from pages import _drawn, _shared
from pages._jobs import Job, remembered

if TYPE_CHECKING:
    from lrr_core.models.opened import ModelSet

SHIPPED = _shared.HERE / "assets" / "reports"
KEPT_SHOWN = 12  # earlier runs that are offered, the newest first
BATCHES = 8  # a run is shown so many times while it grows, at least
KIND = "benchmark"


# --- reports that are there -------------------------------------------------------------------------------------------


def kept_folder() -> Path:
    return cache_folder() / "reports"


def available() -> dict[str, Path]:
    """Key -> file of every report that lies ready: the shipped ones, then those of earlier runs, the newest first."""
    own = _shared.folder(
        _shared.DEFAULT_SET
    ).info.benchmark  # what the app's own set answers comes first: a page opens on it
    files = sorted(SHIPPED.glob("*.json"), key=lambda path: (not path.stem.startswith(own), path.stem))
    shipped = {path.stem: path for path in files}
    with contextlib.suppress(OSError):
        made = sorted(kept_folder().glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        return shipped | {path.stem: path for path in made[:KEPT_SHOWN] if path.stem not in shipped}
    return shipped


def title(path: Path) -> str:
    """A report's name in a list; of an earlier run from its file's name alone, for there may be many."""
    if path.parent == SHIPPED:
        with contextlib.suppress(ReportError):
            return report_words.title(opened(path), path.stem.replace("-", " "))
        return path.stem
    parts = path.stem.split("-")
    name = EXPERIMENTS[parts[0]].title if parts[0] in EXPERIMENTS else path.stem
    n = f"n = {parts[1]}" if len(parts) > 2 else ""
    when = datetime.fromtimestamp(path.stat().st_mtime).strftime("%d %b %H:%M")
    return " · ".join(filter(None, ["own run", name, n, when]))


def opened(path: Path) -> Report:
    """Raises ReportError."""
    return _drawn.report(str(path), path.stat().st_mtime_ns)


# --- problems of one's own --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Own:
    """A file of problems. name, digest: of the file (of its bytes); loaded: what is in it."""

    name: str
    digest: str
    loaded: Loaded


def own_problems(name: str, data: bytes, benchmark: str) -> Own:
    """The problems of an uploaded file. ProblemError where it holds none of this benchmark, saying whose they are."""
    ending = Path(name).suffix.lower()
    stem = re.sub(r"[^\w-]+", "-", Path(name).stem)[:40] or "problems"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{stem}{ending}"
        file.write_bytes(data)
        try:
            loaded = BENCHMARKS[benchmark].read(file)
        except ProblemError as error:
            for other in BENCHMARKS.values():
                with contextlib.suppress(ProblemError):
                    if other.key != benchmark and other.read(file).problems:
                        raise OtherSet(
                            f"These are problems of {other.name}, and the model set answers {BENCHMARKS[benchmark].name}. They "
                            f"need a set that was trained on {other.name}: make one with `train` and `assemble`, and measure it "
                            f"with `python -m lrr_core evaluate --models SET --benchmark {other.key} --data {stem}{ending}`; its "
                            "report opens here."
                        ) from None
            raise ProblemError(str(error).replace(str(file), name)) from None
    if not any(p.gold is not None for p in loaded.problems):
        raise ProblemError(f"No problem of {name} has a known answer, so nothing can be counted; give one that has.")
    return Own(name, hashlib.sha256(data).hexdigest()[:16], loaded)


class OtherSet(ValueError):
    """Problems of another benchmark."""


# --- a run ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """A run as it is asked for. source: how the problems are made or found, recorded in the report; own: where from a file."""

    experiment: str
    config: RefineConfig
    names: Checkpoints
    source: dict
    own: Own | None = None

    def problems(self) -> list[Problem]:
        """Raises ProblemError."""
        n, source = self.source["limit"], self.source
        if self.own is not None:
            return [p for p in self.own.loaded.problems if p.gold is not None][:n]
        low, high = (tuple(int(end) for end in source[span].split("-")) for span in ("nodes", "hops"))
        return _shared.benchmark(_shared.DEFAULT_SET).generate(source["generate"], n, source["seed"], low, high)


def arms(path: str, order: Order) -> tuple[list[Arm], list[str]]:
    """(the arms of a run, labels that are left out because nothing was calibrated for them). Raises ConfigError."""
    folder = _shared.folder(path)
    found = parse_all(EXPERIMENTS[order.experiment].labels(folder), order.config, order.names)
    missing = []
    for arm in found:
        if arm.rule and arm.rule.calibrated:
            try:
                folder.subspace(arm.names, arm.config.reference)
            except ModelError:
                missing.append(arm.label)
    return [arm for arm in found if arm.label not in missing], missing


def file_of(path: str, order: Order) -> Path:
    """Where the report of a run is kept: the same for the same arms, settings, weights and problems. Raises ConfigError."""
    found, _ = arms(path, order)
    used = dict.fromkeys(name for arm in found for name in arm.members)
    key: dict[str, Any] = {"labels": [arm.label for arm in found], "config": asdict(order.config), "names": order.names}
    key |= {"source": order.source, "weights": _shared.folder(path).weights(*used)}
    return kept_folder() / f"{order.experiment}-{order.source['limit']}-{digest(key)}.json"


def begin(path: str, order: Order) -> None:
    """Makes an order the session's run: its finished report where that was kept, else it starts. Raises ConfigError."""
    file = file_of(path, order)

    def make() -> Job[Report]:
        with contextlib.suppress(ReportError):
            return Job(load(file))
        return Job()

    job = remembered(KIND, file.stem, make)
    st.session_state.update(benchmark_job=file.stem, benchmark_order=order)
    if not job.running and (not job.started or job.stop.is_set() or job.error):
        go_on(path)


def go_on(path: str) -> None:
    """Starts the session's run in a thread, which picks up what an earlier one has answered."""
    job, order = current(), st.session_state.benchmark_order
    assert job is not None, "`begin` made it"
    file, labels = file_of(path, order), [arm.label for arm in arms(path, order)[0]]

    def make(models: ModelSet, job: Job) -> Report:
        from lrr_core.evaluation.evaluate import evaluate

        problems = order.problems()
        size = max(1, min(64, -(-len(problems) // BATCHES)))
        answers = kept_folder() / "answers" / f"{file.stem}.jsonl"
        report = evaluate(
            models, problems, labels, order.config, order.names, size,
            progress=lambda label, done, total: job.tell(done, total), cancel=job.stop.is_set,
            partial=job.keep, kept=answers, source=order.source,
        )  # fmt: skip
        with contextlib.suppress(OSError):  # a cache folder that cannot be written costs only the time to run again
            write_text(file, to_json(report))
            answers.unlink(missing_ok=True)
        return report

    job.start(make, _shared.loading(path))


def current() -> Job[Report] | None:
    """The session's latest run, whether it goes on or has ended."""
    return st.session_state.get(f"jobs_{KIND}", {}).get(st.session_state.get("benchmark_job"))
