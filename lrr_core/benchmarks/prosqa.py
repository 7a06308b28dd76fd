"""ProsQA: word problems over a directed graph ("Every shumpus is a rempus. ... Is Tom a lempus or scrompus?").

A question names a root and two candidates; exactly one of them can be reached from the root. This module holds the graph
and reads it from the released records; `english` reads it from what people write, `generators` makes new problems, and
`shortcuts` holds the rules that every ProsQA score is shown beside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

PERSONS = tuple("Alex Bob Carol Davis Eva Fae Gabriel Jack Max Oliver Polly Rex Sally Sam Stella Tom Wren".split())
CONCEPTS = tuple(
    "bompus boompus brimpus chorpus dumpus felpus fompus gerpus gorpus grimpus gwompus hilpus impus jelpus jompus "
    "kerpus lempus lorpus numpus quimpus rempus rompus rorpus scrompus shumpus sterpus storpus terpus timpus tumpus "
    "vumpus worpus wumpus yerpus yimpus yumpus zhorpus zumpus".split()
)
NAMES = PERSONS + CONCEPTS
MOST_NODES, MOST_EDGES, MOST_TEXT = 1_000, 20_000, 100_000  # of one record; the released ones have at most 28 nodes
RELEASED_NODES = (14, 28)  # smallest and largest graph of the released validation file
RELEASED_HOPS = (3, 6)
CHANCE = 0.5


class ProblemError(ValueError):
    """A problem that cannot be read or asked; the message says what was expected, what came, and the fix."""


@dataclass(frozen=True)
class GraphQuestion:
    """One directed graph and one question about it.

    names: (N,) node names; edges: (E, 2) source and target node, in the order of the text; root: the asked node;
    candidates: the two nodes in the order asked; answer: the one reachable from `root`.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    root: int
    candidates: tuple[int, int]
    answer: int

    def __post_init__(self):
        n = len(self.names)
        if len(set(self.names)) != n:
            raise ProblemError("Two nodes share a name; give every node a name of its own.")
        flat = [i for edge in self.edges for i in edge] + [self.root, *self.candidates]
        if flat and not 0 <= min(flat) <= max(flat) < n:
            raise ProblemError(f"A node index lies outside 0 ... {n - 1}; check edges, root, target and neg_target.")
        if self.answer not in self.candidates:
            raise ProblemError("The answer must be one of the two candidates.")

    @property
    def distractor(self) -> int:
        a, b = self.candidates
        return b if self.answer == a else a

    @property
    def hops(self) -> int:
        """Edges on the shortest path from the root to the answer."""
        return self.depths()[self.answer]

    def children(self) -> list[list[int]]:
        out = [[] for _ in self.names]
        for source, target in self.edges:
            out[source].append(target)
        return out

    def depths(self, root: int | None = None) -> list[int]:
        """Breadth-first depth of every node from `root` (the asked one by default); -1 where unreachable."""
        return breadth_first(self.children(), self.root if root is None else root)

    def frontiers(self, thoughts: int) -> list[frozenset[int]]:
        """The nodes at depth 1 ... `thoughts`: what thought t is trained to hold. Empty beyond the deepest node."""
        depth = self.depths()
        return [frozenset(i for i, d in enumerate(depth) if d == t) for t in range(1, thoughts + 1)]

    def path(self) -> list[int]:
        """One shortest path from the root to the answer, both included."""
        depth, parents = self.depths(), [[] for _ in self.names]
        for source, target in self.edges:
            parents[target].append(source)
        node, path = self.answer, [self.answer]
        while node != self.root:
            node = next(p for p in parents[node] if depth[p] == depth[node] - 1)
            path.append(node)
        return path[::-1]

    def sentence(self, source: int, target: int) -> str:
        subject = self.names[source]
        return f"{subject if subject[:1].isupper() else 'Every ' + subject} is a {self.names[target]}."

    def steps(self) -> list[str]:
        """The shortest path as sentences: the chain of thought in words."""
        path = self.path()
        return [self.sentence(s, t) for s, t in pairwise(path)]

    def sentences(self) -> list[str]:
        """The text, a sentence an edge, and the question last."""
        lines = [self.sentence(s, t) for s, t in self.edges]
        a, b = (self.names[c] for c in self.candidates)
        subject = self.names[self.root] if self.names[self.root][:1].isupper() else "every " + self.names[self.root]
        return [*lines, f"Is {subject} a {a} or {b}?"]

    def text(self) -> str:
        return " ".join(self.sentences())


def breadth_first(children: Sequence[Sequence[int]], *roots: int) -> list[int]:
    """Depth of every node from the nearest of `roots`, -1 where none of them reaches it."""
    depth = [-1] * len(children)
    for root in roots:
        depth[root] = 0
    queue = deque(roots)
    while queue:
        node = queue.popleft()
        for child in children[node]:
            if depth[child] < 0:
                depth[child] = depth[node] + 1
                queue.append(child)
    return depth


# --- reading ---------------------------------------------------------------------------------------------------------

_KEYS = {"idx_to_symbol": list, "edges": list, "root": int, "target": int, "neg_target": int}


def answered(
    names: tuple[str, ...], edges: tuple[tuple[int, int], ...], root: int, candidates: tuple[int, int]
) -> GraphQuestion:
    """The question whose answer is the one candidate that `root` reaches; any other number of them is an error."""
    q = GraphQuestion(names, edges, root, candidates, candidates[0])
    who, (a, b) = names[root], (names[c] for c in candidates)
    if a == b:
        raise ProblemError(f'Both candidates are "{a}"; offer two different ones.')
    if root in candidates:
        raise ProblemError(f'"{who}" is asked about and is a candidate, too; offer two other candidates.')
    depth = q.depths()
    reached = [c for c in candidates if depth[c] > 0]
    if not reached:
        raise ProblemError(
            f'Neither "{a}" nor "{b}" follows from the text for "{who}"; exactly one must: add a missing sentence.'
        )
    if len(reached) == 2:
        raise ProblemError(
            f'Both "{a}" and "{b}" follow from the text for "{who}"; exactly one must: change one candidate.'
        )
    return replace(q, answer=reached[0])


def from_record(record: dict) -> GraphQuestion:
    """Read one record of the released JSON; nodes keep their ids. Where there is a `question`, edges and candidates
    take the order of its text; a ProblemError if it tells of another graph."""
    if not isinstance(record, dict):
        raise ProblemError(f"A record must be a JSON object with {', '.join(_KEYS)}, not {type(record).__name__}.")
    for key, kind in _KEYS.items():
        if key not in record:
            raise ProblemError(f"The record has no {key!r}; it needs {', '.join(_KEYS)} and, for the order, question.")
        if not isinstance(record[key], kind) or isinstance(record[key], bool):
            raise ProblemError(f"{key!r} must be {kind.__name__}, not {type(record[key]).__name__}.")
    names, edges = tuple(record["idx_to_symbol"]), record["edges"]
    if len(names) > MOST_NODES or len(edges) > MOST_EDGES:
        raise ProblemError(
            f"The record has {len(names):,} nodes and {len(edges):,} edges; at most {MOST_NODES:,} and {MOST_EDGES:,} are read."
        )
    if not all(isinstance(name, str) for name in names):
        raise ProblemError("'idx_to_symbol' must hold one name (a string) per node.")
    if not all(isinstance(e, list | tuple) and len(e) == 2 and all(type(i) is int for i in e) for e in edges):
        raise ProblemError("'edges' must hold pairs of node indices, [source, target].")
    pair = record["target"], record["neg_target"]
    # without a text the candidates are put in the order of their names, which says nothing about the answer
    q = GraphQuestion(names, tuple(map(tuple, edges)), record["root"], pair, pair[0])
    q = answered(names, q.edges, q.root, tuple(sorted(pair, key=names.__getitem__)))
    if q.answer != pair[0]:
        raise ProblemError("'target' cannot be reached from 'root', but 'neg_target' can; exchange the two.")
    if "question" not in record:
        return q
    from .english import parse_text  # it reads into the record of this module, so neither can come first

    if not isinstance(record["question"], str) or len(record["question"]) > MOST_TEXT:
        raise ProblemError(f"'question' must be a text of at most {MOST_TEXT:,} characters.")
    try:
        text = parse_text(record["question"])
    except ProblemError as error:
        if several := [name for name in names if len(name.split()) != 1]:
            raise ProblemError(
                f"Names of one word are needed beside a 'question', not {several[0][:40]!r}; write it with a hyphen, or drop "
                "'question'."
            ) from error
        raise
    ids = {name.casefold(): i for i, name in enumerate(names)}
    ours = [ids.get(name.casefold(), -1) for name in text.names]  # index in the text -> index in the record
    ordered = tuple((ours[s], ours[t]) for s, t in text.edges)
    candidates = tuple(ours[c] for c in text.candidates)
    if set(ordered) != set(q.edges) or ours[text.root] != q.root or set(candidates) != set(pair):
        raise ProblemError(
            "'question' and the graph (edges, root, target, neg_target) disagree; correct one or drop 'question'."
        )
    return replace(q, edges=ordered, candidates=candidates)


def to_record(q: GraphQuestion) -> dict:
    """The released JSON schema; `from_record(to_record(q)) == q`."""
    return {
        "question": q.text(),
        "answer": q.sentence(q.root, q.answer),
        "steps": q.steps(),
        "idx_to_symbol": list(q.names),
        "edges": [list(edge) for edge in q.edges],
        "root": q.root,
        "target": q.answer,
        "neg_target": q.distractor,
    }


def map_names(
    q: GraphQuestion, known: Collection[str] | None = NAMES, spare: Sequence[str] | None = None
) -> tuple[GraphQuestion, tuple[tuple[str, str], ...]]:
    """Give every node a name that the model knows: known names stay, others take free ones in order, persons for parentless
    nodes while there are any. Returns the renamed question and the (theirs, ours) pairs that changed.

    known: what the model reads as one name, such as the words that are one token of its vocabulary; None: any name stays.
    spare: the names to take from, all of them known (by default `known` itself, a set in the order of its names).
    """
    if known is None:
        return q, ()
    spare = spare if spare is not None else known if isinstance(known, Sequence) else sorted(known)
    taken = set(q.names) & set(known)
    free, inner = [name for name in spare if name not in taken], {target for _, target in q.edges}
    if len(q.names) - len(taken) > len(free):
        raise ProblemError(
            f"The text names {len(q.names)} things, but the model knows only {len(known)} names; use a smaller graph."
        )
    names, renamed = list(q.names), []
    for node, name in enumerate(q.names):
        if name not in taken:
            fits = (f for f in free if f[:1].isupper() == (node not in inner))
            names[node] = next(fits, free[0])
            free.remove(names[node])
            renamed.append((name, names[node]))
    return replace(q, names=tuple(names)), tuple(renamed)
