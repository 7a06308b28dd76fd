"""Two generators of ProsQA problems, and the law that tells them apart.

* `generate_released`: graphs and questions as in the released files, where the answer is the *deepest* leaf exclusive to its
  root. The released files share that trait, so a rule that never looks at the question scores about 91 %.
* `generate_balanced`: same graphs, but answer and distractor lie the same number of hops from their own roots and either
  root may be asked about, which brings both shortcuts (`shortcuts`) to chance.

The graph parameters (parents per node, label groups, depth weights) follow the description in Coconut's appendix
(arXiv 2412.06769) with the constants that match the means of the released validation file.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from .prosqa import CONCEPTS, NAMES, PERSONS, RELEASED_HOPS, RELEASED_NODES, GraphQuestion, ProblemError, breadth_first


def _grow(rng: np.random.Generator, nodes: int, chains: tuple[Sequence[int], Sequence[int]] | None = None):
    """Grow one graph. Returns children (N lists), labels (N): 1 = below node 0, 2 = below node 1, 3 = both, 0 = none.

    `chains` plants two paths: each is the increasing ids below node 0 and below node 1, and each id takes its
    predecessor as a parent and otherwise only parents of the same root, so that the two ends stay exclusive.
    """
    children: list[list[int]] = [[] for _ in range(nodes)]
    labels, depth = [1, 2] + [0] * (nodes - 2), [0] * nodes
    planted = {}
    for root, chain in enumerate(chains or ()):
        for before, node in zip((root, *chain[:-1]), chain, strict=True):
            planted[node] = (before, root + 1)
    for node in range(2, nodes):
        u = rng.random()
        count = int(rng.poisson(1.5))
        while count == 0:
            count = int(rng.poisson(1.5))
        parents = []
        if node in planted:
            before, label = planted[node]
            parents, count = [before], count - 1
            # parents shallower than the predecessor would shorten the planted path
            pool = [i for i in range(node) if i != before and labels[i] in (0, label) and depth[i] >= depth[before]]
        elif u <= 0.05:
            pool = []
        elif u <= 0.35:
            pool = [i for i in range(node) if labels[i] in (0, 1)]
        elif u <= 0.85:
            pool = [i for i in range(node) if labels[i] in (0, 2)]
        else:
            pool = list(range(node))
        # draw `count` parents without replacement, deeper ones more often
        weights = [1.5 * depth[i] + 1 for i in pool]
        for _ in range(min(count, len(pool))):
            sums = list(accumulate(weights))
            k = bisect_left(sums, rng.random() * sums[-1])
            parents.append(pool.pop(k))
            weights.pop(k)
        for parent in parents:
            children[parent].append(node)
            labels[node] |= labels[parent]
        depth[node] = min((depth[p] for p in parents), default=-1) + 1
    return children, labels


def _exclusive_leaves(children, labels, root: int) -> dict[int, int]:
    """Leaf -> hops, for the leaves that only `root` (0 or 1) reaches."""
    depth = breadth_first(children, root)
    return {i: d for i, d in enumerate(depth) if d > 0 and not children[i] and labels[i] == root + 1}


def _question(rng, children, target: int, distractor: int, asked: int) -> GraphQuestion:
    """Drop isolated nodes, permute ids and edge order, draw names (persons where parentless), shuffle candidates."""
    has_parent = {c for kids in children for c in kids}
    keep = [i for i, kids in enumerate(children) if kids or i in has_parent]
    order = {old: new for new, old in zip(rng.permutation(len(keep)), keep, strict=True)}
    persons, concepts = list(rng.permutation(PERSONS)), list(rng.permutation(CONCEPTS))
    names = [""] * len(keep)
    for old in keep:
        pool = concepts if old in has_parent or not persons else persons
        if not pool:
            raise ProblemError(f"A graph of {len(keep)} nodes needs more names than the {len(NAMES)} there are.")
        names[order[old]] = str(pool.pop())
    edges = [(int(order[s]), int(order[t])) for s, kids in enumerate(children) for t in kids]
    edges = [edges[i] for i in rng.permutation(len(edges))]
    pair = (int(order[target]), int(order[distractor]))
    candidates = pair if rng.random() < 0.5 else pair[::-1]
    return GraphQuestion(tuple(names), tuple(edges), int(order[asked]), candidates, pair[0])


def generate_released(rng: np.random.Generator, nodes: int | None = None, hops: int | None = None) -> GraphQuestion:
    """A problem as in the released files: the answer is the deepest exclusive leaf of either root, 3 to 6 hops away.

    The root with the deeper exclusive leaf is asked about, as in all 300 released validation records; asking either
    root gives too many 3-hop problems (.53 against .41).

    nodes: graph size before isolated nodes are dropped (None: spread as in the released files); hops: fix the depth.
    """
    _check_size(nodes, hops)
    for _ in range(_TRIES):
        n = nodes or int(np.clip(round(rng.normal(23.3, 1.9)), *RELEASED_NODES))
        children, labels = _grow(rng, n)
        leaves = [_exclusive_leaves(children, labels, r) for r in (0, 1)]
        if not all(leaves):
            continue
        ends = [max(found.values()) for found in leaves]
        asked = int(rng.integers(2)) if ends[0] == ends[1] else int(ends[1] > ends[0])
        own, other, deepest = leaves[asked], leaves[1 - asked], ends[asked]
        if deepest != hops if hops else not RELEASED_HOPS[0] <= deepest <= RELEASED_HOPS[1]:
            continue
        target = rng.choice([leaf for leaf, d in own.items() if d == deepest])
        return _question(rng, children, int(target), int(rng.choice(list(other))), asked)
    raise ProblemError(_too_rare(nodes, hops))


def generate_balanced(rng: np.random.Generator, nodes: int | None = None, hops: int | None = None) -> GraphQuestion:
    """A problem without the depth shortcut: answer and distractor are exclusive leaves equally far from their roots.

    nodes: as in `generate_released`; hops: the common distance (None: 3 or 4). From 4 hops on, two chains of that
    length are planted, because almost no free graph has them; the shortcut baselines stay at chance (tested).
    """
    _check_size(nodes, hops)
    depth = hops or int(rng.integers(3, 5))
    for _ in range(_TRIES):
        n = nodes or int(np.clip(round(rng.normal(23.3, 1.9)), *RELEASED_NODES))
        chains = None
        if depth >= 4 or n < 5 * depth:
            if n < 2 * depth + 2:
                continue
            ids = rng.permutation(np.arange(2, n))[: 2 * depth]
            chains = sorted(map(int, ids[:depth])), sorted(map(int, ids[depth:]))
        children, labels = _grow(rng, n, chains)
        leaves = [[x for x, d in _exclusive_leaves(children, labels, r).items() if d == depth] for r in (0, 1)]
        if not all(leaves):
            continue
        asked = int(rng.integers(2))
        return _question(rng, children, int(rng.choice(leaves[asked])), int(rng.choice(leaves[1 - asked])), asked)
    raise ProblemError(_too_rare(nodes, depth))


GENERATORS = {"balanced": generate_balanced, "released": generate_released}
_TRIES = 20_000


def generate(
    kind: str, count: int, seed: int, nodes: tuple[int, int] | None = None, hops: tuple[int, int] | None = None
) -> Iterator[GraphQuestion]:
    """`count` problems; sizes drawn evenly from `nodes`, hop lengths taken in turn from `hops` (both ends included)."""
    if kind not in GENERATORS:
        raise ProblemError(f"No generator called {kind!r}; choose one of {', '.join(GENERATORS)}.")
    rng = np.random.default_rng(seed)
    for i in range(count):
        n = None if nodes is None else int(rng.integers(nodes[0], nodes[1] + 1))
        h = None if hops is None else hops[0] + i % (hops[1] - hops[0] + 1)
        yield GENERATORS[kind](rng, n, h)


def renamed(rng: np.random.Generator, q: GraphQuestion, names: Sequence[str]) -> GraphQuestion:
    """The same question with names drawn from `names` without replacement."""
    return replace(q, names=tuple(names[i] for i in rng.choice(len(names), len(q.names), replace=False)))


def _check_size(nodes: int | None, hops: int | None) -> None:
    if hops is not None and not 1 <= hops <= 10:
        raise ProblemError(f"Hops must lie between 1 and 10, not {hops}.")
    if nodes is not None and not 4 <= nodes <= len(CONCEPTS):
        raise ProblemError(f"Graphs have 4 to {len(CONCEPTS)} nodes (there are no more names), not {nodes}.")
    if nodes is not None and hops is not None and nodes < 2 * hops + 2:
        raise ProblemError(f"Two chains of {hops} hops need at least {2 * hops + 2} nodes, not {nodes}; ask for more.")


def _too_rare(nodes, hops) -> str:
    return f"No such problem in {_TRIES:,} graphs (nodes {nodes}, hops {hops}); allow more nodes or fewer hops."
