"""What is shipped is what a run gives, and is passed over where it was made with other weights."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.folder import ModelFolder
from lrr_core.models.opened import ModelSet
from lrr_core.models.shipped import find_background, find_opening, is_run_of
from lrr_core.refinement.request import RunRequest
from lrr_core.refinement.trace import RefineConfig, Run
from lrr_core.refinement.tracing import rerun
from lrr_core.storage import cache_folder

ROOT = Path(__file__).parents[3]
SET = ROOT / "assets" / "models" / "prosqa"
pytestmark = pytest.mark.skipif(not (SET / "model_set.json").exists(), reason="the shipped model set is not there")


@pytest.fixture(scope="module")
def opening():
    return find_opening(ModelFolder(SET))


def test_the_shipped_opening_holds_the_numbers_of_a_real_run(opening):
    made = rerun(opening, ModelSet(SET, device="cpu"))
    assert set(made.runs) == set(opening.runs)
    for name, run in made.runs.items():
        for array in set(Run.ARRAYS) - {"top_ids"}:
            np.testing.assert_allclose(
                getattr(opening.runs[name], array), getattr(run, array), rtol=1e-3, atol=1e-4, err_msg=f"{name} {array}"
            )
        assert run.cost == opening.runs[name].cost and run.text == opening.runs[name].text


def test_the_shipped_opening_is_what_the_page_opens_on(opening):
    info = ModelFolder(SET).info
    first = BENCHMARKS["prosqa"].load(sorted((ROOT / "assets" / "examples").glob("*.json"))[0])[0]
    config = RefineConfig.from_dict({"thoughts": info.thoughts} | info.defaults)
    request = RunRequest(first, Checkpoints(info.opens_with), config)
    assert is_run_of(opening, request)
    assert not is_run_of(opening, request.but(step_size=0.3))
    assert not is_run_of(opening, replace(request, problem=replace(first, id="other")))
    assert not is_run_of(opening, replace(request, checkpoints=Checkpoints(info.opens_with, weak="strong")))


def test_a_shipped_result_of_other_weights_is_passed_over(tmp_path):
    copy = tmp_path / "set"
    shutil.copytree(SET, copy)
    folder = ModelFolder(copy)
    assert find_opening(folder) is not None and find_background(folder, tmp_path) is not None
    shutil.copy(folder.folder("backbone") / "model.safetensors", folder.folder("weak") / "model.safetensors")
    other = ModelFolder(copy)
    assert find_opening(other) is None and find_background(other, tmp_path) is None
    (copy / "opening.npz").write_bytes(b"half a file")
    assert find_opening(folder) is None


def test_a_folder_knows_its_set_without_torch():
    code = (
        "import sys, json; from lrr_core.models.folder import ModelFolder; from lrr_core.models import shipped\n"
        f"folder = ModelFolder({str(SET)!r}); shipped.find_background(folder); shipped.find_opening(folder)\n"
        "print(json.dumps([folder.width, len(folder.members), sorted({'torch', 'transformers'} & set(sys.modules))]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    width, count, loaded = json.loads(done.stdout)
    models = ModelSet(SET, device="cpu")
    assert (width, count, loaded) == (models.width, len(models.members), [])
    assert models.thinkers() == [m for m in models.members if m not in ("cot", "no_cot")]


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "lrr_core"
