"""The one colour and marker language of every page and figure. Text only: no imports.

Eight roles keep their colour *and* their marker everywhere. The hues start from Okabe and Ito's colour-blind-safe palette and
were then moved apart by a search over simulated colour vision (Machado 2009; the test repeats it): no two roles come closer
than a clear step for people with protan, deutan or tritan vision, and each has at least 2.7 : 1 contrast on the light and
the dark page. Where two hues are near (strong and right, weak and frontier) the markers differ, so colour is never alone.

`.streamlit/config.toml` repeats the values that Streamlit itself needs; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """How one thing is drawn everywhere. symbol: a Plotly marker; glyph: the same in running text; label: in a legend."""

    colour: str
    symbol: str
    glyph: str
    label: str


ROLES = {
    "question": Role("#A01FC9", "diamond", "◆", "asked about"),
    "plain": Role("#7D8490", "circle-open", "○", "plain run"),
    "refined": Role("#1F72AE", "circle", "●", "refined run"),
    "strong": Role("#1CA77A", "triangle-up", "▲", "strong's own run"),
    "weak": Role("#E97349", "triangle-down", "▼", "weak's own run"),
    "frontier": Role("#C78D0E", "circle-open", "◯", "true frontier"),
    "right": Role("#177008", "star", "✓", "right"),
    "wrong": Role("#E04A62", "x", "✗", "wrong"),
}


@dataclass(frozen=True)
class Ink:
    """Colours of everything that carries no role, for one theme. paper: what a node without probability is filled with; lattice:
    grid of a 3-D map, where WebGL takes no see-through colour."""

    text: str
    muted: str
    grid: str
    lattice: str
    paper: str


INK = {
    "light": Ink(
        text="#24292F",
        muted="#59636E",
        grid="rgba(89,99,110,0.16)",
        lattice="#E4E7EB",
        paper="#FFFFFF",
    ),
    "dark": Ink(
        text="#E6EAF0",
        muted="#9AA4B2",
        grid="rgba(154,164,178,0.16)",
        lattice="#242B36",
        paper="#12161D",
    ),
}

# page surfaces, per theme: background, second background, primary (= refined, a shade darker or lighter for buttons)
PAGE = {
    "light": {"backgroundColor": "#FFFFFF", "secondaryBackgroundColor": "#F4F6F8", "textColor": INK["light"].text},
    "dark": {
        "backgroundColor": INK["dark"].paper,
        "secondaryBackgroundColor": "#1B212B",
        "textColor": INK["dark"].text,
    },
}

# figures for paper: role -> colour, with "text" and "muted" for what carries no role; markers and line styles differ as well
PALETTES = {
    "house": {name: role.colour for name, role in ROLES.items()}
    | {"text": INK["light"].text, "muted": INK["light"].muted},
    "okabe-ito": {
        "question": "#CC79A7",
        "plain": "#767676",
        "refined": "#0072B2",
        "strong": "#009E73",
        "weak": "#D55E00",
        "frontier": "#E69F00",
        "right": "#009E73",
        "wrong": "#D55E00",
        "text": "#000000",
        "muted": "#4D4D4D",
    },
    "grey": {
        "question": "#000000",
        "plain": "#858585",
        "refined": "#1A1A1A",
        "strong": "#404040",
        "weak": "#9C9C9C",
        "frontier": "#000000",
        "right": "#5E5E5E",
        "wrong": "#2B2B2B",
        "text": "#000000",
        "muted": "#4D4D4D",
    },
}


def rgba(role: str, opacity: float) -> str:
    """The colour of a role, see-through."""
    h = ROLES[role].colour
    return f"rgba({int(h[1:3], 16)},{int(h[3:5], 16)},{int(h[5:7], 16)},{opacity:g})"


def mix(role: str, share: float, theme: str) -> str:
    """The colour of a role over the paper of a theme: share 0 is paper, 1 the full colour."""
    full, paper = ROLES[role].colour, INK[theme].paper
    parts = [round(share * int(full[i : i + 2], 16) + (1 - share) * int(paper[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{p:02X}" for p in parts)


def shade(colour: str, share: float) -> str:
    """A "#RRGGBB" colour over white paper: share 0 is paper, 1 the full colour."""
    return "#" + "".join(f"{round(255 - share * (255 - int(colour[i : i + 2], 16))):02X}" for i in (1, 3, 5))


def written(role: str, theme: str) -> str:
    """The colour of a role for text: on the dark page words need more light than marks do."""
    full = ROLES[role].colour
    if theme == "light":
        return full
    return "#" + "".join(f"{round(0.6 * int(full[i : i + 2], 16) + 0.4 * 255):02X}" for i in (1, 3, 5))
