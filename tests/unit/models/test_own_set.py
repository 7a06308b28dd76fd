"""A model set of one's own in the app: every page opens with it, and one that the pages cannot show is refused in words."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from transformers.utils import logging

from pages import _shared

ROOT = Path(__file__).parents[3]
PAGES = ("explore", "compare", "regimes", "benchmark", "studio", "learn")


@pytest.fixture
def own(folders, tmp_path, monkeypatch):
    """The app with the tiny Llama set, and a cache of its own."""
    shutil.copytree(folders["llama"], tmp_path / "set")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(_shared, "DEFAULT_SET", str(tmp_path / "set"))
    st.cache_resource.clear()
    st.cache_data.clear()
    yield tmp_path / "set"
    st.cache_resource.clear()
    st.cache_data.clear()


def opened(page: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    return at.switch_page(str(ROOT / "pages" / f"{page}.py")).run() if page != "explore" else at


def test_the_environment_says_which_set(own):
    code = "from pages import _shared; print(_shared.DEFAULT_SET, _shared.SHIPPED_SET)"
    said = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=os.environ | more, capture_output=True, text=True
        ).stdout
        for more in ({"LRR_MODELS": "somewhere"}, {"LRR_MODELS": ""})
    ]
    shipped = str(ROOT / "assets" / "models" / "prosqa")
    assert [line.split() for line in said] == [["somewhere", shipped], [shipped, shipped]]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_with_it(own, page):
    at = opened(page)
    assert not at.exception and not at.error, [e.value for e in (*at.exception, *at.error)]


def test_what_is_not_known_of_its_training_is_not_claimed(own):
    said = " ".join(c.value for c in opened("explore").caption)
    assert "is not recorded in this model set" in said and "**supervised in training**" not in said


def test_opening_a_set_draws_no_bars_into_the_servers_log(own, capfd):
    logging.enable_progress_bar()
    _shared.model_set(str(own))
    assert "Loading weights" not in capfd.readouterr().err and not logging.is_progress_bar_enabled()
