"""A reasoner in the plane: three turns of a circle, refined by the very algorithm of `refine`, to be seen by eye.

    toy = circle(turn=60)                      backbone turns a thought by 60 degrees, strong by more, weak by less
    refine(toy, step=0.3, rounds=8)            -> ToyRun; the same numbers `refine.Refiner` gives for these maps (tested)
    own(toy, "strong", thoughts=4)             strong left to itself

Every model here is a matrix: a thought h makes it propose M h, and reading the question q makes it propose M q. Width D = 2,
so that the published η equals the width-free step size s = 2η/D.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTH = 2


@dataclass(frozen=True)
class Toy:
    """question: (2,) what is read first; backbone, strong, weak: (2, 2) what each makes of a thought."""

    question: np.ndarray
    backbone: np.ndarray
    strong: np.ndarray
    weak: np.ndarray


@dataclass(frozen=True)
class ToyRun:
    """T thoughts, K rounds. states: (T, K+1, 2), round 0 before the push; strong, weak: (T, K, 2) the references g and b that
    were used; proposed: (T, 2) what the backbone proposed."""

    states: np.ndarray
    strong: np.ndarray
    weak: np.ndarray
    proposed: np.ndarray

    @property
    def thoughts(self) -> np.ndarray:
        """(T, 2) the thoughts that were fed."""
        return self.states[:, -1]


def turned(degrees: float, length: float = 1.0) -> np.ndarray:
    """(2, 2) the matrix that turns by an angle and scales."""
    a = np.deg2rad(degrees)
    return length * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def circle(turn: float, lead: float = 14.0, lag: float = 18.0, start: float = 0.0) -> Toy:
    """Thoughts that go round a circle: the backbone turns by `turn` degrees a thought, strong by `lead` more; weak by `lag`
    less, and it shrinks a little. start: angle of the question."""
    question = turned(start) @ np.array([1.0, 0.0])
    return Toy(question, turned(turn), turned(turn + lead), turned(turn - lag, 0.9))


def refine(
    toy: Toy,
    step: float,
    residual: float = 0.0,
    rounds: int = 1,
    thoughts: int = 1,
    reference: str = "next",
    held: bool = False,
) -> ToyRun:
    """The refinement of `refine` with detached references. step: s, negative for the printed sign; held: ask strong and weak once a
    thought instead of once a round.

    Laws: with `held`, or under "same", the rounds of a thought are equal steps on one straight line; step = 0 and
    residual = 0 is the plain run; residual = 1 keeps the first thought.
    """
    proposal, by_strong, by_weak = (m @ toy.question for m in (toy.backbone, toy.strong, toy.weak))
    states, strong, weak, proposed = [], [], [], []
    h = None
    for _ in range(thoughts):
        proposed.append(proposal)
        h = proposal if h is None else residual * h + (1 - residual) * proposal
        rows, gs, bs = [h], [], []
        for k in range(rounds):
            if reference == "same":
                g, b = by_strong, by_weak
            elif k == 0 or not held:
                g, b = toy.strong @ h, toy.weak @ h
            h = h + push(g, b, step)
            rows.append(h)
            gs.append(g)
            bs.append(b)
        states.append(rows)
        strong.append(gs)
        weak.append(bs)
        proposal, by_strong, by_weak = (m @ h for m in (toy.backbone, toy.strong, toy.weak))
    return ToyRun(*(np.array(x) for x in (states, strong, weak, proposed)))


def own(toy: Toy, name: str, thoughts: int) -> np.ndarray:
    """(T, 2) the unrefined thoughts of one of the three models."""
    matrix, out = getattr(toy, name), [toy.question]
    for _ in range(thoughts):
        out.append(matrix @ out[-1])
    return np.array(out[1:])


# --- the push with fixed references ------------------------------------------------------------------------------------


def objective(h: np.ndarray, strong: np.ndarray, weak: np.ndarray) -> np.ndarray:
    """J(h) = MSE(g, h) - MSE(b, h) over the last axis: two bowls, one taken from the other."""
    return ((strong - h) ** 2).mean(-1) - ((weak - h) ** 2).mean(-1)


def push(strong: np.ndarray, weak: np.ndarray, step: float) -> np.ndarray:
    """-η ∇J with g and b held fixed: ∇J = (2/D)(b - g) wherever h is, so the push is s (g - b) with s = 2η/D."""
    return step * (strong - weak)


def nearest_share(h: np.ndarray, strong: np.ndarray, weak: np.ndarray) -> float:
    """How many times g - b must be added to h to come nearest to strong: (g - h)·(g - b) / ‖g - b‖².

    More than that, in one step or many, overshoots. NaN where strong and weak agree: there is no push.
    """
    way = strong - weak
    square = float(way @ way)
    return float((strong - h) @ way) / square if square else float("nan")


def side_view(shares: np.ndarray, h: np.ndarray, strong: np.ndarray, weak: np.ndarray) -> tuple[np.ndarray, ...]:
    """MSE to strong, MSE to weak and their difference J along the line h + x (g - b), at the given x; each (n,)."""
    at = h + np.asarray(shares)[:, None] * (strong - weak)
    to_strong, to_weak = ((strong - at) ** 2).mean(-1), ((weak - at) ** 2).mean(-1)
    return to_strong, to_weak, to_strong - to_weak


def outcome(step: float, rounds: int, share: float) -> str:
    """What `rounds` equal steps of size `step` do to the distance from strong, where the nearest point is at `share` (see
    `nearest_share`): "stands still", "moves away", "is on the way" or "overshoots"."""
    total = step * rounds
    if not total or np.isnan(share):
        return "stands still"
    if total * share < 0 or share == 0:
        return "moves away"
    return "is on the way" if abs(total) <= abs(share) else "overshoots"


def gap(toy: Toy, run: ToyRun) -> np.ndarray:
    """(T,) distance of each fed thought from strong's own thought of that number."""
    return np.linalg.norm(run.thoughts - own(toy, "strong", len(run.thoughts)), axis=-1)
