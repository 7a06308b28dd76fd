"""How a problem is written for a model: the prompt, and the chain of thought a model may be trained on.

    TEMPLATES["english"](problem)          question, options where there are any, and a line break
    cot_steps(problem, "short")            ("<<48/2=24>>", "<<48+24=72>>"): one entry a step, for a latent curriculum
    cot_text(problem, "short")             the same as one text

| template | prompt | chain of thought |
|---|---|---|
| triples  | ProsQA's graph, one word a token, the asked root last | the names on a shortest path |
| english  | the words of the problem | the reasoning in words |
| short    | the words of the problem | its short form: equations, operations, sub-questions; words where there is none |
| words    | the same graph in sentences, "Every cup is a lamp.", and the asked root last | the names on a shortest path |
| instruct | for a model that has read instructions: "Question: ... Answer with ... Answer:" | the reasoning in words |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .prosqa import GraphQuestion, ProblemError

if TYPE_CHECKING:
    from .task import Problem


def triples(problem: Problem) -> str:
    """source target ; ... ? candidate candidate root: one word a token, and the asked root last."""
    q = _graph(problem)
    edges = [f"{q.names[s]} {q.names[t]} ;" for s, t in q.edges]
    return " ".join([*edges, "?", *problem.candidates, q.names[q.root]])


def words(problem: Problem) -> str:
    """Every cup is a lamp. ... Question: lamp or stone? cup: the asked root last."""
    q = _graph(problem)
    return told(q) + asked(q, q.candidates, q.root)


def told(q: GraphQuestion) -> str:
    """The sentences of `words`, one an edge."""
    return " ".join(q.sentence(s, t) for s, t in q.edges)


def asked(q: GraphQuestion, pair: Sequence[int], root: int) -> str:
    """The question of `words` about two nodes and a root, as it follows the sentences."""
    return f" Question: {q.names[pair[0]]} or {q.names[pair[1]]}? {q.names[root]}"


def english(problem: Problem) -> str:
    """The question and, a line each, "(a) 38", ..."""
    text = problem.graph.text() if problem.graph else problem.question.strip()
    return "\n".join([text, *_options(problem)]) + "\n"


short = english  # the prompt is the same; what differs is the chain of thought


def instruct(problem: Problem) -> str:
    """Question, options, what to answer with, and "Answer:", after which a model goes on with " c" or " 72"."""
    text = problem.graph.text() if problem.graph else problem.question.strip()
    if problem.options:
        how = "the letter of the right option"
    elif problem.candidates:
        how = "one of these" if problem.benchmark == "generic" else " or ".join(problem.candidates)
    else:
        how = "a number" if problem.benchmark == "gsm8k" else "a few words or a number"
    return "\n".join([f"Question: {text}", *_options(problem), f"Answer with {how}.", "Answer:"])


def _options(problem: Problem) -> list[str]:
    if problem.benchmark == "generic":  # the choices are what a model writes: they have no letters
        return [f"- {choice}" for choice in problem.candidates]
    return [f"({c}) {option}" for c, option in zip(problem.candidates, problem.options, strict=False)]


def _names_on_path(problem: Problem) -> tuple[str, ...]:
    q = _graph(problem)
    return tuple(q.names[i] for i in q.path()[1:])


def _words(problem: Problem) -> tuple[str, ...]:
    return problem.steps


def _short_form(problem: Problem) -> tuple[str, ...]:
    if problem.graph is not None:
        return _names_on_path(problem)
    if problem.benchmark == "gsm8k":  # marked as the Coconut code marks them
        return tuple(f"<<{equation}>>" for equation in problem.formal) or problem.steps
    return problem.formal or problem.steps


TEMPLATES: dict[str, Callable[[Problem], str]] = {
    "triples": triples,
    "words": words,
    "english": english,
    "short": short,
    "instruct": instruct,
}
STEPS: dict[str, Callable[[Problem], tuple[str, ...]]] = {
    "triples": _names_on_path,
    "words": _names_on_path,
    "english": _words,
    "short": _short_form,
    "instruct": _words,
}


def cot_steps(problem: Problem, template: str) -> tuple[str, ...]:
    """The chain of thought in the words of a template, an entry a step; () where the record has none."""
    if template not in STEPS:
        raise ProblemError(f"No template called {template!r}; choose one of {', '.join(STEPS)}.")
    return STEPS[template](problem)


def cot_text(problem: Problem, template: str) -> str:
    """`cot_steps` as one text; for "triples" the nodes after the root on a shortest path."""
    return " ".join(cot_steps(problem, template))


def _graph(problem: Problem) -> GraphQuestion:
    if problem.graph is None:
        raise ProblemError(f'This template needs a graph, and {problem.id} has none; choose "english".')
    return problem.graph
