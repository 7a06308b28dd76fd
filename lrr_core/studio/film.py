"""The figure as a film for slides: one frame per thought and round, each drawn by the same code as the paper figure.

A frame shows the run up to its moment; axes stay where the whole run needs them. GIF frames share one palette, taken from the last
and fullest frame, without dithering, so nothing flickers.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .look import LOCK, SETTINGS
from .paper import draw_records
from .recipe import Recipe
from .records import MapRecord, Record

WIDEST = 1600  # pixels: what a slide shows; at print dpi a film would be a hundred megabytes
PAUSE, LAST = 800, 2800  # milliseconds of a frame, and of the last one
COLOURS = 256


def moments(records: Mapping[str, Record]) -> list[tuple[int, int]]:
    """(thought from 0, round) of every frame; rounds only where a map shows them."""
    for record in records.values():
        if isinstance(record, MapRecord):
            thoughts, rounds = record.rounds.shape[:2]
            return [(t, k) for t in range(thoughts) for k in range(rounds)]
    for record in records.values():
        if hasattr(record, "lines"):
            return [(t, 0) for t in range(len(record.lines[0].values))]
        if hasattr(record, "p"):
            return [(t, 0) for t in range(len(record.p["refined"]))]
    return [(0, 0)]  # nothing in this figure moves


def frames(records: Mapping[str, Record], recipe: Recipe) -> Iterator[Any]:
    """Pictures (Pillow, RGB) of all moments, all of one size."""
    import matplotlib
    from PIL import Image

    for moment in moments(records):
        with LOCK, matplotlib.rc_context(SETTINGS):
            figure = draw_records(records, recipe, moment)
            figure.set_dpi(min(recipe.dpi, WIDEST / figure.get_size_inches()[0]))
            figure.canvas.draw()
            yield Image.fromarray(np.array(figure.canvas.buffer_rgba())).convert("RGB")


def film(records: Mapping[str, Record], recipe: Recipe, format: str) -> bytes:
    """An animated GIF or WebP that runs for ever."""
    from PIL import Image

    pictures = list(frames(records, recipe))
    settings: dict[str, Any] = {"save_all": True, "loop": 0, "duration": [PAUSE] * (len(pictures) - 1) + [LAST]}
    if format == "gif":
        palette = pictures[-1].quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        pictures = [_in_colours(picture, palette) for picture in pictures]
        settings |= {"optimize": False, "disposal": 1}
    else:
        settings |= {"lossless": True, "quality": 40, "method": 2}
    out = io.BytesIO()
    pictures[0].save(out, format=format.upper(), append_images=pictures[1:], **settings)
    return out.getvalue()


def _in_colours(picture, palette):
    """A picture in the palette's colours. White paper stays white: Pillow looks colours up in steps of four and takes 252."""
    from PIL import Image

    colours = np.array(palette.getpalette()).reshape(-1, 3)
    white = int(colours.sum(1).argmax())
    colours[white] = 255
    codes = np.array(picture.quantize(palette=palette, dither=Image.Dither.NONE))
    codes[(np.array(picture) == 255).all(-1)] = white
    out = Image.fromarray(codes, mode="P")
    out.putpalette(colours.ravel().tolist())
    return out
