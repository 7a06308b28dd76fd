"""Numbers about thoughts: how far, which way, how sure.

Three movements that are never confused: *step change* ‖h^t - h^{t-1}‖ (a reasoner that searches should move), *push*
‖h^{t,K} - h^{t,0}‖ (what refinement did here), *deviation* ‖h^t - plain h^t‖ (what refinement has added up to).
All curves are full-dimensional; no projection is involved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..refinement.trace import Trace


def norm(x: np.ndarray) -> np.ndarray:
    """Euclidean length over the last axis."""
    return np.linalg.norm(x, axis=-1)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine over the last axis; NaN where either is zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(-1) / (norm(a) * norm(b))


@dataclass(frozen=True)
class Curves:
    """One run measured thought by thought (T) and round by round (K+1; round 0 is after residual mixing).

    length, step_change, push, deviation: (T,) of the thought that was fed, in units of the hidden state;
    push is the last round minus round 0; step_change[0] is NaN; pull: (T,) what residual mixing moved, ‖h^{t,0} - u^t‖;
    round_push: (T, K+1) distance of each round from round 0;
    to_strong, to_weak: (T, K+1) distance to the *baselines* (each checkpoint's own unrefined thought t);
    to_strong_reference, to_weak_reference: (T, K) distance of h^{t,k-1} to g and b, the references in the refined context;
    strong_left: (T, K) distance of h^{t,k} to the same g, once round k is done; round_length: (T, K) ‖h^{t,k} - h^{t,k-1}‖;
    cos_*: cosines to the same; to_plain, cos_plain: (T, K+1) against the plain run's thought t;
    objective: (T, K) J at h^{t,k-1}; margin: (T,) log p(right) - log p(best other) if it had to answer after thought t
    (first candidate against the rest where the right one is unknown; NaN for a free answer, which has no candidates);
    candidate_p: (T, C) probabilities among candidates;
    node_mass: (T, K+1) lens probability on the graph's nodes; frontier_mass: (T, K+1) on the true breadth-first frontier,
    NaN where that is empty or there is no graph.
    """

    length: np.ndarray
    step_change: np.ndarray
    push: np.ndarray
    pull: np.ndarray
    deviation: np.ndarray
    round_push: np.ndarray
    to_strong: np.ndarray
    to_weak: np.ndarray
    to_plain: np.ndarray
    cos_strong: np.ndarray
    cos_weak: np.ndarray
    cos_plain: np.ndarray
    to_strong_reference: np.ndarray
    to_weak_reference: np.ndarray
    strong_left: np.ndarray
    round_length: np.ndarray
    cos_strong_reference: np.ndarray
    cos_weak_reference: np.ndarray
    objective: np.ndarray
    margin: np.ndarray
    candidate_p: np.ndarray
    node_mass: np.ndarray
    frontier_mass: np.ndarray

    def percent(self, name: str) -> np.ndarray:
        """The movement called `name` in % of ‖h‖ of the thought it belongs to; NaN where ‖h‖ = 0."""
        value = getattr(self, name)
        length = self.length if value.ndim == 1 else self.length[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            return 100 * np.where(length > 0, value / length, np.nan)


def curves(trace: Trace, name: str) -> Curves:
    """Measure run `name` of a trace against its plain run and the checkpoints' own rollouts.

    A run with fewer thoughts than the others (stopped half-way) is measured against their first ones.
    """
    run = trace.runs[name]
    t = len(run.states)
    plain, strong, weak = (trace.runs[n].thoughts[:t, None] for n in ("plain", "strong", "weak"))  # (T, 1, D)
    h, states = run.thoughts, run.states
    k = run.strong.shape[1]
    before, after = (
        states[:, :k],
        states[:, states.shape[1] - k :],
    )  # (T, K, D) what the references were asked about; then
    frontier = np.full(states.shape[:2], np.nan)
    if trace.problem.graph is not None:
        for i, nodes in enumerate(trace.problem.graph.frontiers(t)):
            if nodes:
                frontier[i] = run.node_p[i][:, sorted(nodes)].sum(-1)
    step = norm(np.diff(h, axis=0, prepend=h[:1])) if t else np.zeros(0)
    step[:1] = np.nan
    return Curves(
        length=norm(h),
        step_change=step,
        push=norm(states[:, -1] - states[:, 0]),
        pull=norm(states[:, 0] - run.proposed),
        deviation=norm(h - plain[:, 0]),
        round_push=norm(states - states[:, :1]),
        to_strong=norm(states - strong),
        to_weak=norm(states - weak),
        to_plain=norm(states - plain),
        cos_strong=cosine(states, strong),
        cos_weak=cosine(states, weak),
        cos_plain=cosine(states, plain),
        to_strong_reference=norm(before - run.strong),
        to_weak_reference=norm(before - run.weak),
        strong_left=norm(after - run.strong),
        round_length=norm(after - before),
        cos_strong_reference=cosine(before, run.strong),
        cos_weak_reference=cosine(before, run.weak),
        objective=run.objective,
        margin=margin(run.readout, trace.problem.answer) if run.readout.shape[1] > 1 else np.full(t, np.nan),
        candidate_p=candidate_probability(run.readout),
        node_mass=run.node_p.sum(-1),
        frontier_mass=frontier,
    )


def margin(log_p: np.ndarray, answer: int | None) -> np.ndarray:
    """log p(answer) - log p(best other) over the last axis (C); of the first candidate where the answer is unknown."""
    right = answer or 0
    other = np.delete(log_p, right, axis=-1)
    if not other.shape[-1]:
        raise ValueError("A margin needs at least two candidates.")
    return log_p[..., right] - other.max(-1)


def candidate_probability(log_p: np.ndarray) -> np.ndarray:
    """Probabilities among the candidates alone (last axis sums to one; empty for a free answer)."""
    if not log_p.shape[-1]:
        return log_p
    z = np.exp(log_p - log_p.max(-1, keepdims=True))
    return z / z.sum(-1, keepdims=True)


NEARER = 0.01  # a gap that changes by less than this share of what it was at first has not changed, for a verdict


def verdict(c: Curves) -> str:
    """What the rounds did to the gap between thought and strong's reference, in one word; all thoughts count as one vector.

    still:      nothing was pushed.
    converges:  the rounds set out towards strong's reference, and the gap is smallest after the last one.
    overshoots: they set out towards it, but ended farther from it than they began or than they had come.
    drifts:     they never came nearer, nor would have on the way they took: aside or away.

    The gap of round k is taken to the reference of that round, ‖h^{t,k} - g^{t,k}‖, and the first one is ‖h^{t,0} - g^{t,1}‖.
    "Set out towards": the nearest point on the straight line of the first round, however short the round was, is closer
    by more than `NEARER`. With one round "converges" says no more than that it ended nearer.
    """
    if not c.objective.size or not np.any(c.push > 1e-9 * np.maximum(c.length, 1e-12)):
        return "still"
    gaps = np.concatenate([c.to_strong_reference[:, :1], c.strong_left], 1)  # (T, K+1)
    first, *later = np.linalg.norm(gaps, axis=0)
    step = np.linalg.norm(c.round_length[:, 0])
    # law of cosines: how far along the first round's line the point nearest to the reference lies
    along = max(first**2 + step**2 - later[0] ** 2, 0.0) / (2 * step) if step > 0 else 0.0
    closest = min(np.sqrt(max(first**2 - along**2, 0.0)), *later)
    if closest >= (1 - NEARER) * first:
        return "drifts"
    return "converges" if later[-1] < first and later[-1] <= min(later) + NEARER * first else "overshoots"
