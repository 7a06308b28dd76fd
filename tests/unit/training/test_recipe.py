"""A recipe says what it is made of, survives JSON, and refuses what it cannot be in words that help."""

import itertools
import json

import pytest

from lrr_core.analysis.projection import PLACE
from lrr_core.colours import PALETTES as COLOURS
from lrr_core.colours import ROLES
from lrr_core.figures.regimes import MODES
from lrr_core.studio.paper import DRAWN_BY
from lrr_core.studio.recipe import MAPS, PALETTES, PANELS, REGIMES, SIZES, Recipe, RecipeError
from lrr_core.studio.records import MAKERS

OTHER = Recipe(
    panels=("text", "map", "tokens"), size="poster", font_size=30, palette="grey", letters=False, title="A title", caption="Words.",
    map="PCA", zoom=False, thought=2, regimes="random pushes", dpi=77, label="fig:a-b.c_d+1",
)  # fmt: skip


@pytest.mark.parametrize("recipe", [Recipe(), OTHER], ids=["default", "other"])
def test_a_recipe_survives_json(recipe):
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe and hash(again) == hash(recipe)
    assert again.to_dict() == recipe.to_dict()


def test_every_field_of_the_other_recipe_is_another():
    """So that the round trip above misses no field."""
    default, other = Recipe().to_dict(), OTHER.to_dict()
    assert [name for name in default if default[name] == other[name]] == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"panel": ["map"]}, "Unknown setting panel; known: panels, size, font_size"),
        ({"panels": []}, "at least one panel; choose from map, distances"),
        ({"panels": "map"}, "must be a list of names, not 'map'"),
        ({"panels": 3}, "must be a list of names, not 3"),
        ({"panels": [["map"]]}, "must be a list of names"),
        ({"panels": ["map", "umap"]}, "No panel called umap; choose from map, distances"),
        ({"panels": ["map", "text", "map"]}, "once in a figure; map came more often"),
        ({"size": "a4"}, "No size called 'a4'; choose one of one-column, two-column, slide, poster"),
        ({"size": ["slide"]}, "No size called"),
        ({"palette": "jet"}, "choose one of house, okabe-ito, grey"),
        ({"map": "t-SNE"}, "choose one of UMAP, PCA"),
        ({"regimes": "all"}, "choose one of regions, margin, flips, random pushes"),
        ({"font_size": 2}, "between 4 and 72 points, or be left out for the size's own (5 to 6.5), not 2"),
        ({"font_size": float("nan")}, "between 4 and 72"),
        ({"font_size": True}, "between 4 and 72"),
        ({"dpi": 49}, "dpi must be a whole number between 50 and 1200, not 49"),
        ({"dpi": 300.5}, "dpi must be a whole number"),
        ({"thought": 0}, "from 1 on, or left out for all, not 0"),
        ({"thought": True}, "from 1 on"),
        ({"letters": 1}, "letters must be true or false, not 1"),
        ({"zoom": "yes"}, "zoom must be true or false"),
        ({"title": "x" * 201}, "title must be text of at most 200 letters"),
        ({"caption": None}, "caption must be text"),
        ({"label": "fig:x}\\input{y"}, "label takes the letters"),
        ({"label": ""}, "label takes the letters"),
    ],
)
def test_a_bad_value_is_refused_with_its_range(given, words):
    with pytest.raises(RecipeError) as error:
        Recipe.from_dict(given)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("thing", [None, [], "x"])
def test_what_is_no_table_is_no_recipe(thing):
    with pytest.raises(RecipeError, match="A recipe is a table of settings"):
        Recipe.from_dict(thing)


def test_every_choice_has_what_carries_it_out():
    assert list(PANELS) == list(DRAWN_BY) == list(MAKERS)
    assert list(REGIMES) == list(MODES)
    assert set(MAPS) == set(PLACE)
    assert list(PALETTES) == list(COLOURS)
    assert all(set(table) == {*ROLES, "text", "muted"} for table in COLOURS.values())


def test_fonts_go_from_the_preferred_to_the_least_in_halves():
    for name, size in SIZES.items():
        fonts = Recipe(size=name).fonts
        assert (fonts[0], fonts[-1]) == (size.font, size.least)
        assert {a - b for a, b in itertools.pairwise(fonts)} == {0.5}
    assert Recipe(font_size=9).fonts == (9.0,)


def test_the_widths_are_those_of_a_paper():
    assert (SIZES["one-column"].width, SIZES["two-column"].width) == (84, 174)
    assert SIZES["slide"].width / SIZES["slide"].height == pytest.approx(16 / 9, abs=2e-3)
