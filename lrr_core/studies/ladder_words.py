"""What a ladder says, in sentences and a table made from its answers: nothing here was written after looking at them.

"More" and "fewer" are said of what stands out from the plain run at a false-discovery rate of 5 % over all the backbones, or all
the pairs, that are counted (`gains.standing_out`).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..analysis.statistics import wilson
from ..refinement.methods import METHODS
from ..storage import csv_text
from .ladder import Asked, Gain, Ladder, gain, pair_gains, rung_gains, standing_out


def findings(ladder: Ladder) -> dict[str, list[str]]:
    """Where refinement helps, one sentence for each reading of the references: `gains`, `controls` and `pairs`."""
    told: dict[str, list[str]] = {"gains": [], "controls": [], "pairs": []}
    for reference in dict.fromkeys(asked.reference for asked in ladder.answers if asked.reference):
        gains = rung_gains(ladder, "full", reference)
        if not gains:
            continue
        ups, downs = _accuracies(gains, 1), _accuracies(gains, -1)
        most, best = max(gains, key=lambda g: g.points), max(gains, key=lambda g: g.accuracy)
        told["gains"].append(
            f"**{reference}**: refinement answers more problems rightly at {_count(ups, gains)} and fewer at "
            f"{_count(downs, gains)}. Most at the backbone of {100 * most.accuracy:.1f} %: {in_points(most)}; at the best one "
            f"({100 * best.accuracy:.1f} %): {in_points(best)}."
        )
        random = rung_gains(ladder, "random_direction", reference)
        beaten = rung_gains(ladder, "full", reference, base="random_direction")
        alone = rung_gains(ladder, "full", reference, base="residual")
        if random and alone:
            told["controls"].append(
                f"**{reference}**: a random push of the same length gains at {_count(_accuracies(random, 1), random)}. The real "
                f"push does better than the random one at {_count(_accuracies(beaten, 1), beaten)}, and better than residual "
                f"mixing alone at {_count(_accuracies(alone, 1), alone)}."
            )
        if sentence := _told_of_pairs(ladder, reference):
            told["pairs"].append(sentence)
    return told


def _told_of_pairs(ladder: Ladder, reference: str) -> str:
    """How the pairs did against residual mixing alone, and whether the best one is more than its strong checkpoint."""
    cells = [
        g for row in pair_gains(ladder, reference, "residual") for g in row if g and g.asked.strong != g.asked.weak
    ]
    if not cells:
        return ""
    out = standing_out(cells)
    best = max(cells, key=lambda g: g.points)
    reached, strong = ladder.right(best.asked), ladder.right(Asked(best.asked.strong, "coconut"))
    alone = f" (its strong checkpoint alone: {100 * strong[: best.n].mean():.1f} %)" if strong is not None else ""
    return (
        f"**{reference}**: of {len(cells)} pairs of references, and allowing for their number, {out.count(1) or 'none'} do "
        f"better than residual mixing alone and "
        f"{out.count(-1) or 'none'} worse. The best, {name(best.asked.strong)} over {name(best.asked.weak)}, reaches "
        f"{100 * reached.mean():.1f} %{alone}: {in_points(best)}, and the best of so many flatters itself."
    )


def _accuracies(gains: list[Gain], way: int) -> list[float]:
    return sorted(g.accuracy for g, out in zip(gains, standing_out(gains), strict=True) if out == way)


def _count(accuracies: list[float], of: list[Gain]) -> str:
    """ "3 of 10 backbones (82, 87 and 91 %)" """
    if not accuracies:
        return f"none of {len(of)} backbones"
    shown = told_apart(accuracies, [g.accuracy for g in of])
    listed = " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
    return f"{len(accuracies)} of {len(of)} backbones ({listed} %)"


def told_apart(shares: Sequence[float | None], among: Sequence[float | None] | None = None) -> list[str]:
    """Shares in %, rounded, with as many decimals as it takes (two at most) for no two of `among` (all of them) to read alike."""
    known = {share for share in among or shares if share is not None}
    digits = next((n for n in range(2) if len({f"{100 * share:.{n}f}" for share in known}) == len(known)), 2)
    return ["?" if share is None else f"{100 * share:.{digits}f}" for share in shares]


def in_points(gain: Gain) -> str:
    """ "+3.0 points (+1.6 to +4.4)" """
    low, high = gain.ci95
    return f"{gain.points:+.1f} points ({low:+.1f} to {high:+.1f})".replace("-", "−")


def name(rung: str) -> str:
    """A rung as people read it."""
    return rung.removeprefix("ladder/")


def table(ladder: Ladder) -> list[dict]:
    """One row per measured setting: what was asked, the accuracy in % and the gain over the plain run in points, with intervals."""
    rows = []
    for asked, right in ladder.answers.items():
        low, high = (100 * v for v in wilson(int(right.sum()), len(right)))
        row: dict[str, object] = {key: name(value) for key, value in asked._asdict().items()}
        row |= {"n": len(right), "correct": int(right.sum()), "accuracy": 100 * right.mean(), "low": low, "high": high}
        if not METHODS[asked.method].plain and (g := gain(ladder, asked)):
            row |= {"points": g.points, "points low": g.ci95[0], "points high": g.ci95[1], "p": g.p_value}
            row |= {"gained": g.gained, "lost": g.lost}
        rows.append(row)
    return rows


def table_csv(ladder: Ladder) -> str:
    """The table as CSV; settings, problems and weights stand in comment lines."""
    head = [f"problems: {ladder.source}", f"settings: {ladder.settings}", str(ladder.identity)]
    return csv_text(table(ladder), head)


def describe(ladder: Ladder, told: Sequence[str]) -> str:
    """A figure's alternative text: what was measured, and what it says."""
    n, pairs = ladder.source["n"], ladder.source["n_pairs"]
    words = " ".join(told).replace("**", "")
    return f"{len(ladder.rungs)} checkpoints as backbone on {n} problems, and every pair of them as references on {pairs}. {words}"
