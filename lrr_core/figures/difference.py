"""Two pinned settings, A and B, thought by thought: the curves of both, and below each the difference B - A as bars.

fig = difference_figure(difference(trace_a, trace_b), theme="light")
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from ..colours import INK, ROLES
from ..studies.comparison import QUANTITIES, Difference
from .explore import FONT

CURVE, GAP, BARS, TITLE, FOOT = 92, 18, 46, 26, 36  # px: heights within one panel
APART = "How far A and B are apart"


def difference_figure(d: Difference, theme: str = "light", narrow: bool = False) -> go.Figure:
    """A difference as a figure: one panel per quantity, and one for the distance between the two states."""
    ink, columns = INK[theme], 2 if narrow else 3
    titles = [f"<b>{title}</b>{f', {unit}' if unit else ''}" for title, unit in QUANTITIES.values()]
    titles.append(f"<b>{APART}</b>, % of ‖h‖")
    pitch = TITLE + CURVE + GAP + BARS + FOOT
    height = -(-len(titles) // columns) * pitch
    thoughts = list(range(1, len(d.apart) + 1))
    data, layout, notes = [], {}, []
    look = {
        "A": {"colour": ROLES["refined"].colour, "symbol": "circle", "dash": "solid"},
        "B": {"colour": ink.text, "symbol": "square-open", "dash": "dash"},
    }

    def line(axis: int, values: np.ndarray, name: str, of: str) -> dict:
        style = look[name[-1]] if name[-1] in look else look["A"]
        return {
            "type": "scatter",
            "mode": "lines+markers+text",
            "x": thoughts,
            "y": _shown(values),
            "name": f"{of}: {name}",
            "xaxis": f"x{axis}",
            "yaxis": f"y{axis}",
            "text": [""] * (len(thoughts) - 1) + [name[-1] if name[-1] in look else ""],
            "textposition": "middle right",
            "textfont": {"size": 12, "color": style["colour"]},
            "cliponaxis": False,
            "line": {"color": style["colour"], "width": 1.8, "dash": style["dash"]},
            "marker": {"symbol": style["symbol"], "size": 6, "color": style["colour"]},
            "hovertemplate": f"{name}, thought %{{x}}: %{{y:.3g}}<extra></extra>",
        }

    for i, title in enumerate(titles):
        row, column = divmod(i, columns)
        x = [(column + 0.06) / columns, (column + 0.94) / columns]
        top = row * pitch + TITLE
        upper, lower = 2 * i + 1, 2 * i + 2
        ticks = {"tickfont": {"size": 10, "color": ink.muted}, "gridcolor": ink.grid, "zerolinecolor": ink.grid}
        across = ticks | {"domain": x, "range": [0.6, len(thoughts) + 0.6], "showgrid": False, "dtick": 1}
        quantity = list(QUANTITIES)[i] if i < len(QUANTITIES) else None
        tall = CURVE if quantity else CURVE + GAP + BARS
        y = [1 - (top + tall) / height, 1 - top / height]
        layout[f"xaxis{upper}"] = across | {"anchor": f"y{upper}", "showticklabels": quantity is None}
        layout[f"yaxis{upper}"] = ticks | {"domain": y, "anchor": f"x{upper}", "nticks": 4}
        if quantity is None:
            layout[f"yaxis{upper}"]["rangemode"] = "tozero"
            data.append(line(upper, d.apart, "apart", APART))
        else:
            y = [1 - (top + CURVE + GAP + BARS) / height, 1 - (top + CURVE + GAP) / height]
            layout[f"xaxis{lower}"] = across | {"anchor": f"y{lower}"}
            most = _most(d, quantity)
            mark = _round(most)
            marks = {"tickvals": [-mark, 0, mark], "ticktext": [f"−{mark:g}", "0", f"+{mark:g}"]}
            marks |= {"range": [-1.15 * most, 1.15 * most], "zeroline": True, "zerolinecolor": ink.muted}
            layout[f"yaxis{lower}"] = ticks | {"domain": y, "anchor": f"x{lower}"} | marks
            notes.append(_note("B − A", x[1], 1 - (top + CURVE + GAP) / height, 10.5, ink.muted, "right"))
            of = QUANTITIES[quantity][0]
            data += [line(upper, d.a[quantity], "A", of), line(upper, d.b[quantity], "B", of)]
            data.append(
                {
                    "type": "bar",
                    "x": thoughts,
                    "y": _shown(d.delta(quantity)),
                    "name": f"{of}: B - A",
                    "xaxis": f"x{lower}",
                    "yaxis": f"y{lower}",
                    "width": 0.5,
                    "marker": {"color": ink.muted, "line": {"width": 0}},
                    "hovertemplate": "B − A, thought %{x}: %{y:+.3g}<extra></extra>",
                }
            )
        if quantity == "margin":
            layout[f"yaxis{upper}"] |= {"zeroline": True, "zerolinecolor": ink.muted}
        notes.append(_note(title, x[0], 1 - (top - 4) / height, 13, ink.text, "left"))
    return go.Figure(
        {
            "data": data,
            "layout": layout
            | {
                "template": {},
                "paper_bgcolor": "rgba(0,0,0,0)",
                "plot_bgcolor": "rgba(0,0,0,0)",
                "font": {"family": FONT, "size": 12, "color": ink.text},
                "height": height,
                "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
                "showlegend": False,
                "annotations": notes,
                "hoverlabel": {"font": {"family": FONT, "size": 12}},
            },
        }
    )


def _shown(values: np.ndarray) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]


def _note(words: str, x: float, y: float, size: float, colour: str, anchor: str) -> dict:
    style = {
        "text": words,
        "font": {"size": size, "color": colour},
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
    }
    return style | {"x": x, "y": y, "xanchor": anchor, "yanchor": "bottom"}


def _most(d: Difference, quantity: str) -> float:
    """How far the bars' axis reaches: never so near that rounding looks like an effect."""
    scale = [abs(v) for v in (*d.a[quantity], *d.b[quantity]) if np.isfinite(v)]
    return max([abs(v) for v in d.delta(quantity) if np.isfinite(v)] + [0.05 * max(scale, default=1.0), 1e-6])


def _round(value: float) -> float:
    """Down to one significant digit."""
    unit = 10.0 ** np.floor(np.log10(value))
    return float(np.floor(value / unit + 1e-9) * unit)
