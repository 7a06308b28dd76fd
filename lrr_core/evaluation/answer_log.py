"""Answers kept on disk as they come, so that a run goes on where it was stopped: one JSON line a batch.

A line is known by its *mark*, which covers everything its answers depend on (method, settings, weights, problems, device,
versions), and by its place among the problems. So a log may hold lines of many runs, and a line that is cut short, or of
anything else, is simply not found. Processes write a log each, beside the first; all of them are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..benchmarks.task import Problem
from .answering import Answer


@dataclass(frozen=True)
class Entry:
    """One batch under one arm: the ids of its problems, wall seconds, and the answers in the same order."""

    problems: tuple[str, ...]
    seconds: float
    answers: tuple[Answer, ...]


def digest(data: object) -> str:
    """Sixteen hexadecimal digits that stand for any JSON data."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:16]


def fingerprint(problem: Problem) -> str:
    """What a problem asks, whatever its id or file: two problems that ask the same have the same fingerprint."""
    if problem.graph is not None:
        return digest([sorted(problem.graph.edges), problem.graph.names, problem.graph.root, problem.graph.candidates])
    return digest([problem.question, problem.candidates, problem.options])


class AnswerLog:
    """found: (mark, place) -> Entry; memory: mark -> peak bytes per problem. path: None keeps nothing on disk."""

    def __init__(self, path: Path | None, process: int = 0):
        self.found: dict[tuple[str, int], Entry] = {}
        self.memory: dict[str, float] = {}
        self.path = path if path is None or not process else path.with_name(f"{path.stem}.{process}{path.suffix}")
        if path is not None and not process:
            for file in (path, *sorted(path.parent.glob(f"{path.stem}.[0-9]*{path.suffix}"))):
                self._read(file)

    def _read(self, file: Path) -> None:
        if not file.exists():
            return
        for line in file.read_text(errors="replace").splitlines():
            try:
                row = json.loads(line)
                if "memory" in row:
                    self.memory[row["mark"]] = float(row["memory"])
                    continue
                answers = tuple(Answer(**a) for a in row["answers"])
                entry = Entry(tuple(row["problems"]), float(row["seconds"]), answers)
            except (ValueError, TypeError, KeyError):
                continue  # cut short by a kill: that batch is answered again
            if [a.problem for a in answers] == list(entry.problems):
                self.found[row["mark"], int(row["at"])] = entry

    def get(self, mark: str, at: int, batch: Sequence[Problem]) -> Entry | None:
        """The entry of these very problems; None where there is none, or batches were cut otherwise."""
        entry = self.found.get((mark, at))
        return entry if entry is not None and entry.problems == tuple(p.id for p in batch) else None

    def add(self, mark: str, at: int, entry: Entry) -> None:
        self.found[mark, at] = entry
        self._write(asdict(entry) | {"mark": mark, "at": at})

    def add_memory(self, mark: str, bytes_per_problem: float) -> None:
        self.memory[mark] = bytes_per_problem
        self._write({"mark": mark, "memory": bytes_per_problem})

    def _write(self, row: dict) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a") as file:
            file.write(f"\n{json.dumps(row)}\n")  # begins a line of its own, whatever the last writer left
