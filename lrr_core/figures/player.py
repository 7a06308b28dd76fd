"""The player below a figure: play, pause, single steps and a slider. Everything happens in the browser, through Plotly frames.

Plotly has no "next frame" button. `fromcurrent` continues behind the current frame, so a single step is a play whose first
moment lasts for ever. A frame at the ends of the list is not found by it; the ends are therefore doubled, and the first
click, when there is no current frame yet, uses a list that begins with the neighbour of the start.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..colours import INK, ROLES, rgba, written

FOREVER = 1_000_000_000  # ms: the player shows one moment and waits
BUTTONS = 244  # pixels to the left of the slider
BELOW = 40  # pixels that the slider stands below the buttons where the page is narrow


def player(
    names: Sequence[str],
    labels: Sequence[str],
    start: int,
    theme: str,
    *,
    width: int,
    height: int,
    top: float,
    narrow: bool,
    pause: int,
    glide: int = 0,
    redraw: bool = False,
) -> dict:
    """Layout of the player: updatemenus and sliders.

    names: of the frames; labels: what the slider says of each; start: the one that is shown first. width, height: of the
    figure in pixels; top: of the player in it, from above. pause: ms a moment is shown; glide: ms from one to the next;
    redraw: whether every moment is drawn anew, which three dimensions need.
    """
    ink, names = INK[theme], list(names)
    still = {"transition": {"duration": 0}, "mode": "immediate"}
    move = {"transition": {"duration": glide, "easing": "cubic-in-out"}, "mode": "immediate"} if glide else still
    wait = {"frame": {"duration": FOREVER, "redraw": redraw}, "fromcurrent": True} | move
    play = {"frame": {"duration": pause, "redraw": redraw}, "fromcurrent": True} | move
    jump = {"frame": {"duration": 0, "redraw": redraw}} | still
    after, before, back = names[min(start + 1, len(names) - 1)], names[max(start - 1, 0)], names[::-1]
    buttons = [
        ("▶ play", [None, play], None),
        ("❚❚", [[None], jump], None),
        ("‹ step", [[before, *back, back[-1]], wait], [[back[-1], *back, back[-1]], wait]),
        ("step ›", [[after, *names, names[-1]], wait], [[names[-1], *names, names[-1]], wait]),
    ]
    y = 1 - top / height
    menu = {
        "type": "buttons",
        "direction": "right",
        "showactive": False,
        "active": -1,
        "x": 0.0,
        "xanchor": "left",
        "y": y,
        "yanchor": "top",
        "pad": {"l": 2, "r": 6, "t": 4},
        "bgcolor": "rgba(0,0,0,0)",
        "bordercolor": ink.grid,
        "font": {"size": 12, "color": written("refined", theme)},
        "buttons": [
            {"label": label, "method": "animate", "args": args} | ({"args2": again} if again else {})
            for label, args, again in buttons
        ],
    }
    slider = {
        "active": start,
        "x": 0.0 if narrow else BUTTONS / width,
        "len": 1.0 if narrow else (width - BUTTONS - 2) / width,
        "y": y - (BELOW / height if narrow else 0),
        "yanchor": "top",
        "pad": {"t": 0, "b": 0, "l": 0, "r": 0},
        "currentvalue": {"prefix": "", "font": {"size": 13, "color": ink.text}, "offset": 6, "xanchor": "left"},
        "font": {"size": 1, "color": "rgba(0,0,0,0)"},
        "bgcolor": rgba("refined", 0.22),
        "bordercolor": rgba("refined", 0.55),
        "borderwidth": 1,
        "activebgcolor": ROLES["refined"].colour,
        "ticklen": 4,
        "minorticklen": 0,
        "tickcolor": ink.muted,
        "steps": [
            {"label": label, "method": "animate", "args": [[name], jump], "value": name}
            for label, name in zip(labels, names, strict=True)
        ],
    }
    return {"updatemenus": [menu], "sliders": [slider]}
