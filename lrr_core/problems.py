"""Problems and benchmarks: what is read, how it is put to a model, and how an answer is judged. Text only, no torch.

A `Problem` is what every other module works on. `BENCHMARKS` says where problems come from and how decoded text is
judged; `TEMPLATES` says how a problem is written for a model, `PATHS` how its chain of thought is.

    problem = BENCHMARKS["prosqa"].load("valid.json")[0]
    TEMPLATES["triples"](problem)  ->  "shumpus rempus ; Tom terpus ; ... ; ? lempus scrompus Tom"

Candidates, steps and templates use the names the model knows; `question` keeps the reader's own words, and `renamed`
says what became of their names.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .generators import generate
from .prosqa import CHANCE, GraphQuestion, ProblemError, from_record, map_names, parse_text


@dataclass(frozen=True)
class Problem:
    """One question with candidate answers.

    id: unique within its source; benchmark: a key of `BENCHMARKS`; question: the text as it came; candidates: (C,)
    answers to choose from; answer: index of the right one, None where nobody knows it; steps: (S,) reasoning in words;
    graph: with the model's names, None where there is none; renamed: (theirs, ours) for every name that was replaced.
    """

    id: str
    benchmark: str
    question: str
    candidates: tuple[str, ...]
    answer: int | None
    steps: tuple[str, ...]
    graph: GraphQuestion | None = None
    renamed: tuple[tuple[str, str], ...] = ()

    def __post_init__(self):
        if self.answer is not None and not 0 <= self.answer < len(self.candidates):
            raise ProblemError(
                f"Answer {self.answer} is not one of the {len(self.candidates)} candidates of {self.id}."
            )


@dataclass(frozen=True)
class Benchmark:
    """Where problems come from and how they are judged.

    chance: accuracy of guessing; parse: text -> Problem; load: file -> problems; generate: (kind, count, seed, nodes,
    hops) -> problems; parse_answer: (decoded text, problem) -> index of the candidate it names, or None.
    """

    name: str
    chance: float
    parse: Callable[[str], Problem]
    load: Callable[[str | Path], list[Problem]]
    generate: Callable[..., list[Problem]]
    parse_answer: Callable[[str, Problem], int | None]

    def majority(self, problems: Sequence[Problem]) -> float:
        """Accuracy of always giving the most frequent answer (by its place among the candidates); 0 for no problems."""
        counts = Counter(p.answer for p in problems if p.answer is not None)
        return max(counts.values()) / counts.total() if counts else 0.0


def from_text(benchmark: str, text: str) -> Problem:
    """A problem in the reader's own words."""
    return _choose(BENCHMARKS, benchmark, "benchmark").parse(text)


# --- ProsQA ----------------------------------------------------------------------------------------------------------


def from_graph(q: GraphQuestion, id: str, question: str | None = None) -> Problem:
    """A ProsQA problem; `question` is the reader's text (by default the graph's own)."""
    ours, renamed = map_names(q)
    candidates = tuple(ours.names[c] for c in ours.candidates)
    answer = ours.candidates.index(ours.answer)
    return Problem(id, "prosqa", question or q.text(), candidates, answer, tuple(ours.steps()), ours, renamed)


def _parse_prosqa(text: str) -> Problem:
    return from_graph(parse_text(text), "own text", text)


def _prosqa_record(record: dict, id: str) -> Problem:
    return from_graph(from_record(record), id, record.get("question"))


def _generate_prosqa(
    kind: str, count: int, seed: int, nodes: tuple[int, int] | None = None, hops: tuple[int, int] | None = None
) -> list[Problem]:
    """`count` problems of a generator in `generators.GENERATORS`; nodes, hops: inclusive ranges."""
    return [from_graph(q, f"{kind}-{seed}-{i}") for i, q in enumerate(generate(kind, count, seed, nodes, hops))]


def _named_candidate(text: str, problem: Problem) -> int | None:
    """The one candidate that occurs as a word of `text`; None where neither or several do."""
    words = set(re.findall(r"[\w'-]+", text.casefold()))
    named = [i for i, candidate in enumerate(problem.candidates) if candidate.casefold() in words]
    return named[0] if len(named) == 1 else None


# --- files -----------------------------------------------------------------------------------------------------------


def _load(path: str | Path, read: Callable[[dict, str], Problem]) -> list[Problem]:
    """Every record of a JSON list or a JSON-lines file through `read`; errors name the file and the record, from 0."""
    path = Path(path)
    problems = []
    for i, record in enumerate(_records(path)):
        try:
            problems.append(read(record, f"{path.stem}-{i}"))
        except ProblemError as error:
            raise ProblemError(f"{path}, record {i} (the first is 0): {error}") from error
    return problems


def _records(path: Path) -> list:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ProblemError(f"{path} cannot be read ({error.strerror}); give a JSON or JSON-lines file.") from error
    except UnicodeDecodeError as error:
        raise ProblemError(f"{path} is not UTF-8 text (byte {error.start}); give a JSON or JSON-lines file.") from error
    if not text.strip():
        raise ProblemError(f"{path} is empty; it should hold a JSON list of records, or one record a line.")
    try:
        if text.lstrip().startswith("["):
            return json.loads(text)
        try:
            return [json.loads(text)]  # a single record, over any number of lines
        except json.JSONDecodeError:
            return _lines(path, text)
    except json.JSONDecodeError as error:
        raise ProblemError(f"{path}, line {error.lineno}: broken JSON ({error.msg}); is the file complete?") from error


def _lines(path: Path, text: str) -> list:
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ProblemError(
                f"{path}, line {number} (record {len(records)}): broken JSON ({error.msg}); "
                "correct or delete that line: every line must be one record."
            ) from error
    return records


# --- the choices -----------------------------------------------------------------------------------------------------

BENCHMARKS: dict[str, Benchmark] = {
    "prosqa": Benchmark(
        name="ProsQA",
        chance=CHANCE,
        parse=_parse_prosqa,
        load=partial(_load, read=_prosqa_record),
        generate=_generate_prosqa,
        parse_answer=_named_candidate,
    ),
}


def _triples(problem: Problem) -> str:
    """source target ; ... ? candidate candidate root: one word a token, and the asked root last."""
    q = _graph(problem)
    edges = [f"{q.names[s]} {q.names[t]} ;" for s, t in q.edges]
    return " ".join([*edges, "?", *problem.candidates, q.names[q.root]])


def _english(problem: Problem) -> str:
    text = problem.graph.text() if problem.graph else problem.question
    return text + "\n"


def _names_on_path(problem: Problem) -> str:
    q = _graph(problem)
    return " ".join(q.names[i] for i in q.path()[1:])


def _steps(problem: Problem) -> str:
    return " ".join(problem.steps)


TEMPLATES: dict[str, Callable[[Problem], str]] = {"triples": _triples, "english": _english}
PATHS: dict[str, Callable[[Problem], str]] = {"triples": _names_on_path, "english": _steps}


def cot_text(problem: Problem, template: str) -> str:
    """The chain of thought in the words of a template; for "triples" the nodes after the root on a shortest path."""
    return _choose(PATHS, template, "template")(problem)


def _graph(problem: Problem) -> GraphQuestion:
    if problem.graph is None:
        raise ProblemError(f'The template "triples" needs a graph, and {problem.id} has none; choose "english".')
    return problem.graph


def _choose(choices: dict, key: str, what: str):
    if key not in choices:
        raise ProblemError(f"No {what} called {key!r}; choose one of {', '.join(choices)}.")
    return choices[key]
