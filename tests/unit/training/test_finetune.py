"""Training a backbone: a kill costs nothing but time, processes share a batch, adapters merge, and bad input is named."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from lrr_core.__main__ import main
from lrr_core.analysis.curves import candidate_probability
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.models.folder import ModelError
from lrr_core.models.opened import ModelSet
from lrr_core.refinement import refine
from lrr_core.refinement.refine import Prompts, Refiner, run_all
from lrr_core.refinement.trace import RefineConfig
from lrr_core.training import backbones, checkpoints
from lrr_core.training import finetune as module
from lrr_core.training import model_set_of_run as assembling
from lrr_core.training.curriculum import LatentReader, Stage, Writer, collate
from lrr_core.training.finetune import finetune
from lrr_core.training.finetune_config import LORA, FinetuneConfig, for_method, read_config, trainer_of
from lrr_core.training.finetune_data import parts_of
from lrr_core.training.model_set_of_run import model_set_of_run

ROOT = Path(__file__).parents[3]
SCRATCH = {"family": "llama", "layers": 2, "width": 16, "heads": 2, "mlp": 24, "vocabulary": 300, "positions": 256}
ANIMALS = "cat dog fox owl bee ant cow hen pig rat bat elk".split()
TINY = {
    "benchmark": "strategyqa", "scratch": SCRATCH, "method": "coconut", "max_thoughts": 2, "thoughts_per_step": 1,
    "stage_steps": 1, "steps": 6, "batch": 4, "micro_batch": 3, "warmup": 2, "learning_rate": 0.01, "log_every": 1,
    "save_every": 2, "keep_every": 3, "held_back": 0.3, "device": "cpu", "seed": 3,
}  # fmt: skip


def quiet(_):
    pass


def records(animals, legs=(2, 4, 6)):
    return [
        {
            "question": f"Does a{'n' * (a[0] in 'aeiou')} {a} have {n} legs?",
            "answer": n == 4,
            "facts": [],
            "decomposition": [f"How many legs has a {a}?", f"Is #1 equal to {n}?"][: 1 + n % 4],
        }
        for a in animals
        for n in legs
    ]


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return written(tmp_path_factory.mktemp("data") / "train.jsonl", records(ANIMALS))


@pytest.fixture(scope="module")
def tiny(data):
    return FinetuneConfig.load(TINY | {"data": data})


@pytest.fixture(scope="module")
def uninterrupted(tiny, tmp_path_factory):
    return finetune(tiny, tmp_path_factory.mktemp("run"), say=quiet)


@pytest.fixture(scope="module")
def base(uninterrupted, tmp_path_factory):
    """A GPT-2 with dropout, as the released one has it, and the tokenizer of the run."""
    folder = tmp_path_factory.mktemp("base")
    tokenizer = AutoTokenizer.from_pretrained(uninterrupted)
    model = backbones.new_model(FinetuneConfig.load(TINY | {"data": "x"}).scratch | {"family": "gpt2"}, tokenizer, 5)
    for name in ("resid_pdrop", "embd_pdrop", "attn_pdrop"):
        setattr(model.config, name, 0.1)
    backbones.save_plain(model, tokenizer, folder, torch.float32)
    return folder


@pytest.fixture(scope="module")
def lora(tiny, base):
    settings = LORA | {"rank": 2, "alpha": 4.0}
    return replace(tiny, scratch={}, base=str(base), lora=settings, learning_rate=0.05)


@pytest.fixture(scope="module")
def adapted(lora, tmp_path_factory):
    return finetune(lora, tmp_path_factory.mktemp("lora"), say=quiet)


# --- a run ------------------------------------------------------------------------------------------------------------


def test_a_run_leaves_what_it_promised(tiny, uninterrupted):
    out = uninterrupted.parent
    assert FinetuneConfig.load(out / "config.json") == tiny
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == [1, 2, 3, 4, 5, 6]
    assert [(r["stage"], r["thoughts"]) for r in rows] == [(0, 0), (1, 1), (2, 2), (3, 2), (3, 2), (3, 2)]
    assert [r["step"] for r in rows if "validation" in r] == [3, 6]
    assert sorted(p.name for p in (out / "steps").iterdir()) == ["000003", "000006"]
    early, late = (load_file(out / "steps" / s / "model.safetensors") for s in ("000003", "000006"))
    assert all(not torch.equal(early[k], late[k]) for k in early)
    kept = load_file(uninterrupted / "model.safetensors")
    assert all(torch.equal(kept[k], late[k]) for k in kept)


def test_a_checkpoint_is_an_ordinary_hugging_face_folder(uninterrupted):
    model, tokenizer = AutoModelForCausalLM.from_pretrained(uninterrupted), AutoTokenizer.from_pretrained(uninterrupted)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tokenizer.decode(tokenizer("Is #1 equal to 4?#### no")["input_ids"]) == "Is #1 equal to 4?#### no"
    assert model.dtype == torch.float32 and model.config.eos_token_id == tokenizer.eos_token_id


class Killed(BaseException):
    """Not an Exception, so that nothing on the way can swallow it."""


def kill_in_say(monkeypatch):
    def say(text):
        if text.startswith("step 5/"):
            raise Killed

    return say


def kill_between_the_renames(monkeypatch):
    whole, seen = Path.rename, []

    def rename(self, target):
        seen.append(self.name)
        if seen.count(".last.new") == 2 and self.name == ".last.new":
            raise Killed
        return whole(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    return quiet


def kill_while_writing(monkeypatch):
    whole, seen = checkpoints.save_file, []

    def save_file(tensors, path):
        seen.append(path.name)
        if len(seen) == 2:
            Path(path).write_bytes(b"half")
            raise Killed
        whole(tensors, path)

    monkeypatch.setattr(checkpoints, "save_file", save_file)
    return quiet


@pytest.mark.parametrize("kill", [kill_in_say, kill_between_the_renames, kill_while_writing])
@pytest.mark.parametrize("kind", ["all weights", "adapters and dropout"])
def test_a_killed_run_that_is_resumed_ends_in_the_same_bits(request, tmp_path, kill, kind):
    names = ("tiny", "uninterrupted") if kind == "all weights" else ("lora", "adapted")
    config, whole = map(request.getfixturevalue, names)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        finetune(config, tmp_path, say=kill(patch))
    said = []
    last = finetune(config, tmp_path, resume=True, say=said.append)
    assert said[0] == ("resumed at step 4" if kill is kill_in_say else "resumed at step 2")
    files = ["model.safetensors", "optimiser.safetensors"]
    files += ["adapter/adapter_model.safetensors"] if kind != "all weights" else []
    for file in files:
        expected, got = load_file(whole / file), load_file(last / file)
        assert expected.keys() == got.keys()
        assert all(torch.equal(expected[k], got[k]) for k in expected), file
    progress, other = (json.loads((p / "progress.json").read_text()) for p in (whole, last))
    assert {**progress, "seconds": 0} == {**other, "seconds": 0}
    logs = [[json.loads(line) for line in (p.parent / "log.jsonl").read_text().splitlines()] for p in (whole, last)]
    assert [{**r, "seconds": 0} for r in logs[0]] == [{**r, "seconds": 0} for r in logs[1]]
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_weights_kept_in_half_precision_go_on_from_the_full_ones(tiny, tmp_path):
    config = replace(tiny, dtype="bfloat16", steps=4, save_every=2, stage_steps=0)
    whole = finetune(config, tmp_path / "whole", say=quiet)

    def say(text):
        if text.startswith("step 3/"):
            raise Killed

    with pytest.raises(Killed):
        finetune(config, tmp_path / "parts", say=say)
    last = finetune(config, tmp_path / "parts", resume=True, say=quiet)
    kept, raw = (load_file(last / f) for f in ("model.safetensors", "raw.safetensors"))
    assert {v.dtype for v in kept.values()} == {torch.bfloat16} and {v.dtype for v in raw.values()} == {torch.float32}
    expected = load_file(whole / "raw.safetensors")
    assert all(torch.equal(expected[k], raw[k]) for k in expected)


def same_lessons(run, other):
    """Loss and gradient norm of every step agree: the optimiser would hide a gradient of another length."""
    logs = [[json.loads(line) for line in (r / "log.jsonl").read_text().splitlines()] for r in (run, other)]
    for name in ("loss", "norm", "tokens", "validation"):
        a, b = ([row[name] for row in log if name in row] for log in logs)
        assert a == pytest.approx(b, rel=2e-3), name  # measured: the last of five digits


def test_what_is_accumulated_does_not_change_what_is_learned(tiny, uninterrupted, tmp_path):
    """One forward of 4 problems, or two of 3 and 1: the loss is the mean over the tokens of all, however they are parted."""
    last = finetune(replace(tiny, micro_batch=4), tmp_path, say=quiet)
    expected, got = (load_file(p / "model.safetensors") for p in (uninterrupted, last))
    worst = max((expected[k] - got[k]).abs().max().item() for k in expected)
    assert 0 < worst < 1e-4, worst  # measured: 8e-6
    same_lessons(uninterrupted.parent, tmp_path)


def test_two_processes_learn_what_one_learns(tiny, uninterrupted, tmp_path):
    """Started as README says. Each takes half of every batch; the averaged gradient is that of the whole."""
    (tmp_path / "config.json").write_text(json.dumps({**tiny.__dict__, "micro_batch": 1, "threads": 1}))
    launch = "-m accelerate.commands.launch --multi_gpu --num_processes 2 --main_process_port 0 -m lrr_core train"
    files = ["--config", str(tmp_path / "config.json"), "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, *launch.split(), *files],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "on cpu, by 2 processes" in done.stderr
    assert done.stderr.count("step 6/6") == 1 and done.stdout == f"{tmp_path / 'run' / 'last'}\n"  # one of them speaks
    expected, got = (load_file(p / "model.safetensors") for p in (uninterrupted, tmp_path / "run" / "last"))
    worst = max((expected[k] - got[k]).abs().max().item() for k in expected)
    assert worst < 1e-4, worst  # measured: 8e-6
    same_lessons(uninterrupted.parent, tmp_path / "run")
    start = backbones.new_model(tiny.scratch, AutoTokenizer.from_pretrained(uninterrupted), tiny.seed).state_dict()
    assert max((expected[k] - start[k]).abs().max().item() for k in expected) > 100 * 1e-4


def test_a_run_from_a_checkpoint_begins_with_its_weights_and_tokenizer(tiny, uninterrupted, tmp_path):
    config = replace(tiny, scratch={}, init=str(uninterrupted), steps=0, stage_steps=0)
    last = finetune(config, tmp_path, say=quiet)
    expected, got = (load_file(p / "model.safetensors") for p in (uninterrupted, last))
    assert all(torch.equal(expected[k], got[k]) for k in expected)
    assert (last / "tokenizer.json").read_bytes() == (uninterrupted / "tokenizer.json").read_bytes()


# --- adapters ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_merged_weights_answer_as_the_adapters_do(lora, adapted, base):
    from peft import PeftModel

    ids = torch.arange(5, 25).view(2, 10)
    merged = AutoModelForCausalLM.from_pretrained(adapted).eval()
    plain = AutoModelForCausalLM.from_pretrained(base).eval()
    before = plain(ids).logits
    expected = PeftModel.from_pretrained(plain, adapted / "adapter").eval()(ids).logits
    worst = (merged(ids).logits - expected).abs().max().item()
    assert worst < 1e-5, worst  # measured: 2e-6
    assert (before - expected).abs().max() > 0.01
    kept = {p.name for p in (adapted.parent / "steps" / "000006").iterdir()}
    assert "model.safetensors" in kept and "adapter" not in kept


def test_only_the_adapters_are_trained(adapted, base):
    before, after = load_file(base / "model.safetensors"), load_file(adapted / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed == {k for k in before if k.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))}


def test_adapters_on_embeddings_or_on_nothing_are_refused(lora, tmp_path):
    for targets, message in (
        (["wte"], "must not name the embeddings"),
        (["nowhere"], "name modules that the model has"),
    ):
        with pytest.raises(ModelError, match=message):
            finetune(replace(lora, lora=lora.lora | {"targets": targets}), tmp_path, say=quiet)


def test_adapters_are_not_put_on_other_weights_than_they_were_trained_on(lora, base, tmp_path):
    other = tmp_path / "base"
    tokenizer = AutoTokenizer.from_pretrained(base)
    backbones.save_plain(AutoModelForCausalLM.from_pretrained(base), tokenizer, other, torch.float32)
    config = replace(lora, base=str(other), steps=4, save_every=2)
    finetune(config, tmp_path / "run", say=quiet)
    backbones.save_plain(
        backbones.new_model(SCRATCH | {"family": "gpt2"}, tokenizer, 9), tokenizer, other, torch.float32
    )
    with pytest.raises(ModelError, match="are not those this run began from"):
        finetune(config, tmp_path / "run", resume=True, say=quiet)


# --- the commands -----------------------------------------------------------------------------------------------------


def test_the_commands_lead_from_a_file_to_a_set(tmp_path, capsys):
    """split, train by method, assemble: as README has them, on a file of a new kind each."""

    def run(*argv) -> tuple[str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in argv])
        out, err = capsys.readouterr()
        assert stop.value.code == 0, err
        return out, err

    whole = written(tmp_path / "all.jsonl", records([*ANIMALS, "yak", "ape", "doe", "eel"]))
    parts = tmp_path / "parts"
    out, err = run("split", "--data", whole, "--benchmark", "strategyqa", "--held-back", 0.2, "--out", parts)
    assert out.split() == [str(parts / "train.jsonl"), str(parts / "held_back.jsonl")] and "0 could not be read" in err
    own = {"cot": {"steps": 2}, "coconut": {"init": str(tmp_path / "cot" / "last"), "first_stage": 1}, "no_cot": {}}
    several = TINY | {"data": str(parts / "train.jsonl"), "reserved": str(parts / "held_back.jsonl"), "keep_every": 1}
    (tmp_path / "config.json").write_text(json.dumps(several | {"trainer": "backbone", "methods": own}))
    for method in ("cot", "coconut"):
        out, _ = run("train", "--config", tmp_path / "config.json", "--method", method, "--out", tmp_path / method)
        assert out == f"{tmp_path / method / 'last'}\n"
    assert FinetuneConfig.load(tmp_path / "cot" / "config.json").steps == 2
    _, err = run("train", "--out", tmp_path / "coconut", "--resume")  # by its own configuration
    assert "resumed at step 6" in err
    last, made = tmp_path / "cot" / "last", tmp_path / "set"
    out, err = run("assemble", "--run", tmp_path / "coconut", "--cot", last, "--out", made, "--limit", 6)
    assert err.count("/6 (") == 6
    assert ModelSet(made, device="cpu").info.thoughts == 2


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepz": 3}, "Unknown key stepz in the configuration; known: answer_prefix"),
        ({"scratch": {"depth": 3}}, "Unknown key depth in scratch; known: family"),
        ({"lora": {"r": 3}}, "Unknown key r in lora; known: alpha"),
        ({"steps": "many"}, "steps must be a whole number such as 2000, not 'many'"),
        ({"benchmark": "arc"}, "No benchmark called 'arc'; choose one of prosqa, words, gsm8k"),
        ({"method": "icot"}, "No method called 'icot'; choose one of coconut, cot, no_cot"),
        ({"template": "triples"}, "strategyqa has no template 'triples'"),
        ({"data": ""}, "data must name a file"),
        ({"base": "gpt2"}, "either base .* or scratch"),
        ({"scratch": {}}, "Give base .*, scratch .* or init"),
        ({"max_thoughts": 3, "thoughts_per_step": 2}, r"max_thoughts \(3\) must be a multiple"),
        ({"stage_steps": 2}, "6 steps never reach the last stage, which begins after 6"),
        ({"scratch": {"width": 20, "heads": 4}}, "width must be a multiple of twice the heads"),
        ({"trainer": "reasoner"}, 'for the trainer "backbone"'),
    ],
)  # fmt: skip
def test_a_bad_configuration_is_named(change, message):
    with pytest.raises(ProblemError, match=message):
        FinetuneConfig.load(TINY | {"data": "x"} | change)


def test_the_configuration_says_which_trainer_it_is_for():
    assert trainer_of({}) == trainer_of({"method": "cot", "width": 8}) == "reasoner"
    assert (
        trainer_of({"benchmark": "gsm8k"})
        == trainer_of({"data": "x"})
        == trainer_of({"trainer": "backbone"})
        == "backbone"
    )
    with pytest.raises(ProblemError, match="No trainer called 'both'; choose one of backbone, reasoner"):
        trainer_of({"trainer": "both"})


def test_every_shipped_configuration_is_one():
    shipped = sorted((ROOT / "assets" / "training").glob("*.json"))
    assert len(shipped) >= 6
    for path in shipped:
        data = read_config(path)
        if trainer_of(data) != "backbone":
            continue
        assert list(data["methods"]) == ["cot", "coconut", "no_cot"]
        made = {name: FinetuneConfig.load(for_method(data, name)) for name in data["methods"]}
        assert {c.method for c in made.values()} == set(made)
        assert made["coconut"].init == f"runs/{path.stem}/cot/last" and not made["cot"].init


def test_a_file_of_several_methods_gives_the_one_that_is_named():
    data = {"steps": 1, "seed": 2, "methods": {"cot": {"steps": 3}, "no_cot": {}}}
    assert for_method(data, "cot") == {"steps": 3, "seed": 2, "method": "cot"}
    assert for_method(data, "no_cot") == {"steps": 1, "seed": 2, "method": "no_cot"}
    for method, message in ((None, "so one must be chosen"), ("coconut", "none for 'coconut'; name one by --method")):
        with pytest.raises(ProblemError, match=message):
            for_method(data, method)
    assert for_method({"seed": 1}, None) == {"seed": 1} and for_method({}, "cot") == {"method": "cot"}


@pytest.mark.parametrize("which", ["validation", "reserved"])
def test_data_that_overlaps_what_is_kept_apart_is_refused(tiny, tmp_path, which):
    same = records(["cat"], (4,))[0] | {"question": "  does a CAT have 4 legs?"}  # the same question, written otherwise
    other = written(tmp_path / "other.jsonl", [*records(["yak"]), same])
    with pytest.raises(ProblemError, match=r"1 of 4 problems of .*other.jsonl are also in the training data"):
        finetune(replace(tiny, **{which: other}), tmp_path / "run", say=quiet)
    apart = written(tmp_path / "apart.jsonl", records(["yak"]))
    assert parts_of(replace(tiny, **{which: apart})).train


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("./nowhere", "There is no model folder ./nowhere; correct the path, or give a hub id"),
        (
            "someone/no-such-model",
            "The model someone/no-such-model cannot be loaded .*check the hub id and the connection",
        ),
    ],
)
def test_a_model_that_cannot_be_had_is_one_clear_line(tiny, tmp_path, base, message):
    with pytest.raises(ModelError, match=message) as caught:
        finetune(replace(tiny, scratch={}, base=base), tmp_path, say=quiet)
    assert "\n" not in str(caught.value)


def test_a_run_is_neither_overwritten_nor_resumed_as_another(tiny, uninterrupted):
    out, before = uninterrupted.parent, (uninterrupted / "model.safetensors").read_bytes()
    with pytest.raises(ProblemError, match="already holds a run; add --resume"):
        finetune(tiny, out, say=quiet)
    with pytest.raises(ProblemError, match=r"begun with learning_rate = 0.01, not 0.02; resume it as it was"):
        finetune(replace(tiny, learning_rate=0.02), out, resume=True, say=quiet)
    assert (uninterrupted / "model.safetensors").read_bytes() == before


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(tiny, tmp_path, monkeypatch):
    whole = LatentReader.forward
    monkeypatch.setattr(LatentReader, "forward", lambda *a: whole(*a) * float("nan"))
    with pytest.raises(ProblemError, match="The loss is nan at step 0; lower learning_rate and begin again"):
        finetune(tiny, tmp_path, say=quiet)


# --- the schedule -----------------------------------------------------------------------------------------------------


def test_the_rate_warms_up_at_every_stage_and_decays_at_the_end(tiny):
    config = replace(tiny, steps=100, stage_steps=10, warmup=5, decay=0.2)
    rates = [module._pace(config, s, s % 10 if s < 30 else s - 30) for s in range(100)]
    assert rates[:5] == rates[10:15] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[35:80] == [1.0] * 45 and rates[90] == pytest.approx(0.5) and min(rates[80:]) == pytest.approx(0.05)
    steady = replace(config, reset_optimiser=False)
    assert [module._pace(steady, s, s % 10) for s in range(10, 15)] == [1.0] * 5


def test_mixed_steps_are_drawn_evenly_from_the_stages_so_far(tiny):
    config = replace(tiny, mix=0.5)
    drawn = [module._drawn(config, step, 2) for step in range(3000)]
    shares = [drawn.count(s) / len(drawn) for s in range(3)]
    assert shares == pytest.approx([1 / 6, 1 / 6, 2 / 3], abs=0.03)
    assert {module._drawn(tiny, step, 2) for step in range(50)} == {2}


# --- a model set ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model_set(uninterrupted, tmp_path_factory):
    """A set whose best checkpoint is said to be the second, so that what is chosen can be told beforehand."""
    out = tmp_path_factory.mktemp("sets") / "animals"
    made = []
    with pytest.MonkeyPatch.context() as patch:
        whole = assembling.measure

        def measure(folder, problems, *args, **kwargs):
            made.append(whole(folder, problems, *args, **kwargs))
            return replace(made[-1], correct=3 if made[-1].step == 3 else 6)

        patch.setattr(assembling, "measure", measure)
        model_set_of_run(uninterrupted.parent, out, uninterrupted, uninterrupted, 10, 400, quiet)
    return out, made


def test_a_run_becomes_a_set_that_opens(model_set, tiny, uninterrupted):
    out, made = model_set
    models = ModelSet(out, device="cpu")
    assert models.members == [
        "backbone",
        "strong",
        "weak",
        "cot",
        "no_cot",
        "ladder/00-step-00003",
        "ladder/01-step-00006",
    ]
    assert (models.info.benchmark, models.info.template, models.info.thoughts) == ("strategyqa", "short", 2)
    assert (
        models.hash("backbone") == models.hash("strong") == models.hash("ladder/01-step-00006") != models.hash("weak")
    )
    assert all(models.model(name) for name in models.members)  # the recorded hashes are those of the files
    parts = parts_of(tiny)
    assert {m.n for m in made} == {len(parts.validation)} and len(parts.validation) > 3
    assert str(uninterrupted.parent.parent) not in (out / "model_set.json").read_text()  # no folders of this machine
    longest = max(len(models.encode(f" {a}")) for a in ("yes", "no"))
    assert models.info.max_answer_tokens == longest + 1
    assert not (out / "backbone" / "progress.json").exists() and not (out / "cot" / "optimiser.safetensors").exists()


def test_the_set_answers_with_the_probability_that_was_trained(model_set, tiny):
    """The whole way: a refinement's plain run on the opened set gives the log-probability the trainer computes."""
    models = ModelSet(model_set[0], device="cpu")
    problems = list(parts_of(tiny).validation)
    writer = Writer(models.tokenizer, "short", "####", " ")
    rows = [writer.row(p, Stage(9, None, 2)) for p in problems]
    assert len({len(r.prompt) for r in rows}) > 1
    with torch.no_grad():
        log_p = LatentReader(models.model("backbone")).log_p(collate(rows, 0), 2)
    config = RefineConfig(method="coconut", thoughts=models.info.thoughts)
    runs = run_all(Refiner(models, Prompts.make(models, problems), config, details=False))
    for row, got, run, problem in zip(rows, log_p, runs, problems, strict=True):
        answer = got[len(row.rest) - 1 - len(writer.of_answer(problem)) : len(row.rest) - 1].sum()
        assert run.scores[problem.answer] == pytest.approx(answer.item(), abs=2e-5)
        assert 0 < candidate_probability(run.scores)[problem.answer] < 1


def test_measuring_counts_what_a_rollout_answers(model_set, tiny, uninterrupted):
    models = ModelSet(model_set[0], device="cpu")
    problems = parts_of(tiny).validation
    config = RefineConfig(method="coconut", thoughts=2)
    runs = run_all(Refiner(models, Prompts.make(models, problems), config, details=False))
    correct = sum(run.choice == p.answer for run, p in zip(runs, problems, strict=True))
    measured = assembling.measure(uninterrupted, problems, tiny, 4)
    assert (measured.correct, measured.n, measured.step) == (correct, len(problems), 6)
    mean = sum(float(run.scores[p.answer]) for run, p in zip(runs, problems, strict=True)) / len(problems)
    assert measured.log_p == pytest.approx(mean, abs=1e-5)


def test_a_free_answer_is_measured_by_what_is_written(tmp_path, uninterrupted, tiny, monkeypatch):
    problems = [
        BENCHMARKS["gsm8k"].read_record({"question": f"How much is {n}?", "answer": f"#### {n}", "steps": []}, str(n))
        for n in (4, 12)
    ]
    config = replace(tiny, benchmark="gsm8k")
    tokenizer = AutoTokenizer.from_pretrained(uninterrupted)
    twelve = tokenizer(" 12", add_special_tokens=False)["input_ids"]
    monkeypatch.setattr(
        refine, "decode_greedy", lambda stream, *_: ([twelve] * len(stream.mask), [1] * len(stream.mask))
    )
    assert assembling.measure(uninterrupted, problems, config, 4).correct == 1


def test_a_text_baseline_is_no_run_to_make_a_set_of(tiny, tmp_path):
    config = replace(tiny, method="cot", steps=1)
    finetune(config, tmp_path / "cot", say=quiet)
    with pytest.raises(
        ModelError, match=r"has no thoughts; give a run of method .coconut. as --run, and this one as --cot"
    ):
        model_set_of_run(tmp_path / "cot", tmp_path / "set", None, None, 3, 10, quiet)
