"""Training: its fast forward is the model's, its branches do not see each other, and a kill costs nothing but time."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from lrr_core.benchmarks.generators import generate_balanced
from lrr_core.benchmarks.prosqa import ProblemError, breadth_first
from lrr_core.models.rollout import Stream, pad_left
from lrr_core.training import branches as branching
from lrr_core.training import train as training
from lrr_core.training.branches import fast_forward, latent_losses, make_batch, text_losses
from lrr_core.training.reasoner import ANSWER, ASK, EDGE, END, VOCABULARY, make_model
from lrr_core.training.train import TrainConfig, train

TINY = TrainConfig(
    width=16, heads=2, head_dim=8, mlp=24, batch=4, branches=3, stages=((8, 9, 2, 2),), steps=6, warmup=2,
    save_every=2, keep_every=3, log_every=1, seed=3,
)  # fmt: skip
ID = {word: i for i, word in enumerate(VOCABULARY)}
THOUGHTS, BRANCHES = 3, 4
TOLERANCE = 1e-5  # measured worst: 5.1e-7 for the fast forward, 1.5e-6 after three thoughts


@pytest.fixture(scope="module")
def questions():
    rng = np.random.default_rng(0)
    made = [generate_balanced(rng, nodes, hops) for nodes, hops in ((8, 2), (10, 3), (12, 2), (9, 1))]
    assert len({len(q.edges) for q in made}) > 1  # so that the batch is padded
    return made


@pytest.fixture(scope="module")
def batch(questions):
    made = make_batch(questions, BRANCHES, THOUGHTS, np.random.default_rng(1))
    assert (made.branches != 0).all() and (made.edges == 0).any()
    return made


@pytest.fixture(scope="module")
def model():
    """Starts as training does, then shaken, so that no weight is zero and no two projections are equal."""
    made = make_model(replace(TINY, width=32, heads=4, head_dim=16)).eval()
    torch.manual_seed(5)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    return made


# --- the fast forward -------------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("keep", [None, 1, 3])
def test_the_fast_forward_equals_the_models_own(model, keep):
    lengths, p, n = (9, 6), 9, 3  # two rows, one left-padded by three; then n more positions through the cache
    x = torch.randn(2, p + n, 32)
    mask = torch.tensor([[0] * (p - length) + [1] * (length + n) for length in lengths])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    seen = torch.ones(p + n, p + n, dtype=torch.bool).tril() & mask[:, None, None].bool()
    seen |= torch.eye(p + n, dtype=torch.bool)
    additive = torch.zeros(2, 1, p + n, p + n).masked_fill(~seen, torch.finfo(torch.float32).min)
    whole = model.model(inputs_embeds=x, attention_mask=mask, position_ids=positions).last_hidden_state
    cache = []
    first = fast_forward(model, x[:, :p], positions[:, :p], additive[:, :, :p, :p], cache, keep)
    assert first.shape[1] == (keep or p)
    then = fast_forward(model, x[:, p:], positions[:, p:], additive[:, :, p:], cache)
    assert [tuple(k.shape) for k, _ in cache] == [(2, 4, p + n, 16)] * 2
    real = mask[:, p - first.shape[1] : p].bool()
    worst = max(
        (first - whole[:, p - first.shape[1] : p])[real].abs().max().item(), (then - whole[:, p:]).abs().max().item()
    )
    assert worst < TOLERANCE


# --- the batch --------------------------------------------------------------------------------------------------------


def test_frontier_rows_are_uniform_over_the_nodes_at_that_depth(questions, batch):
    for b, q in enumerate(questions):
        ids = [ID[name] for name in q.names]
        for m in range(BRANCHES):
            root = ids.index(int(batch.branches[b, m, 3]))
            depths = q.depths(root)
            for t in range(1, THOUGHTS + 1):
                nodes = {ids[i] for i, d in enumerate(depths) if d == t}
                row = batch.frontier[b, m, t - 1]
                assert set(row.nonzero()[:, 0].tolist()) == nodes
                assert torch.allclose(row[sorted(nodes)], torch.tensor(1 / len(nodes)) if nodes else row[:0])


def test_branch_zero_is_the_problem_and_every_branch_has_one_reachable_candidate(questions, batch):
    for b, q in enumerate(questions):
        ids = [ID[name] for name in q.names]
        row = [t for s, e in q.edges for t in (ids[s], ids[e], ID[EDGE])]
        assert batch.edges[b].tolist() == [0] * (batch.edges.shape[1] - len(row)) + row
        assert batch.branches[b, 0].tolist() == [ID[ASK], *(ids[c] for c in q.candidates), ids[q.root]]
        assert (int(batch.answer[b, 0]), int(batch.hops[b, 0])) == (ids[q.answer], q.hops)
        for m in range(BRANCHES):
            ask, *pair, root = batch.branches[b, m].tolist()
            depths = breadth_first(q.children(), ids.index(root))
            assert ask == ID[ASK]
            if batch.hops[b, m]:
                reached = [i for i in pair if depths[ids.index(i)] > 0]
                assert reached == [int(batch.answer[b, m])]
                assert depths[ids.index(reached[0])] == int(batch.hops[b, m])
    assert (batch.hops > 0).float().mean() > 0.5


# --- the training forward is the inference forward --------------------------------------------------------------------


@pytest.fixture
def recorded(monkeypatch):
    """latent_losses, giving back also what each branch thought (B, M, T+1, D) and would answer (B, M, T, D)."""

    def call(model, batch, thoughts=THOUGHTS):
        outputs = []

        def listen(*args, **kwargs):
            outputs.append(fast_forward(*args, **kwargs))
            return outputs[-1]

        monkeypatch.setattr(branching, "fast_forward", listen)
        with torch.no_grad():
            losses = latent_losses(model, batch, thoughts)
        b, m, _ = batch.branches.shape
        first = outputs[0].view(b, m, 4, -1)[:, :, 3]
        return (
            losses,
            torch.stack([first, *(o[:, :m] for o in outputs[1:])], 2),
            torch.stack([o[:, m:] for o in outputs[1:]], 2),
        )

    return call


@torch.no_grad()
def plain_rollout(model, batch):
    """The same, every branch as a prompt of its own through `Stream`, the code that answers in the app."""
    b, m, _ = batch.branches.shape
    rows = [
        [*(i for i in batch.edges[i].tolist() if i), *batch.branches[i, j].tolist()] for i in range(b) for j in range(m)
    ]
    stream = Stream.read(model, *pad_left(rows))
    thoughts, answers = [stream.last], []
    for _ in range(THOUGHTS):
        thoughts.append(stream.append(thoughts[-1]))
        answers.append(stream.fork().read_ids(torch.full((b * m, 1), ID[ANSWER]))[:, -1])
    return [torch.stack(x, 1).view(b, m, len(x), -1) for x in (thoughts, answers)]


def test_the_training_forward_is_the_inference_forward(model, batch, recorded):
    _, thoughts, answers = recorded(model, batch)
    own_thoughts, own_answers = plain_rollout(model, batch)
    worst = max((thoughts - own_thoughts).abs().max().item(), (answers - own_answers).abs().max().item())
    assert worst < TOLERANCE
    assert thoughts.abs().max() > 0.5


@torch.no_grad()
def test_the_losses_are_what_their_definition_says(model, batch, recorded):
    losses, _, _ = recorded(model, batch)
    thoughts, answers = plain_rollout(model, batch)
    embedding = model.get_input_embeddings().weight
    lens, read = ((h @ embedding.T).log_softmax(-1) for h in (thoughts[:, :, :THOUGHTS], answers))
    kl, mass, hit, undecided = [[] for _ in range(THOUGHTS)], [[] for _ in range(THOUGHTS)], [], []
    right = [[] for _ in range(THOUGHTS)]
    for b in range(batch.edges.shape[0]):
        for m in range(BRANCHES):
            _, one, two, _ = batch.branches[b, m].tolist()
            answer, hops = int(batch.answer[b, m]), int(batch.hops[b, m])
            for t in range(THOUGHTS):
                nodes = batch.frontier[b, m, t].nonzero()[:, 0]
                if len(nodes):
                    log_p = lens[b, m, t, nodes]
                    kl[t].append(float((-log_p - math.log(len(nodes))).mean()))
                    mass[t].append(float(log_p.exp().sum()))
                log_p = read[b, m, t]
                if hops and t + 1 >= hops:
                    hit.append(float(-log_p[answer]))
                    if m == 0:
                        other = two if answer == one else one
                        right[t].append(float(log_p[answer] > log_p[other]))
                elif hops:
                    undecided.append(float(-(log_p[one] + log_p[two]) / 2) - math.log(2))
    frontier = np.mean([np.mean(x) for x in kl])
    assert float(losses["frontier"]) == pytest.approx(frontier, rel=1e-5)
    assert float(losses["answer"]) == pytest.approx(np.mean(hit), rel=1e-5)
    assert float(losses["loss"]) == pytest.approx(frontier + 0.5 * np.mean(hit) + 0.2 * np.mean(undecided), rel=1e-5)
    assert losses["mass"].tolist() == pytest.approx([np.mean(x) for x in mass], rel=1e-5)
    assert losses["right"].tolist() == pytest.approx([np.mean(x or [0]) for x in right])


def test_a_branch_sees_nothing_of_the_others(model, batch, recorded):
    _, thoughts, answers = recorded(model, batch)
    changed = replace(batch, branches=batch.branches.clone())
    changed.branches[:, 1] = changed.branches[:, 1].flip(-1)
    _, other_thoughts, other_answers = recorded(model, changed)
    rest = [0, 2, 3]
    assert torch.equal(thoughts[:, rest], other_thoughts[:, rest])
    assert torch.equal(answers[:, rest], other_answers[:, rest])
    assert (thoughts[:, 1] - other_thoughts[:, 1]).abs().max() > 0.01


@torch.no_grad()
@pytest.mark.parametrize("method", ["cot", "no_cot"])
def test_the_text_baselines_learn_exactly_the_words_after_the_question(model, questions, method):
    losses = text_losses(model, questions, method)
    total, count, right = 0.0, 0, []
    for q in questions:
        ids = [ID[name] for name in q.names]
        row = [t for s, e in q.edges for t in (ids[s], ids[e], ID[EDGE])] + [
            ID[ASK],
            *(ids[c] for c in q.candidates),
            ids[q.root],
        ]
        said = [*(ids[n] for n in q.path()[1:]), ID[ANSWER]] if method == "cot" else []
        row += [] if method == "cot" else [ID[ANSWER]]  # given, so it is not learned
        said += [ids[q.answer], ID[END]]
        log_p = model(torch.tensor([row + said])).logits[0].log_softmax(-1)
        spots = range(len(row) - 1, len(row) + len(said) - 1)
        total -= sum(float(log_p[i, token]) for i, token in zip(spots, said, strict=True))
        count += len(said)
        right.append(float(log_p[-3, ids[q.answer]] > log_p[-3, ids[q.distractor]]))
    assert float(losses["loss"]) == pytest.approx(total / count, rel=1e-5)
    assert float(losses["right"]) == pytest.approx(np.mean(right))


# --- runs, kills, refusals --------------------------------------------------------------------------------------------


def quiet(_):
    pass


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return train(TINY, tmp_path_factory.mktemp("run"), say=quiet)


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
    whole, seen = training.save_file, []

    def save_file(tensors, path):
        seen.append(path.name)
        if seen.count("optimiser.safetensors") == 2:
            Path(path).write_bytes(b"half")
            raise Killed
        whole(tensors, path)

    monkeypatch.setattr(training, "save_file", save_file)
    return quiet


@pytest.mark.parametrize("kill", [kill_in_say, kill_between_the_renames, kill_while_writing])
def test_a_killed_run_that_is_resumed_ends_in_the_same_weights(uninterrupted, tmp_path, kill):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        train(TINY, tmp_path, say=kill(patch))
    said = []
    last = train(TINY, tmp_path, resume=True, say=said.append)
    assert said[0] == ("resumed at step 4" if kill is kill_in_say else "resumed at step 2")
    for file in ("model.safetensors", "raw.safetensors", "optimiser.safetensors"):
        expected, got = load_file(uninterrupted / file), load_file(last / file)
        assert expected.keys() == got.keys()
        assert all(torch.equal(expected[k], got[k]) for k in expected), file
    progress, other = (json.loads((p / "progress.json").read_text()) for p in (uninterrupted, last))
    assert {**progress, "seconds": 0} == {**other, "seconds": 0}
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_training_changes_the_weights_and_keeps_what_it_promised(uninterrupted):
    out = uninterrupted.parent
    assert json.loads((out / "config.json").read_text())["width"] == TINY.width
    assert [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()] == [1, 2, 3, 4, 5, 6]
    assert sorted(p.name for p in (out / "steps").iterdir()) == ["000003", "000006"]
    start = make_model(TINY).state_dict()
    trained = load_file(uninterrupted / "model.safetensors")
    assert all(not torch.equal(start[k], v) for k, v in trained.items() if k.endswith("proj.weight"))


def test_a_checkpoint_is_an_ordinary_hugging_face_folder(uninterrupted):
    model = AutoModelForCausalLM.from_pretrained(uninterrupted)
    tokenizer = AutoTokenizer.from_pretrained(uninterrupted)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tokenizer("Tom terpus ; ? lempus <answer>")["input_ids"] == [
        ID[w] for w in "Tom terpus ; ? lempus <answer>".split()
    ]
    trained = load_file(uninterrupted / "model.safetensors")
    assert torch.equal(model.model.embed_tokens.weight, trained["model.embed_tokens.weight"])


def test_a_run_is_not_overwritten_without_resume(uninterrupted):
    before = (uninterrupted / "model.safetensors").read_bytes()
    with pytest.raises(
        ProblemError, match="already holds a run; add --resume to go on with it or choose another --out"
    ):
        train(TINY, uninterrupted.parent, say=quiet)
    assert (uninterrupted / "model.safetensors").read_bytes() == before


def test_a_warm_start_begins_from_the_given_weights(uninterrupted, tmp_path):
    said = []
    last = train(replace(TINY, steps=0, init=str(uninterrupted)), tmp_path / "a", say=said.append)
    assert said == [f"warm start from {uninterrupted}"]
    expected, got = (load_file(p / "model.safetensors") for p in (uninterrupted, last))
    assert all(torch.equal(expected[k], got[k]) for k in expected)
    with pytest.raises(ProblemError, match=r"Cannot read weights from .*nowhere"):
        train(replace(TINY, init=str(tmp_path / "nowhere")), tmp_path / "b", say=quiet)


def test_a_warm_start_from_another_shape_is_refused(uninterrupted, tmp_path):
    for other in (replace(TINY, layers=3), replace(TINY, width=24)):
        with pytest.raises(ProblemError, match="do not fit this configuration"):
            train(replace(other, init=str(uninterrupted)), tmp_path / str(other.width), say=quiet)


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "latent_losses", lambda *_: {"loss": torch.tensor(float("nan"))})
    with pytest.raises(ProblemError, match="The loss is nan at step 0; lower learning_rate and resume"):
        train(TINY, tmp_path, say=quiet)


def test_the_learning_rate_warms_up_and_falls_to_a_twentieth():
    config = replace(TINY, steps=100, warmup=10, decay=0.5)
    rates = [training._pace(config, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[10] == rates[50] == 1.0
    assert rates[75] == pytest.approx(0.5) and rates[-1] == pytest.approx(0.05)


def test_a_run_keeps_to_that_schedule(tmp_path):
    start = make_model(TINY).state_dict()["model.layers.0.mlp.up_proj.weight"]
    moved = []
    for warmup in (1, 10**6):
        last = train(replace(TINY, steps=1, warmup=warmup, decay=0.01), tmp_path / str(warmup), say=quiet)
        moved.append((load_file(last / "model.safetensors")["model.layers.0.mlp.up_proj.weight"] - start).norm())
    assert 0 < 1000 * moved[1] < moved[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"widht": 3, "depth": 1}, "Unknown key depth, widht in the configuration; known: advance, .*width"),
        ({"method": "magic"}, "No training method 'magic'; choose one of coconut, cot, no_cot"),
        ({"head_dim": 7}, "head_dim must be even .*not 7"),
        (
            {"stages": [[8, 9, 2]]},
            "stages must be a list of .smallest graph .4 or more., largest graph, longest answer",
        ),
        ({"stages": []}, "stages must be a list of"),
        ({"width": "wide"}, "width must be a whole number such as 192, not 'wide'"),
    ],
)
def test_a_bad_configuration_is_refused_by_name(data, message, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(data))
    for source in (data, tmp_path / "c.json"):
        with pytest.raises(ProblemError, match=message):
            TrainConfig.load(source)


def test_a_configuration_file_must_be_there_and_be_json(tmp_path):
    with pytest.raises(ProblemError, match=r"There is no training configuration at .*none\.json"):
        TrainConfig.load(tmp_path / "none.json")
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(ProblemError, match="is not JSON"):
        TrainConfig.load(tmp_path / "c.json")


def test_a_saved_configuration_loads_as_it_was(uninterrupted):
    assert TrainConfig.load(uninterrupted.parent / "config.json") == TINY
