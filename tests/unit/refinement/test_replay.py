"""A bundle run again: identical to the last bit, or the first array, thought and round that differ, and what has changed."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from lrr_core.__main__ import main
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.trace import RefineConfig
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studio import replay as replaying
from lrr_core.studio.archive import entries, pack
from lrr_core.studio.bundle import MANIFEST, BundleError, make_bundle, open_bundle
from lrr_core.studio.export import files
from lrr_core.studio.recipe import Recipe
from lrr_core.studio.records import plotted, record_csv
from lrr_core.studio.replay import BY_ROUNDING, first_difference, replay

RECIPE = Recipe(panels=("map", "distances", "text"), size="one-column")
FORMATS = ("pdf", "svg", "png", "tex", "bib", "txt")


def bundled(trace) -> bytes:
    tables = {name: record_csv(record) for name, record in plotted(trace, RECIPE).items()}
    return make_bundle(
        trace, RECIPE, files(trace, RECIPE, FORMATS, typical="One of two."), tables, "?v=1", "One of two."
    )


@pytest.fixture(scope="module")
def trace(opened, problems):
    return refine_problem(opened["llama"], problems[0], RefineConfig(thoughts=3, rounds=2, step_size=0.5))


@pytest.fixture(scope="module")
def data(trace) -> bytes:
    return bundled(trace)


def changed_run(trace, name: str = "refined", **arrays):
    return replace(trace, runs=trace.runs | {name: replace(trace.runs[name], **arrays)})


def test_a_bundle_runs_again_to_the_same_bits_and_its_files_are_drawn_to_the_same_bytes(data, opened, tmp_path):
    result = replay(open_bundle(data), opened["llama"], tmp_path)
    assert result.identical and result.differences == result.changed == result.other_files == ()
    assert set(result.same_files) == {f"figure.{kind}" for kind in FORMATS} | {
        "data/map.csv", "data/distances.csv", "data/text.csv",
    }  # fmt: skip
    assert result.lines()[0].startswith("identical")


def test_the_first_array_thought_and_round_that_differ_are_named_with_the_largest_difference(trace, opened, tmp_path):
    states = trace.runs["refined"].states.copy()
    states[1, 2, 5] += 0.25
    states[2, 0, 1] -= 0.5
    result = replay(open_bundle(bundled(changed_run(trace, states=states))), opened["llama"], tmp_path)
    (found,) = result.differences
    assert (found.run, found.array, found.where) == ("refined", "states", "thought 2, round 2")
    assert found.largest == pytest.approx(0.5, abs=1e-6)
    assert not result.identical and "differs" in result.lines()[0] and BY_ROUNDING not in " ".join(result.lines())
    assert "refined: states differs first at thought 2, round 2; largest difference 0.5" in " ".join(result.lines())
    assert {"figure.pdf", "data/map.csv"} <= set(result.other_files)


def test_a_difference_of_rounding_is_called_that_and_is_no_identity(trace, opened, tmp_path):
    strong = trace.runs["refined"].strong.copy()
    strong[0, 1, 0] = np.nextafter(strong[0, 1, 0], np.float32(9))
    result = replay(open_bundle(bundled(changed_run(trace, strong=strong))), opened["llama"], tmp_path)
    assert not result.identical and BY_ROUNDING in " ".join(result.lines())
    assert [d.where for d in result.differences] == ["thought 1, round 2"]


def test_values_that_are_no_number_are_equal_to_themselves_and_shapes_are_told(trace):
    run = trace.runs["refined"]
    blank = replace(run, readout=np.full_like(run.readout, np.nan))
    assert first_difference("refined", run, run) is None and first_difference("refined", blank, blank) is None
    assert first_difference("refined", run, blank).where == "thought 1"
    wider = replace(run, top_ids=run.top_ids.astype(np.int32))
    assert "was int64" in first_difference("refined", run, wider).line
    assert first_difference("refined", run, replace(run, text="other")).array == "decoded text"


def test_a_run_that_was_made_on_several_threads_is_tried_on_as_many(trace, data, opened, tmp_path, monkeypatch):
    other = changed_run(trace, scores=trace.runs["refined"].scores * np.float32(1.0001))
    monkeypatch.setattr(replaying, "run_again", lambda *_: trace if torch.get_num_threads() == 2 else other)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        result = replay(open_bundle(data), opened["llama"], tmp_path)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert not replay(open_bundle(data), opened["llama"], tmp_path).identical
    finally:
        torch.set_num_threads(before)
    assert result.identical and result.threads == 2 and "(2 threads)" in result.lines()[0]


def test_other_answers_are_named(trace, opened, tmp_path):
    scores = trace.runs["plain"].scores[::-1].copy()
    result = replay(open_bundle(bundled(changed_run(trace, "plain", scores=scores))), opened["llama"], tmp_path)
    assert result.other_answers == ("plain",) and "other answers: plain" in " ".join(result.lines())
    assert [(d.run, d.array, d.where) for d in result.differences] == [("plain", "scores", "candidate 1")]


def other_weights(folder, to):
    """The set with a slightly different strong checkpoint."""
    shutil.copytree(folder, to)
    file = to / "strong" / "model.safetensors"
    weights = load_file(file)
    name = next(n for n in weights if n.endswith("o_proj.weight"))
    save_file(weights | {name: weights[name] * np.float32(1.01)}, file, metadata={"format": "pt"})
    return to


def test_other_weights_are_named_and_so_is_where_they_first_show(data, folders, tmp_path):
    models = ModelSet(other_weights(folders["llama"], tmp_path / "set"), device="cpu")
    result = replay(open_bundle(data), models, tmp_path)
    assert not result.identical and [line.split(":")[0] for line in result.changed] == ["weights of strong"]
    assert {d.run for d in result.differences} >= {"strong", "refined"}  # what plain is observed with is strong's, too
    assert "zero_thoughts" not in {d.run for d in result.differences}  # the backbone is the same


def test_other_versions_are_named(data, opened, tmp_path):
    content = entries(data)
    manifest = json.loads(content[MANIFEST])
    manifest["versions"]["torch"] = "1.0"
    result = replay(open_bundle(pack(content | {MANIFEST: json.dumps(manifest).encode()})), opened["llama"], tmp_path)
    assert len(result.changed) == 1 and result.changed[0].startswith("torch: 1.0 → ")
    assert result.identical  # another version is no difference by itself


def test_a_set_without_the_checkpoint_is_refused(trace, opened, tmp_path):
    odd = replace(trace, identity=trace.identity | {"backbone": "ladder/99"})
    with pytest.raises(BundleError, match="has no checkpoint ladder/99"):
        replay(open_bundle(bundled(odd)), opened["llama"], tmp_path)


@pytest.mark.parametrize(("alter", "code"), [(False, 0), (True, 1)])
def test_the_command_says_identical_or_where_it_differs_by_its_exit_code(trace, folders, tmp_path, capsys, alter, code):
    states = trace.runs["refined"].states + np.float32(alter)
    (tmp_path / "b.zip").write_bytes(bundled(changed_run(trace, states=states)))
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(tmp_path / "b.zip"), "--models", str(folders["llama"]), "--device", "cpu"])
    assert (ended.value.code or 0) == code
    assert capsys.readouterr().out.startswith("differs" if alter else "identical")


def test_the_command_refuses_bad_input_with_one_line(tmp_path, capsys):
    (tmp_path / "b.zip").write_bytes(b"garbage")
    for file in ("b.zip", "none.zip"):
        with pytest.raises(SystemExit) as ended:
            main(["replay", str(tmp_path / file)])
        assert ended.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("Error:") and error.count("\n") == 1


def test_hashes_are_of_what_is_in_the_zip(data):
    listed = json.loads(entries(data)[MANIFEST])["files"]
    assert all(hashlib.sha256(c).hexdigest() == listed[n]["sha256"] for n, c in entries(data).items() if n != MANIFEST)
