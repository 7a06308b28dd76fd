"""Two pinned settings, A and B: kept in the session as `pin_a` and `pin_b`, and in the address as far as they differ from the
start, so that a link carries them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import streamlit as st

from lrr_core.models.checkpoints import ROLES
from lrr_core.models.folder import ModelFolder
from pages import _choices

PINNED = (*_choices.SETTINGS, *ROLES, "thoughts")  # what a pin keeps: all but the problem


def begin(folder: ModelFolder) -> None:
    """Takes A and B over from the session or the address; at first they are the two readings of the references."""
    state, known = st.session_state, _choices.choices(folder)
    start = {key: known[key].start for key in PINNED}
    first = {"a": start | {"reference": "next"}, "b": start | {"reference": "same"}}
    for name, pinned in first.items():
        if f"pin_{name}" not in state:
            state[f"pin_{name}"] = from_link(st.query_params.get(name, ""), known, pinned)
        if link := to_link(state[f"pin_{name}"], pinned):
            st.query_params[name] = link
        else:
            st.query_params.pop(name, None)


def to_link(pinned: dict, otherwise: dict) -> str:
    """A pin for the URL: what is not as in `otherwise`."""
    changed = {key: value for key, value in pinned.items() if value != otherwise[key]}
    return urlencode({key: f"{v:.6g}" if isinstance(v, float) else v for key, v in changed.items()})


def from_link(text: str, known: dict, otherwise: dict) -> dict:
    """A pin from the URL; what is missing there or cannot be used is taken from `otherwise`."""
    pinned = dict(otherwise)
    for key, value in parse_qsl(text[:1000]):
        if key in PINNED:
            try:
                pinned[key] = known[key].nearest(value)
            except (ValueError, TypeError, OverflowError):
                continue
    return pinned


def pin(name: str) -> None:
    """Keeps the choices as they stand as "a" or "b"."""
    st.session_state[f"pin_{name}"] = {key: st.session_state[key] for key in PINNED}


def take(name: str) -> None:
    """Puts the sliders where a pin is."""
    st.session_state.update(st.session_state[f"pin_{name}"], upto=0)
