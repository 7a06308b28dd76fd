"""Rules that answer ProsQA without looking at who is asked about; every ProsQA score is shown beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from .prosqa import GraphQuestion, breadth_first


def depth_rule(q: GraphQuestion) -> int:
    """The candidate farther from its nearest named entity (capitalised or parentless node), whoever is asked about.
    Equal depths: the candidate named first, which is the answer half of the time."""
    inner = {target for _, target in q.edges}
    named = [i for i, name in enumerate(q.names) if i not in inner or name[:1].isupper()]
    depth = breadth_first(q.children(), *named)
    return max(q.candidates, key=lambda c: depth[c])  # max keeps the first of equals


COUNTS = (
    "in-degree",
    "out-degree",
    "ancestors",
    "depth from nearest parentless node",
    "first mention",
    "parentless ancestors",
)


def graph_counts(q: GraphQuestion) -> np.ndarray:
    """(6,) the counts of `COUNTS` for the first candidate minus those for the second; the asked root plays no part."""
    parents: list[list[int]] = [[] for _ in q.names]
    for source, target in q.edges:
        parents[target].append(source)
    children, flat = q.children(), [i for edge in q.edges for i in edge]
    tops = [i for i, above in enumerate(parents) if not above]
    depth = breadth_first(children, *tops)
    rows = []
    for c in q.candidates:
        above = [i for i, d in enumerate(breadth_first(parents, c)) if d > 0]
        rows.append(
            (len(parents[c]), len(children[c]), len(above), depth[c], flat.index(c), len(set(above) & set(tops)))
        )
    return np.subtract(*np.array(rows, float))


def fit_count_baseline(questions: Iterable[GraphQuestion]) -> Callable[[GraphQuestion], int]:
    """Logistic regression on `graph_counts`; returns question -> predicted candidate. It learns how answers differ from
    distractors in general: what a model can score without following a single edge from the root."""
    from sklearn.linear_model import LogisticRegression

    questions = list(questions)
    x = np.array([graph_counts(q) for q in questions])
    first = np.array([q.answer == q.candidates[0] for q in questions])
    scale = x.std(0) + 1e-9
    # each question in both orders: no preference for a place, and always two classes
    fit = LogisticRegression(fit_intercept=False).fit(np.concatenate([x, -x]) / scale, np.concatenate([first, ~first]))
    weights = fit.coef_[0] / scale
    return lambda q: q.candidates[0] if graph_counts(q) @ weights >= 0 else q.candidates[1]
