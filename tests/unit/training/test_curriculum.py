"""The latent curriculum: what is predicted, what replaces what, and that a row is read exactly as a model set reads it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from lrr_core.benchmarks.catalogue import BENCHMARKS, TEMPLATES
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.models.rollout import Stream, latent_rollout, pad_left, score_candidates
from lrr_core.training.backbones import new_model, new_tokenizer
from lrr_core.training.curriculum import (
    IGNORED,
    LatentReader,
    Stage,
    Writer,
    batches,
    collate,
    stage_at,
    stages,
)
from lrr_core.training.finetune_config import SCRATCH
from lrr_core.training.finetune_data import texts

RECORDS = [
    {"question": "Ann has 12 pens and buys 30 more. How many pens?", "answer": "12+30=<<12+30=42>>42 pens.\n#### 42"},
    {
        "question": "A box holds 48 clips; half are sold in May. How many clips are there after 100 more come in June?",
        "answer": "48/2=<<48/2=24>>24 are left.\nThen 24+100=<<24+100=124>>124.\n#### 124",
    },
    {
        "question": "Tom runs 3 km a day. How far in 7 days, then in 2 weeks more, then with 1,000 km by train?",
        "answer": "3*7=<<3*7=21>>21\n21+42=<<21+42=63>>63\n63+1000=<<63+1000=1063>>1063\n#### 1,063",
    },
]
THOUGHTS = 4
TOLERANCE = 2e-5  # measured worst, over both families: 3.8e-6 nats


@pytest.fixture(scope="module")
def questions():
    return [BENCHMARKS["gsm8k"].read_record(record, f"made-{i}") for i, record in enumerate(RECORDS)]


@pytest.fixture(scope="module")
def tokenizer(questions):
    return new_tokenizer(texts(questions, "short", " "), 320, "####")


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request, tokenizer):
    """Random weights, shaken so that thoughts matter: no bias is zero and no norm is flat."""
    scratch = SCRATCH | {"family": request.param, "layers": 2, "width": 32, "mlp": 48, "positions": 256}
    made = new_model(scratch, tokenizer, seed=1).eval()
    torch.manual_seed(2)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    return made


@pytest.fixture(scope="module")
def writer(tokenizer):
    return Writer(tokenizer, "short", "####", " ")


# --- stages -----------------------------------------------------------------------------------------------------------


def test_stage_s_replaces_s_steps_by_c_times_s_thoughts_and_the_last_all_of_them():
    assert stages("coconut", 6, 2) == (
        Stage(0, 0, 0), Stage(1, 1, 2), Stage(2, 2, 4), Stage(3, 3, 6), Stage(4, None, 6),
    )  # fmt: skip
    assert stages("coconut", 3, 1)[-1] == Stage(4, None, 3)
    assert stages("cot", 6, 2) == (Stage(0, 0, 0),)
    assert stages("no_cot", 6, 2) == (Stage(0, None, 0),)


def test_stages_come_one_after_another_and_the_last_stays():
    assert [stage_at(s, 4, 2, 0) for s in range(10)] == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3]
    assert [stage_at(s, 4, 2, 2) for s in range(5)] == [2, 2, 3, 3, 3]
    assert stage_at(0, 4, 0, 0) == 3  # no step for the others


def test_a_row_holds_the_steps_that_are_left_then_mark_answer_and_end(writer, tokenizer, questions):
    three = questions[2]
    parts = {stage: tokenizer.decode(writer.row(three, stage).rest) for stage in stages("coconut", 4, 2)}
    assert list(parts.values()) == [
        "<<3*7=21>> <<21+42=63>> <<63+1000=1063>>#### 1063<end>",
        "<<21+42=63>> <<63+1000=1063>>#### 1063<end>",
        "<<63+1000=1063>>#### 1063<end>",
        "#### 1063<end>",
    ]
    prompt = writer.row(three, Stage(0, 0, 0)).prompt
    assert tokenizer.decode(prompt) == TEMPLATES["short"](three) == RECORDS[2]["question"] + "\n"


def test_prompt_and_thoughts_are_never_predicted_and_the_mark_only_where_text_is_left(writer, questions):
    for stage in stages("coconut", 4, 2):
        rows = [writer.row(q, stage) for q in questions]
        batch = collate(rows, 0)
        for i, (row, q) in enumerate(zip(rows, questions, strict=True)):
            text = writer.of_reasoning(q, stage.replaced)
            wanted = [*text, *(writer.prefix if text else ()), *writer.of_answer(q), writer.tokenizer.eos_token_id]
            assert batch.labels[i][batch.labels[i] != IGNORED].tolist() == wanted
            assert batch.ids[i][batch.mask[i].bool()].tolist() == list(row.prompt)
            assert batch.rest[i][batch.rest_mask[i].bool()].tolist() == list(row.rest)
    assert (batch.mask[:, 0] == 0).any() and (batch.rest_mask[:, -1] == 0).any()  # padded on the left, and on the right


def test_every_digit_is_a_token_and_the_mark_is_one(writer, tokenizer):
    assert [tokenizer.decode([i]) for i in writer.encode(" 1063")] == [" ", "1", "0", "6", "3"]
    assert len(writer.prefix) == 1
    odd = "naïve – 12 % of “4”\n\tend"
    assert tokenizer.decode(writer.encode(odd)) == odd  # bytes: nothing is unknown


def test_the_same_texts_make_the_same_tokenizer(tokenizer, questions):
    again = new_tokenizer(texts(questions, "short", " "), 320, "####")
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


# --- the forward ------------------------------------------------------------------------------------------------------


def rolled(model, writer, problems, thoughts):
    """log p of each right answer as a model set gives it: prefill, thoughts, mark, candidate."""
    stream = Stream.read(model, *pad_left([writer.encode(TEMPLATES["short"](p)) for p in problems]))
    for _ in latent_rollout(stream, thoughts):
        pass
    ids = [[[*writer.of_answer(p), writer.tokenizer.eos_token_id]] for p in problems]
    return score_candidates(stream, writer.prefix, ids)[:, 0]


@torch.no_grad()
@pytest.mark.parametrize("thoughts", [0, 1, THOUGHTS])
def test_training_reads_an_answer_as_a_rollout_with_scored_candidates_does(model, writer, questions, thoughts):
    batch = collate([writer.row(q, Stage(9, None, thoughts)) for q in questions], 0)
    assert (batch.mask.sum(1) < batch.mask.shape[1]).any()
    got = LatentReader(model).log_p(batch, thoughts).sum(1)
    expected = rolled(model, writer, questions, thoughts)
    worst = (got - expected).abs().max().item()
    assert worst < TOLERANCE, worst
    if thoughts:  # the law would be empty if thoughts did not matter
        assert (rolled(model, writer, questions, 0) - expected).abs().min() > 100 * TOLERANCE


@torch.no_grad()
@pytest.mark.parametrize("stage", stages("coconut", 4, 2), ids=lambda s: f"stage {s.number}")
def test_a_batch_costs_what_its_rows_cost_alone(model, writer, questions, stage):
    rows = [writer.row(q, stage) for q in questions]
    reader = LatentReader(model)
    alone = [reader(collate([row], 0), stage.thoughts).item() for row in rows]
    together = reader.log_p(collate(rows, 0), stage.thoughts)
    assert torch.allclose(-together.sum(1), torch.tensor(alone), atol=1e-4)
    assert reader(collate(rows, 0), stage.thoughts).item() == pytest.approx(sum(alone), abs=3e-4)


@torch.no_grad()
def test_the_text_stage_costs_what_one_forward_of_the_whole_text_costs(model, writer, questions):
    row = writer.row(questions[1], Stage(0, 0, 0))
    ids = torch.tensor([[*row.prompt, *row.rest]])
    log_p = model(input_ids=ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    got = LatentReader(model)(collate([row], 0), 0).item()
    assert got == pytest.approx(-log_p[len(row.prompt) - 1 :].sum().item(), abs=1e-4)


def test_the_loss_reaches_the_question_through_every_thought(model, writer, questions):
    """The gradient is that of finite differences. Without the way through the thoughts it is another number, by far."""
    twin = AutoModelForCausalLM.from_config(model.config).double().eval()
    twin.load_state_dict(model.state_dict())
    reader, batch = LatentReader(twin), collate([writer.row(q, Stage(9, None, THOUGHTS)) for q in questions[:2]], 0)
    weight = twin.get_input_embeddings().weight
    reader(batch, THOUGHTS).backward()
    token = int(batch.ids[0][batch.mask[0].bool()][2])
    direction = torch.randn(weight.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slopes, step = [], 3e-4  # no finer: RMS norms are computed in float32 whatever the weights are
    with torch.no_grad():
        for sign in (1, -1):
            weight[token] += sign * step * direction
            slopes.append(reader(batch, THOUGHTS).item())
            weight[token] -= sign * step * direction
    measured = (slopes[0] - slopes[1]) / (2 * step)
    assert weight.grad[token] @ direction == pytest.approx(measured, rel=3e-3)

    class Cut(LatentReader):
        """The same, but a thought is fed without its gradient."""

        def log_p(self, batch, thoughts):
            whole = Stream.append
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Stream, "append", lambda stream, state: whole(stream, state.detach()))
                return super().log_p(batch, thoughts)

    weight.grad = None
    Cut(twin)(batch, THOUGHTS).backward()
    assert abs(weight.grad[token] @ direction - measured) > 0.05 * abs(measured)


def test_padding_takes_no_part_in_the_gradient(model, writer, questions):
    rows = [writer.row(q, Stage(9, None, 2)) for q in questions]
    grads = []
    for pad in (0, 7):  # another token in the padded places changes nothing
        model.zero_grad()
        LatentReader(model)(collate(rows, pad), 2).backward()
        grads.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert all(torch.isfinite(g).all() for g in grads[0])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*grads, strict=True))


# --- batches ----------------------------------------------------------------------------------------------------------


def test_an_epoch_repeats_no_problem_and_the_next_is_in_another_order():
    lengths = np.random.default_rng(0).integers(5, 200, 103).tolist()
    feed = batches(lengths, 10, seed=4)
    epochs = [[next(feed) for _ in range(10)] for _ in range(2)]
    for made in epochs:
        seen = [i for b in made for i in b]
        assert len(seen) == len(set(seen)) == 100 and all(len(b) == 10 for b in made)
    assert epochs[0] != epochs[1]
    spread = np.mean([np.ptp([lengths[i] for i in b]) for b in epochs[0]])
    assert spread < 0.25 * np.ptp(lengths)  # similar lengths lie together


@pytest.mark.parametrize("start", [0, 3, 10, 27])
def test_batches_can_be_taken_up_anywhere(start):
    lengths = list(range(53))
    whole, later = batches(lengths, 5, 1), batches(lengths, 5, 1, start)
    for _ in range(start):
        next(whole)
    assert [next(whole) for _ in range(15)] == [next(later) for _ in range(15)]


def test_fewer_problems_than_a_batch_are_refused():
    with pytest.raises(ProblemError, match="3 problems to train on, fewer than one batch of 4; lower batch"):
        next(batches([1, 2, 3], 4, 0))


def test_a_batch_whose_parts_disagree_is_refused(writer, questions):
    batch = collate([writer.row(q, Stage(0, 0, 0)) for q in questions], 0)
    with pytest.raises(ProblemError, match="parts of a batch disagree"):
        replace(batch, labels=batch.labels[:, :-1])
