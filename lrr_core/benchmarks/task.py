"""One problem, and one benchmark: the task object that loads problems, renders them, parses an answer and scores it.

    benchmark = BENCHMARKS["mathqa"]              # problems.py has the five
    loaded = benchmark.read("dev.json")           # JSON, JSON lines, Parquet, or "hub:allenai/math_qa@validation"
    problem = loaded.problems[0]                  # loaded.broken and loaded.doubtful name what is wrong, and where
    benchmark.render(problem)                     # the prompt, by the benchmark's first template
    benchmark.extract("so the answer is ( c ) .", problem)   -> "c"
    benchmark.score("so the answer is ( c ) .", problem)     -> True where "c" is the right answer

Answers are of two kinds. A *choice* has candidates, which is what a model writes: two names (ProsQA), yes or no
(StrategyQA), or a letter (MathQA, AQuA-RAT; what the letters stand for lies in `options`). It can be judged by the likelier
candidate and by decoded text. A *free* answer (GSM8K, a number) has no candidates, since any number may come: `candidates`
is empty, `answer` None, and the right number lies in `free_answer`. It can be judged by decoded text alone. `Problem.gold`
is the right answer of either kind as a model should write it, so `score` is one rule: the extracted answer equals the gold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .prosqa import GraphQuestion, ProblemError
from .sources import records, rename, stem

MOST_BROKEN = (
    10_000  # records; a file with more of them is none of this benchmark, and naming each would fill the memory
)


@dataclass(frozen=True)
class Problem:
    """One question and, where it is known, its answer.

    id: unique within its source; benchmark: a key of `BENCHMARKS`; question: the text as it came; candidates: (C,)
    answers to choose from, () where any number may be the answer; answer: index of the right candidate, None where nobody
    knows it or there are no candidates; steps: (S,) reasoning in words; graph: with the model's names, None where there is
    none; renamed: (theirs, ours) for every name that was replaced; options: (C,) what the candidates stand for where they
    are letters, else (); formal: (F,) the reasoning in its short form (equations, operations, sub-questions), () where the
    benchmark has none; free_answer: the right number in the form of `answers.canonical`, "" for a choice or an unknown one;
    doubt: what makes the record doubtful although it loads, "" for nothing.
    """

    id: str
    benchmark: str
    question: str
    candidates: tuple[str, ...]
    answer: int | None
    steps: tuple[str, ...]
    graph: GraphQuestion | None = None
    renamed: tuple[tuple[str, str], ...] = ()
    options: tuple[str, ...] = ()
    formal: tuple[str, ...] = ()
    free_answer: str = ""
    doubt: str = ""

    def __post_init__(self):
        for name in ("candidates", "steps", "options", "formal"):  # lists, as they come back from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.answer is not None and not 0 <= self.answer < len(self.candidates):
            raise ProblemError(
                f"Answer {self.answer} is not one of the {len(self.candidates)} candidates of {self.id}."
            )
        if self.options and len(self.options) != len(self.candidates):
            raise ProblemError(f"{self.id} has {len(self.candidates)} candidates but {len(self.options)} options.")
        if self.free_answer and self.candidates:
            raise ProblemError(f"{self.id} has candidates, so its answer is one of them and not {self.free_answer!r}.")

    def need_graph(self) -> GraphQuestion:
        """The graph, for what can only be drawn or counted on one; ProblemError where there is none."""
        if self.graph is None:
            raise ProblemError(f"{self.id} has no graph; this needs a ProsQA problem.")
        return self.graph

    @classmethod
    def from_dict(cls, data: dict) -> Problem:
        """The inverse of `dataclasses.asdict`, also after a way through JSON, where tuples become lists."""
        graph = data["graph"]
        if graph is not None:
            edges, candidates = tuple(tuple(e) for e in graph["edges"]), tuple(graph["candidates"])
            graph = GraphQuestion(tuple(graph["names"]), edges, graph["root"], candidates, graph["answer"])
        return cls(**data | {"graph": graph, "renamed": tuple(tuple(r) for r in data["renamed"])})

    @property
    def gold(self) -> str | None:
        """The right answer as a model should write it: a candidate or a number; None where nobody knows it."""
        return self.free_answer or None if self.answer is None else self.candidates[self.answer]


@dataclass(frozen=True)
class Flaw:
    """A record that is broken or doubtful. where: its line or number in the source; reason: what is wrong, and the fix."""

    id: str
    where: str
    reason: str


@dataclass(frozen=True)
class Loaded:
    """What a source holds: every record is a problem or broken. doubtful: problems that load but have a named defect."""

    source: str
    problems: tuple[Problem, ...]
    broken: tuple[Flaw, ...] = ()
    doubtful: tuple[Flaw, ...] = ()

    @property
    def records(self) -> int:
        return len(self.problems) + len(self.broken)


@dataclass(frozen=True)
class Benchmark:
    """Where problems come from and how they are written and judged.

    key: its name in `BENCHMARKS`; chance: accuracy of guessing (0 for a free answer); parse: text in the reader's own words
    -> Problem; read_record: (record, id) -> Problem, ProblemError for a broken one; extract: (decoded text, problem) -> the
    answer it gives in the form of `Problem.gold`, or None; templates: name -> writer of the prompt, the default first; maker:
    (kind, count, seed, nodes, hops) -> fresh problems, None where there is no generator; hub: where the Hugging Face hub
    has it ("" where it does not), to be completed by @SPLIT; ends: whether a candidate's likelihood counts the end of the answer.
    """

    key: str
    name: str
    chance: float
    parse: Callable[[str], Problem]
    read_record: Callable[[dict, str], Problem]
    extract: Callable[[str, Problem], str | None]
    templates: dict[str, Callable[[Problem], str]] = field(repr=False)
    maker: Callable[..., list[Problem]] | None = None
    hub: str = ""
    ends: bool = False

    def read(self, source: str | Path, fields: Mapping[str, str] | None = None) -> Loaded:
        """Every record of a source, the broken ones named instead of dropped; ProblemError where not a single one loads or more
        than MOST_BROKEN are broken. fields: our name -> the name a record has (`sources.field_map`)."""
        problems, broken, doubtful = [], [], []
        asked: dict[tuple, Problem] = {}
        for row in records(source):
            id = f"{stem(source)}-{row.index}"
            try:
                if row.fault:
                    raise ProblemError(row.fault)
                problem = self.read_record(rename(row.record, fields or {}), id)
                # what is read from a record is what is read from a text that copies it
                if problem.gold is not None and not self.score(f"#### {problem.gold}", problem):
                    raise ProblemError(f"the answer {problem.gold!r} is not read back from a text that gives it.")
            except ProblemError as error:
                broken.append(Flaw(id, row.where, str(error)))
                if len(broken) > MOST_BROKEN:
                    raise ProblemError(
                        f"More than {MOST_BROKEN:,} records of {source} are broken; is it a file of {self.name}? "
                        f"{broken[0].where}: {broken[0].reason}"
                    ) from error
                continue
            # the words of the choices are the question's only where they are not letters or names of the text
            choices = problem.candidates if problem.benchmark == "generic" else problem.options
            if (first := asked.setdefault((problem.question, choices), problem)) is not problem:
                problem = replace(problem, doubt=problem.doubt or _repeated(first, problem))
            if problem.doubt:
                doubtful.append(Flaw(id, row.where, problem.doubt))
            problems.append(problem)
        loaded = Loaded(str(source), tuple(problems), tuple(broken), tuple(doubtful))
        if not problems:
            raise ProblemError(f"No record of {self.name} in {source}: {_first(loaded)}")
        return loaded

    def load(self, source: str | Path, fields: Mapping[str, str] | None = None) -> list[Problem]:
        """As `read`, but a single broken record is an error that names it."""
        loaded = self.read(source, fields)
        if loaded.broken:
            raise ProblemError(f"{source}, {_first(loaded)}")
        return list(loaded.problems)

    def generate(self, *args, **kwargs) -> list[Problem]:
        """Fresh problems: (kind, count, seed, nodes, hops); ProblemError where the benchmark has no generator."""
        if self.maker is None:
            raise ProblemError(f"{self.name} cannot be generated; give a file of problems instead.")
        return self.maker(*args, **kwargs)

    def render(self, problem: Problem, template: str | None = None) -> str:
        """The prompt, by a template that suits this benchmark (the first by default)."""
        template = template or next(iter(self.templates))
        if template not in self.templates:
            raise ProblemError(f"{self.name} has no template {template!r}; choose one of {', '.join(self.templates)}.")
        return self.templates[template](problem)

    def parse_answer(self, text: str, problem: Problem) -> int | None:
        """Index of the candidate that decoded text gives, or None; ProblemError for a free answer, which has no index."""
        if not problem.candidates:
            raise ProblemError(
                f"The answer of {problem.id} is a free number and no candidate; use `score` or `extract`."
            )
        found = self.extract(text, problem)
        return None if found is None else problem.candidates.index(found)

    def score(self, text: str, problem: Problem) -> bool:
        """Whether decoded text gives the right answer; ProblemError where nobody knows it."""
        if problem.gold is None:
            raise ProblemError(f"The right answer of {problem.id} is unknown, so nothing can be scored; leave it out.")
        return self.extract(text, problem) == problem.gold

    def guessing(self, problems: Sequence[Problem]) -> float:
        """Accuracy of guessing these problems: the benchmark's own, or the mean over theirs where choices differ in number."""
        if self.key != "generic" or not problems:
            return self.chance
        return sum(1 / len(p.candidates) for p in problems if p.candidates) / len(problems)

    def majority_class(self, problems: Sequence[Problem]) -> tuple[str, float]:
        """The most frequent answer and the accuracy of always giving it; ("", 0.0) where no answer is known.

        Where candidates differ from problem to problem (ProsQA's names) the class is the place among them.
        """
        known = [p for p in problems if p.gold is not None]
        if not known:
            return "", 0.0
        shared = len({p.candidates for p in known}) == 1
        named = [p.gold if shared else f"candidate {p.answer + 1}" for p in known]
        label, count = Counter(named).most_common(1)[0]
        return label, count / len(known)

    def majority(self, problems: Sequence[Problem]) -> float:
        """Accuracy of always giving the most frequent answer; 0 for no problems."""
        return self.majority_class(problems)[1]


def _repeated(first: Problem, again: Problem) -> str:
    """What is doubtful about a question that came before: it is the same, or its answer was another one."""
    if first.gold == again.gold:
        return f"the same question as {first.id}"
    return f"the same question as {first.id}, with another answer: {first.gold!r} there, {again.gold!r} here"


def _first(loaded: Loaded) -> str:
    """The first broken record, and how many there are; for a source without any record, that it has none."""
    if not loaded.broken:
        return "it has no record."
    more = f" ({len(loaded.broken)} of {loaded.records} records are broken)" if len(loaded.broken) > 1 else ""
    return f"{loaded.broken[0].where}: {loaded.broken[0].reason}{more}"
