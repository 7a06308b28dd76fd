"""The instrument of the Live page: pad, map, graph, curves and answer as one component that redraws in the browser.

live.html and live.css are what it looks like, live_numbers.js interpolates, live_strokes.js and live_draw.js draw, live_words.js
says it, live.js listens; nothing is fetched. In: `lrr_core.studies.live_scene`, the setting.
Out: state `at`, where the point was let go.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
SCRIPTS = (
    "live_numbers.js",
    "live_strokes.js",
    "live_draw.js",
    "live_words.js",
    "live.js",
)  # in this order, one module
_INSTRUMENT = st.components.v2.component(
    "live_instrument",
    html=(HERE / "live.html").read_text(),
    css=(HERE / "live.css").read_text(),
    js="\n".join((HERE / name).read_text() for name in SCRIPTS),
)
KEY = "live"


def instrument(data: dict, on_release: Callable[[], None]) -> None:
    """Show it. data: scene, moment (None while it is being computed), at, look, map, history, trouble, loading."""
    _INSTRUMENT(key=KEY, data=data | {"heard": heard()}, default={"at": None}, on_at_change=on_release)


def heard() -> int:
    """Number of the last release that reached the server."""
    try:
        return int(_at()["n"])
    except (TypeError, KeyError, ValueError, OverflowError):
        return 0


def released(top: float, most: float) -> tuple[float, float] | None:
    """(signed step size, mix) of the last release, held to the pad; None where a browser sent anything else."""
    try:
        step, mix = float(_at()["step"]), float(_at()["mix"])
    except (TypeError, KeyError, ValueError, OverflowError):
        return None
    if not (math.isfinite(step) and math.isfinite(mix)):
        return None
    return round(min(max(step, -top), top), 2), round(min(max(mix, 0.0), most), 2)


def _at() -> Any:
    return getattr(st.session_state.get(KEY), "at", None)
