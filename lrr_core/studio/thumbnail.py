"""A case at a glance: the margin before and after, as a small SVG that costs nothing to draw. Text only.

The line at zero parts right (above) from wrong (below). With curves (`gallery.previews`) the margin is shown after every
thought, plain dotted and refined solid; without them only where both ended, as an arrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..colours import INK, ROLES

WIDTH, HEIGHT, EDGE = 220, 68, 9
SCALE = 1.5  # nats at which the axis is half used up: margins run from hundredths to tens, and the sign is what counts


def thumbnail(before: Sequence[float], after: Sequence[float], right: bool | None = None, theme: str = "light") -> str:
    """An SVG of two curves of margins in nats, of one value or more each; right: whether the answer after is right, which
    colours its last mark. Values are squeezed by v / (|v| + SCALE), so that every sign shows and nothing leaves the picture."""
    ink = INK[theme]
    parts = [f'<line x1="{EDGE}" y1="{_y(0)}" x2="{WIDTH - EDGE}" y2="{_y(0)}" stroke="{ink.muted}" stroke-width="1"/>']
    if len(before) == len(after) == 1:
        x = WIDTH / 2
        low, high = _y(before[0]), _y(after[0])
        parts.append(_path([(x, low), (x, high)], ROLES["refined"].colour, ""))
        parts.append(_dot(x, low, ink.paper, ROLES["plain"].colour))
        parts.append(_end(x, high, right, ink.paper))
    else:
        for values, role, dash in ((before, "plain", "3 3"), (after, "refined", "")):
            places = [(_x(t, len(values)), _y(v)) for t, v in enumerate(values) if math.isfinite(v)]
            if not places:
                continue
            colour = ROLES[role].colour
            parts.append(_path(places, colour, dash))
            if role == "plain":
                parts.append(_dot(*places[-1], ink.paper, colour))
            else:
                parts.append(_end(*places[-1], right, ink.paper))
    inside = "".join(parts)
    size = f"{WIDTH} {HEIGHT}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{WIDTH}" height="{HEIGHT}">{inside}</svg>'
    )


def _x(t: int, count: int) -> float:
    return round(EDGE + (WIDTH - 2 * EDGE) * (t / max(count - 1, 1)), 2)


def _y(value: float) -> float:
    squeezed = value / (abs(value) + SCALE) if math.isfinite(value) else math.copysign(1.0, value)
    return round(HEIGHT / 2 - squeezed * (HEIGHT / 2 - EDGE), 2)


def _path(places: Sequence[tuple[float, float]], colour: str, dash: str) -> str:
    points = " ".join(f"{x},{y}" for x, y in places)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'


def _dot(x: float, y: float, fill: str, edge: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="4" fill="{fill}" stroke="{edge}" stroke-width="2"/>'


def _end(x: float, y: float, right: bool | None, paper: str) -> str:
    """Where it ends: a full dot in the colour of right or wrong, with a ring of the paper to part it from the curve."""
    colour = ROLES["refined" if right is None else "right" if right else "wrong"].colour
    return f'<circle cx="{x}" cy="{y}" r="5.5" fill="{colour}" stroke="{paper}" stroke-width="1.5"/>'
