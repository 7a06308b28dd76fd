"""Answers kept on disk as they come, so that a run goes on where it was stopped: one JSON line a batch and setting.

A line is known by its *mark*, which covers everything its answers depend on (method, settings, weights, problems, device,
versions), and by which of the problems it answers. So a log may hold lines of many runs, and a line that is cut short, or of
anything else, is simply not found. Processes write a log each, beside the first; all of them are read.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..analysis.statistics import pack, unpack
from ..benchmarks.task import Problem
from ..storage import digest
from .answering import Answer

Key = tuple[str, int, int]  # mark, place of the first problem, how many


@dataclass(frozen=True)
class Entry:
    """One batch under one setting. seconds: wall time; right: (n,) whether each problem was answered rightly; answers: (n,)
    in full where they were asked for, else ()."""

    seconds: float
    right: tuple[bool, ...]
    answers: tuple[Answer, ...] = ()


def fingerprint(problem: Problem) -> str:
    """What a problem asks, whatever its id or file: two problems that ask the same have the same fingerprint."""
    if problem.graph is not None:
        return digest([sorted(problem.graph.edges), problem.graph.names, problem.graph.root, problem.graph.candidates])
    return digest([problem.question, problem.candidates, problem.options])


class AnswerLog:
    """found: Key -> Entry; memory: mark -> peak bytes per problem. path: None keeps nothing on disk; needed: whether a file that
    cannot be written is an error, or costs only what it would have kept."""

    def __init__(self, path: Path | None = None, process: int = 0, needed: bool = True):
        self.found: dict[Key, Entry] = {}
        self.memory: dict[str, float] = {}
        self.needed = needed
        self.path = path if path is None or not process else path.with_name(f"{path.stem}.{process}{path.suffix}")
        if path is not None and not process:
            for file in (path, *sorted(path.parent.glob(f"{path.stem}.[0-9]*{path.suffix}"))):
                self._read(file)

    def _read(self, file: Path) -> None:
        for line in file.read_text(errors="replace").splitlines() if file.exists() else ():
            try:
                row = json.loads(line)
                if "memory" in row:
                    self.memory[row["mark"]] = float(row["memory"])
                    continue
                key = (row["mark"], int(row["start"]), int(row["n"]))
                entry = Entry(
                    float(row["seconds"]),
                    tuple(unpack(row["right"], key[2]).tolist()),
                    tuple(Answer(**a) for a in row["answers"]),
                )
                if len(entry.answers) in (0, key[2]):
                    self.found[key] = entry
            except (ValueError, TypeError, KeyError):
                continue  # cut short by a kill: that batch is answered again

    def add(self, key: Key, entry: Entry) -> None:
        self.found[key] = entry
        told = {"right": pack(entry.right), "answers": [asdict(a) for a in entry.answers]}
        self._write(dict(zip(("mark", "start", "n"), key, strict=True)) | {"seconds": entry.seconds} | told)

    def add_memory(self, mark: str, bytes_per_problem: float) -> None:
        self.memory[mark] = bytes_per_problem
        self._write({"mark": mark, "memory": bytes_per_problem})

    def _write(self, row: dict) -> None:
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a") as file:
                file.write(f"\n{json.dumps(row)}\n")  # begins a line of its own, whatever the last writer left
        except OSError:
            if self.needed:
                raise
