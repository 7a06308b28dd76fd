"""What README says to do is done here, word for word."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lrr_core.__main__ import main
from lrr_core.models.checkpoints import STANDARD
from lrr_core.models.opened import ModelSet
from lrr_core.refinement import methods
from lrr_core.refinement.refine import Prompts, Refiner, run_all
from lrr_core.refinement.trace import RefineConfig

README = (Path(__file__).parents[2] / "README.md").read_text()
OWN = README.split("## Bring your own")[1].split("\n## ")[0]


def test_it_is_short_enough_to_be_read():
    assert len(README.encode()) <= 12_288


def test_a_method_of_ones_own_is_the_block_in_the_readme(opened, problems, monkeypatch):
    models, table = opened["llama"], dict(methods.METHODS)
    monkeypatch.setattr(methods, "METHODS", table)
    monkeypatch.setattr("lrr_core.refinement.trace.METHODS", table)
    exec(re.search(r"```python\n(.*?)```", OWN, re.S)[1])
    full = RefineConfig(thoughts=1, step_size=0.4)
    half, whole = (
        run_all(Refiner(models, Prompts.make(models, problems[:1]), config, STANDARD), decode=False)[0]
        for config in (replace(full, method="half"), full)
    )
    mine, theirs = (run.thoughts - run.proposed for run in (half, whole))
    assert abs(theirs).max() > 1e-3 and abs(2 * mine - theirs).max() < 1e-5
    assert table["half"].forwards(6) == table["full"].forwards(6)


def test_a_model_set_is_three_folders_and_one_line(folders, tmp_path):
    for role in STANDARD:
        shutil.copytree(folders["gpt2"] / role, tmp_path / role)
    line = re.search(r"echo '(\{.*?\})' > my-set/model_set\.json", OWN)[1]
    (tmp_path / "model_set.json").write_text(line)
    assert ModelSet(tmp_path, device="cpu").info.name == json.loads(line)["name"]


def test_a_file_of_ones_own_is_read_with_its_own_names(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("prompt,label\nHow many legs has a cat?,4\n")
    command = re.search(r"-m lrr_core (problems --benchmark generic .*)", OWN)[1]
    with pytest.raises(SystemExit) as end:
        main(command.split())
    assert end.value.code == 0
    assert "1 records" in (said := capsys.readouterr().out) and "--- answer: 4" in said
