"""The five benchmarks of the paper and one of the reader's own, and the one place to get problems from. Text only, no torch.

    problem = BENCHMARKS["prosqa"].load("valid.json")[0]
    TEMPLATES["triples"](problem)  ->  "shumpus rempus ; Tom terpus ; ... ; ? lempus scrompus Tom"

`task` says what a problem and a benchmark are, `sources` where records come from, `answers` how decoded text is read, and
`templates` how a problem is written for a model; ProsQA's own part is here.

ProsQA's candidates, steps and templates use the names the model knows; `question` keeps the reader's own words, and
`renamed` says what became of their names. Its chance level says little: see `shortcuts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from . import answers
from .english import parse_text
from .generators import generate, renamed
from .generic import GENERIC
from .gsm8k import GSM8K
from .multiple_choice import AQUA, MATHQA
from .nouns import NOUNS
from .prosqa import CHANCE, NAMES, GraphQuestion, ProblemError, from_record, map_names
from .shortcuts import depth_rule
from .strategyqa import STRATEGYQA
from .task import Benchmark, Flaw, Loaded, Problem
from .templates import STEPS, TEMPLATES, cot_steps, cot_text

__all__ = [
    "BENCHMARKS", "STEPS", "TEMPLATES", "Benchmark", "Flaw", "Loaded", "Problem", "ProblemError",
    "cot_steps", "cot_text", "describe", "from_graph", "from_text",
]  # fmt: skip


KNOWN = {"prosqa": NAMES, "words": NOUNS}  # benchmark of graphs -> the names its models know


def from_graph(q: GraphQuestion, id: str, question: str | None = None, benchmark: str = "prosqa") -> Problem:
    """A problem about a graph; `question` is the reader's text (by default the graph's own)."""
    ours, pairs = map_names(q, KNOWN[benchmark])
    candidates = tuple(ours.names[c] for c in ours.candidates)
    answer = ours.candidates.index(ours.answer)
    return Problem(id, benchmark, question or q.text(), candidates, answer, tuple(ours.steps()), ours, pairs)


def _of_graphs(key: str, name: str, templates: Sequence[str]) -> Benchmark:
    """A benchmark of questions about graphs, with the names of KNOWN."""

    def make(
        kind: str, count: int, seed: int, nodes: tuple[int, int] | None = None, hops: tuple[int, int] | None = None
    ) -> list[Problem]:
        """`count` problems of a generator in `generators.GENERATORS`; nodes, hops: inclusive ranges."""
        made = list(generate(kind, count, seed, nodes, hops))
        if KNOWN[key] is not NAMES:
            rng = np.random.default_rng([seed, 1])
            made = [renamed(rng, q, KNOWN[key]) for q in made]
        return [from_graph(q, f"{kind}-{seed}-{i}", benchmark=key) for i, q in enumerate(made)]

    return Benchmark(
        key=key,
        name=name,
        chance=CHANCE,
        parse=lambda text: from_graph(parse_text(text), "own text", text, key),
        read_record=lambda record, id: from_graph(from_record(record), id, record.get("question"), key),
        extract=_named_candidate,
        templates={t: TEMPLATES[t] for t in templates},
        maker=make,
    )


def _named_candidate(text: str, problem: Problem) -> str | None:
    found = answers.name(text, problem.candidates)
    return None if found is None else problem.candidates[found]


PROSQA = _of_graphs("prosqa", "ProsQA", ("triples", "english", "short", "instruct"))
WORDS = _of_graphs("words", "ProsQA in everyday nouns", ("words", "english", "instruct"))

BENCHMARKS: dict[str, Benchmark] = {b.key: b for b in (PROSQA, WORDS, GSM8K, MATHQA, AQUA, STRATEGYQA, GENERIC)}


def from_text(benchmark: str, text: str) -> Problem:
    """A problem in the reader's own words."""
    if benchmark not in BENCHMARKS:
        raise ProblemError(f"No benchmark called {benchmark!r}; choose one of {', '.join(BENCHMARKS)}.")
    return BENCHMARKS[benchmark].parse(text)


def describe(
    benchmark: Benchmark, loaded: Loaded, index: int = 0, template: str | None = None, named: int = 20
) -> Iterator[str]:
    """What a source holds, as lines: counts, chance, majority class, the broken and doubtful records (at most `named` of each
    by name), and problem `index` as a model would read it. ProblemError where there is no such problem or template."""
    n = len(loaded.problems)
    yield f"{benchmark.name}: {loaded.records} records in {loaded.source}; {n} load, {len(loaded.broken)} are broken"
    label, share = benchmark.majority_class(loaded.problems)
    yield f"chance {benchmark.guessing(loaded.problems):.1%}; always {label!r}: {share:.1%}"
    if all(p.graph for p in loaded.problems):
        right = sum(depth_rule(p.graph) == p.graph.answer for p in loaded.problems)
        yield f"the candidate deeper in the graph, without reasoning: {right / n:.1%}"
    else:
        words, form = sum(bool(p.steps) for p in loaded.problems), sum(bool(p.formal) for p in loaded.problems)
        yield f"with reasoning in words: {words}; in its short form: {form}"
    for what, flaws in (("broken", loaded.broken), ("doubtful", loaded.doubtful)):
        if flaws:
            yield f"{what}: {len(flaws)}"
            yield from (f"  {flaw.id}, {flaw.where}: {flaw.reason}" for flaw in flaws[:named])
        if len(flaws) > named:
            yield f"  and {len(flaws) - named} more"
    if not 0 <= index < n:
        raise ProblemError(f"--index must lie between 0 and {n - 1} for {loaded.source}, not {index}.")
    problem = loaded.problems[index]
    template = template or next(iter(benchmark.templates))
    yield f"--- {problem.id} as the template {template!r} writes it"
    yield benchmark.render(problem, template).rstrip("\n")
    yield f"--- reasoning: {cot_text(problem, template) or '(none)'}"
    yield f"--- answer: {problem.gold}"
