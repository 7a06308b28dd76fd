"""Model sets that would give silently wrong numbers are refused; the message names the member and the fix."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from lrr_core.models.checkpoints import STANDARD
from lrr_core.models.folder import ModelError, weight_hash
from lrr_core.models.opened import ModelSet, pick_device


@pytest.fixture
def folder(folders, tmp_path):
    """A copy of the GPT-2 set that may be damaged."""
    return shutil.copytree(folders["gpt2"], tmp_path / "set")


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refuses(folder, message, **settings):
    with pytest.raises(ModelError, match=message):
        ModelSet(folder, **{"device": "cpu"} | settings)


def test_a_sound_set_opens(models):
    assert models.members == list(STANDARD)
    assert models.width == 32
    for name in STANDARD:
        model = models.model(name)
        assert not model.training and not any(p.requires_grad for p in model.parameters())
        assert models.model(name) is model
    assert len({models.hash(n) for n in STANDARD}) == 3


def test_a_folder_without_model_set_json_is_refused(folder):
    (folder / "model_set.json").unlink()
    refuses(folder, r"is no model set: it has no model_set\.json.*backbone, strong, weak")


@pytest.mark.parametrize("member", STANDARD)
def test_a_missing_member_is_named(folder, member):
    shutil.rmtree(folder / member)
    refuses(folder, f"lacks the sub-folder {member}; a set needs backbone, strong, weak")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_a_member_without_its_files_is_named(folder, file):
    (folder / "weak" / file).unlink()
    refuses(folder, f"weak lacks {file}; save model and tokenizer there with save_pretrained")


def test_another_width_is_refused_with_both_numbers(folder):
    change(folder / "strong" / "config.json", n_embd=48)
    refuses(folder, r"strong has a different width than backbone \(32 and 48\).*Use checkpoints of one training")


@pytest.mark.parametrize("member", ["strong", "ladder/0100"])
def test_another_tokenizer_is_refused(folder, member):
    if member.startswith("ladder"):
        shutil.copytree(folder / "strong", folder / member)
    path = folder / member / "tokenizer.json"
    path.write_text(path.read_text().replace("wumpus", "wampus"))
    refuses(folder, f"{member} has a different tokenizer than backbone; thoughts cannot be compared")


def test_weights_that_are_not_those_on_record_are_refused(folder):
    hashes = {name: weight_hash(folder / name) for name in STANDARD}
    change(folder / "model_set.json", weights=hashes)
    assert ModelSet(folder, device="cpu").model("strong") is not None
    path = folder / "strong" / "model.safetensors"
    weights = load_file(path)
    weights["transformer.ln_f.bias"][0] += 1e-3
    save_file(weights, path, metadata={"format": "pt"})
    models = ModelSet(folder, device="cpu")
    models.model("weak")
    with pytest.raises(ModelError, match=r"weights of strong are not those recorded in model_set\.json; restore them"):
        models.model("strong")


def test_weights_that_cannot_be_read_are_refused(folder):
    path = folder / "weak" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="Cannot load weak from"):
        ModelSet(folder, device="cpu").model("weak")


def test_weights_that_lack_a_tensor_are_refused_rather_than_made_up(folder):
    path = folder / "weak" / "model.safetensors"
    weights = load_file(path)
    del weights["transformer.h.1.mlp.c_fc.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"weights of weak lack transformer\.h\.1\.mlp\.c_fc\.weight that its config"):
        ModelSet(folder, device="cpu").model("weak")


def test_pickled_weights_are_never_read(folder):
    (folder / "strong" / "model.safetensors").unlink()
    (folder / "strong" / "pytorch_model.bin").write_bytes(b"\x80\x04 a pickle could run anything")
    refuses(folder, r"strong has no \.safetensors weights; save it with save_pretrained")


def test_unknown_keys_of_a_set_are_refused_and_the_known_ones_listed(folder):
    change(folder / "model_set.json", temperature=1)
    refuses(folder, r"unknown keys temperature; known: aliases, answer_prefix, .*weights")


@pytest.mark.parametrize(("text", "message"), [("{", "is not valid JSON"), ("[]", "with at least the key 'name'")])
def test_a_broken_model_set_json_is_refused(folder, text, message):
    (folder / "model_set.json").write_text(text)
    refuses(folder, message)


def test_a_bad_device_or_dtype_lists_the_good_ones(folder, monkeypatch):
    refuses(folder, "No device called 'tpu'; choose one of auto, cpu, cuda, mps", device="tpu")
    refuses(folder, "No dtype called 'int8'; choose one of float32, float16, bfloat16", dtype="int8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refuses(folder, "This machine has no cuda device; use --device auto or cpu", device="cuda")


def test_auto_prefers_cuda_then_mps_then_the_cpu(monkeypatch):
    for cuda, mps, expected in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert pick_device("auto").type == expected


def test_an_unknown_checkpoint_lists_the_known_ones(models):
    with pytest.raises(ModelError, match="no checkpoint 'strng'; it has backbone, strong, weak"):
        models.model("strng")


def test_the_ladder_and_the_baselines_are_members_where_present(folder):
    for name in ("no_cot", "ladder/0200", "ladder/0100"):
        shutil.copytree(folder / "weak", folder / name)
    models = ModelSet(folder, device="cpu")
    assert models.members == [*STANDARD, "no_cot", "ladder/0100", "ladder/0200"]
    assert models.hash("ladder/0100") == models.hash("weak")
    assert models.model("ladder/0100") is not models.model("weak")


def test_the_lens_says_what_it_reads_with(opened):
    assert (opened["gpt2"].tied, opened["llama"].tied, opened["untied"].tied) == (True, True, False)
    assert opened["llama"].lens == "the tied token embedding (exact)"
    assert opened["untied"].lens == "the untied output embedding"


def test_identity_names_weights_device_and_versions(models):
    identity = models.identity("backbone", "weak")
    assert identity["members"] == {n: weight_hash(models.path / n) for n in ("backbone", "weak")}
    assert (identity["device"], identity["dtype"], identity["torch"]) == ("cpu", "float32", torch.__version__)


def test_a_dtype_is_what_the_weights_have(folders):
    assert ModelSet(folders["llama"], device="cpu", dtype="bfloat16").model("weak").dtype == torch.bfloat16


def test_candidates_are_encoded_as_they_follow_the_answer_prefix(models):
    names = models.tokenizer.convert_tokens_to_ids(["lempus", "wumpus"])
    assert models.candidate_ids(("lempus", "wumpus")) == [[names[0]], [names[1]]]
    assert models.decode([*names, models.tokenizer.eos_token_id]) == "lempus wumpus"
    assert models.answer_ids == [models.tokenizer.convert_tokens_to_ids("<answer>")]
