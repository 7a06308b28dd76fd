"""Train a latent reasoner on generated ProsQA, from nothing to checkpoints that need their thoughts.

    python -m lrr_core train --config assets/models/prosqa.json --out DIR [--resume]

The problem that makes this hard is sparse credit: one answer bit per problem never builds the look-up circuit. So each
generated graph is read once and asked about many times, in parallel *branches* that see the graph and themselves but not
each other: "? candidate candidate root" followed by T thoughts. Branch 0 is the balanced question of the problem, the
others start at random nodes. Every thought of every branch is supervised: its logit lens is trained toward the uniform
distribution over the nodes at breadth-first depth t (METHOD: a *supervised* frontier, not an emergent one), and after every
thought an end-of-thought token is tried out: once the answer's depth is reached it must name the answer, before that it
must be undecided between the two candidates. Thoughts are fed back for real (cached, gradients through time).

Curriculum: the number of thoughts grows when the newest depth is read well enough, then the graphs grow; smaller graphs
stay in the mix and hop lengths are drawn evenly.

`method` "coconut" trains the above; "cot" trains the path from root to answer as text; "no_cot" the bare answer.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.optim.swa_utils import AveragedModel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .generators import generate_balanced
from .muon import Muon
from .prosqa import NAMES, GraphQuestion, ProblemError, breadth_first

PAD, EDGE, ASK, ANSWER, END = "<pad>", ";", "?", "<answer>", "<end>"
VOCABULARY = (PAD, EDGE, ASK, ANSWER, END, *NAMES)
METHODS = ("coconut", "cot", "no_cot")


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on; unknown keys in a configuration file are errors.

    stages: the curriculum, each (smallest graph, largest graph, longest answer in hops, thoughts); a stage ends when the
    running mean of frontier mass and of accuracy at its longest hop both reach `advance`, or after `patience` steps.
    review: share of batches drawn from earlier stages' graph sizes. minutes: stop after so long (0 = by `steps` alone).
    average: the weights that are kept are a running mean over about 1/(1 - average) steps: what a decayed learning rate
    would give, at every checkpoint and at no cost in progress (0 = the raw weights).
    decay: share of `steps` at the end over which the learning rate falls linearly to a twentieth.
    """

    method: str = "coconut"
    width: int = 192
    layers: int = 2
    heads: int = 4
    head_dim: int = 64
    mlp: int = 256
    rope_theta: float = 1e6
    batch: int = 64
    branches: int = 8
    stages: tuple[tuple[int, int, int, int], ...] = (
        (8, 9, 1, 1),
        (8, 9, 2, 2),
        (8, 12, 3, 3),
        (12, 15, 3, 4),
        (12, 18, 4, 4),
        (14, 23, 4, 5),
        (14, 28, 6, 6),
    )
    advance: float = 0.8
    patience: int = 4000
    review: float = 0.25
    learning_rate: float = 1.5e-3
    warmup: int = 200
    average: float = 0.995
    decay: float = 0.25
    weight_decay: float = 0.01
    clip: float = 1.0
    steps: int = 20_000
    minutes: float = 0.0
    seed: int = 0
    threads: int = 0
    log_every: int = 25
    save_every: int = 200
    keep_every: int = 200
    init: str = ""

    @classmethod
    def load(cls, source: str | Path | dict) -> TrainConfig:
        """From a JSON file or a dict; raises ProblemError naming an unknown key, a bad method or a file that is no JSON."""
        try:
            data = source if isinstance(source, dict) else json.loads(Path(source).read_text())
        except FileNotFoundError:
            raise ProblemError(f"There is no training configuration at {source}.") from None
        except json.JSONDecodeError as error:
            raise ProblemError(f"{source} is not JSON ({error}).") from error
        if not isinstance(data, dict):
            raise ProblemError(f"{source} must hold a JSON object of settings, not a {type(data).__name__}.")
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise ProblemError(
                f"Unknown key {', '.join(unknown)} in the configuration; known: {', '.join(sorted(known))}."
            )
        if data.get("method", "coconut") not in METHODS:
            raise ProblemError(f"No training method {data['method']!r}; choose one of {', '.join(METHODS)}.")
        if "stages" in data:
            try:
                data = {**data, "stages": tuple(tuple(map(int, s)) for s in data["stages"])}
                fits = all(
                    4 <= low <= high and hops > 0 and thoughts > 0 for low, high, hops, thoughts in data["stages"]
                )
            except (TypeError, ValueError):
                fits = False
            if not (fits and data["stages"]):
                raise ProblemError(
                    "stages must be a list of [smallest graph (4 or more), largest graph, longest answer in hops, thoughts]."
                )
        for f in fields(cls):
            wanted = int | float if isinstance(f.default, float) else type(f.default)
            if not isinstance(value := data.get(f.name, f.default), wanted):
                raise ProblemError(
                    f"{f.name} must be a {type(f.default).__name__} such as {f.default!r}, not {value!r}."
                )
        config = cls(**data)
        if config.head_dim % 2:
            raise ProblemError(f"head_dim must be even (positions rotate pairs), not {config.head_dim}.")
        return config


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Word-level tokenizer over the 55 ProsQA names and five marks; splits at white space."""
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(VOCABULARY)}, unk_token=PAD))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, eos_token=END, padding_side="left", model_max_length=512
    )


def make_model(config: TrainConfig) -> LlamaForCausalLM:
    """A small Llama that starts near the look-up it must learn.

    Three choices, each measured (assets/models/README.md): embeddings and final norm start at the same length, so that a
    thought is as loud as a token; the first layer's heads start as previous-token heads (biases peak at offsets 0 ... 3),
    because without biases the content-free key they need is slow to form; later layers start with equal query and key
    projections, so that like attends to like.
    """
    torch.manual_seed(config.seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=config.width,
            intermediate_size=config.mlp,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            head_dim=config.head_dim,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            attention_bias=True,
            initializer_range=config.width**-0.5,
            attn_implementation="sdpa",
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=VOCABULARY.index(END),
        )
    )
    depth = config.head_dim
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(0, 0.25)
        model.model.norm.weight.fill_(0.25)
        first, *later = (layer.self_attn for layer in model.model.layers)
        frequency = model.model.rotary_emb.inv_freq
        loud = PREVIOUS_TOKEN_BIAS
        for head in range(config.heads):
            turn = frequency * (head % 4)  # the query is turned back, so that the score peaks this many tokens ago
            rows = slice(head * depth, (head + 1) * depth)
            first.k_proj.bias[rows] = loud * torch.cat([torch.ones_like(turn), torch.zeros_like(turn)])
            first.q_proj.bias[rows] = loud * torch.cat([turn.cos(), -turn.sin()])
        first.q_proj.weight.mul_(0.5)
        first.k_proj.weight.mul_(0.5)
        for attention in later:
            attention.k_proj.weight.copy_(attention.q_proj.weight)
    return model


PREVIOUS_TOKEN_BIAS = 4.0


# --- one batch of graphs asked about many times -----------------------------------------------------------------------


@dataclass
class Batch:
    """edges: (B, P) ids, left padded; branches: (B, M, 4) "? c c root"; frontier: (B, M, T, V) target distributions, zero
    rows where there is no frontier; answer: (B, M) id of the reachable candidate; hops: (B, M), 0 = branch has no question."""

    edges: torch.Tensor
    branches: torch.Tensor
    frontier: torch.Tensor
    answer: torch.Tensor
    hops: torch.Tensor


_ID = {word: i for i, word in enumerate(VOCABULARY)}


def make_batch(questions: list[GraphQuestion], branches: int, thoughts: int, rng: np.random.Generator) -> Batch:
    longest = max(len(q.edges) for q in questions) * 3
    size = len(questions)
    edges = np.zeros((size, longest), np.int64)
    asked = np.zeros((size, branches, 4), np.int64)
    frontier = np.zeros((size, branches, thoughts, len(VOCABULARY)), np.float32)
    answer = np.zeros((size, branches), np.int64)
    hops = np.zeros((size, branches), np.int64)
    for b, q in enumerate(questions):
        ids = [_ID[name] for name in q.names]
        row = [t for s, e in q.edges for t in (ids[s], ids[e], _ID[EDGE])]
        edges[b, longest - len(row) :] = row
        children = q.children()
        inner = [i for i, kids in enumerate(children) if kids and i != q.root]
        extra = rng.choice(inner, branches - 1, replace=len(inner) < branches - 1) if inner and branches > 1 else []
        for m, root in enumerate([q.root, *map(int, extra)]):
            depth = breadth_first(children, root)
            for node, d in enumerate(depth):
                if 0 < d <= thoughts:
                    frontier[b, m, d - 1, ids[node]] = 1
            if m == 0:
                yes, no = q.answer, q.distractor
                pair = q.candidates
            else:
                level = int(rng.integers(1, min(max(depth), thoughts) + 1))
                no_pool = [i for i, d in enumerate(depth) if d < 0]
                yes = int(rng.choice([i for i, d in enumerate(depth) if d == level]))
                if not no_pool:
                    asked[b, m] = _ID[ASK], ids[yes], ids[root], ids[root]
                    continue
                no = int(rng.choice(no_pool))
                pair = (yes, no) if rng.random() < 0.5 else (no, yes)
            asked[b, m] = _ID[ASK], ids[pair[0]], ids[pair[1]], ids[root]
            answer[b, m], hops[b, m] = ids[yes], depth[yes]
    frontier /= np.maximum(frontier.sum(-1, keepdims=True), 1)
    return Batch(*(torch.from_numpy(x) for x in (edges, asked, frontier, answer, hops)))


def _block_mask(pad: torch.Tensor, m: int, thoughts: int, dtype) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Additive masks: the prefill's (B, 1, P + 4M, P + 4M), then one per thought, (B, 1, 2M, columns so far).

    Columns: P edge tokens, M x 4 branch tokens, then per thought M thoughts and M end-of-thought tokens.
    """
    b, p = pad.shape
    q = p + 4 * m
    allow = torch.zeros(b, q, q, dtype=torch.bool)
    allow[:, :, :p] = ~pad[:, None, :]
    allow[:, :p, :p] &= torch.ones(p, p, dtype=torch.bool).tril()
    branch = torch.arange(4 * m) // 4
    own = branch[:, None] == branch[None, :]
    allow[:, p:, p:] = own & torch.ones(4 * m, 4 * m, dtype=torch.bool).tril()
    allow |= torch.eye(q, dtype=torch.bool)  # a padded row may see itself, so that no softmax is empty
    low = torch.finfo(dtype).min
    first = torch.zeros(b, 1, q, q, dtype=dtype).masked_fill_(~allow[:, None], low)
    eye, none = torch.eye(m, dtype=torch.bool), torch.zeros(m, m, dtype=torch.bool)
    head = torch.cat([~pad[:, None, :].expand(b, m, p), eye.repeat_interleave(4, 1).expand(b, m, 4 * m)], -1)
    steps, past = [], []
    for _ in range(thoughts):
        row = torch.cat([head, *(x.expand(b, m, m) for x in past)], -1)
        thought = torch.cat([row, eye.expand(b, m, m), none.expand(b, m, m)], -1)
        answer = torch.cat([row, eye.expand(b, m, m), eye.expand(b, m, m)], -1)
        allow = torch.cat([thought, answer], 1)[:, None]
        steps.append(torch.zeros(allow.shape, dtype=dtype).masked_fill_(~allow, low))
        past += [eye, none]
    return first, steps


def fast_forward(model, x, positions, mask, cache: list, keep: int | None = None) -> torch.Tensor:
    """The Llama forward, leaving out what training never reads: the last layer's outputs of the edge tokens.

    x: (B, P, D) input embeddings; positions: (B, P); mask: additive (B, 1, P, columns so far); cache: one (keys, values) pair
    per layer, extended in place; keep: how many trailing positions are returned. Equal to `model.model` (tested).
    """
    core, config = model.model, model.config
    heads, depth = config.num_attention_heads, config.head_dim
    cos, sin = (e[:, None] for e in core.rotary_emb(x, position_ids=positions))  # (B, 1, P, depth)
    b = x.shape[0]
    for i, layer in enumerate(core.layers):
        attention = layer.self_attn
        h = _norm(x, layer.input_layernorm)
        k, v = (f(h).view(b, -1, heads, depth).transpose(1, 2) for f in (attention.k_proj, attention.v_proj))
        k = _rotate(k, cos, sin)
        if i == len(core.layers) - 1 and keep is not None:
            h, x, cos, sin, mask = h[:, -keep:], x[:, -keep:], cos[:, :, -keep:], sin[:, :, -keep:], mask[:, :, -keep:]
        q = _rotate(attention.q_proj(h).view(b, -1, heads, depth).transpose(1, 2), cos, sin)
        if i < len(cache):
            k, v = torch.cat([cache[i][0], k], 2), torch.cat([cache[i][1], v], 2)
            cache[i] = (k, v)
        else:
            cache.append((k, v))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + attention.o_proj(out.transpose(1, 2).reshape(b, x.shape[1], -1))
        h = _norm(x, layer.post_attention_layernorm)
        x = x + layer.mlp.down_proj(F.silu(layer.mlp.gate_proj(h)) * layer.mlp.up_proj(h))
    return _norm(x, core.norm)


def _norm(x, norm):
    return F.rms_norm(x, (x.shape[-1],), norm.weight, norm.variance_epsilon)


def _rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def latent_losses(model, batch: Batch, thoughts: int) -> dict[str, torch.Tensor]:
    """Frontier and answer losses of one batch with `thoughts` thoughts fed back, and what the log shows.

    Returns scalars `loss`, `frontier`, `answer`, and the vectors `mass` (T): mean probability on the true frontier of
    thought t, `right` (T): share of branch-0 questions answered correctly after t thoughts, among those with hops <= t.
    """
    embed = model.model.embed_tokens
    b, m = batch.branches.shape[:2]
    pad = batch.edges == 0
    device = batch.edges.device
    first, step_masks = _block_mask(pad, m, thoughts, embed.weight.dtype)
    position = ((~pad).cumsum(1) - 1).clamp(min=0)
    length = position[:, -1:] + 1  # (B, 1)
    spots = (length + torch.arange(4, device=device)).repeat(1, m)
    cache: list = []
    ids = torch.cat([batch.edges, batch.branches.reshape(b, 4 * m)], 1)
    hidden = fast_forward(model, embed(ids), torch.cat([position, spots], 1), first, cache, keep=4 * m)
    thought = hidden.view(b, m, 4, -1)[:, :, 3]  # (B, M, D)
    end = embed.weight[_ID[ANSWER]].expand(b, m, -1)
    thoughts_out, answers_out = [], []
    for t in range(thoughts):
        thoughts_out.append(thought)
        spot = (length + 4 + t).expand(b, m)
        hidden = fast_forward(model, torch.cat([thought, end], 1), torch.cat([spot, spot + 1], 1), step_masks[t], cache)
        thought, answer = hidden[:, :m], hidden[:, m:]
        answers_out.append(answer)
    lens = F.linear(torch.stack(thoughts_out, 2), embed.weight).log_softmax(-1)  # (B, M, T, V)
    read = F.linear(torch.stack(answers_out, 2), embed.weight).log_softmax(-1)
    target = batch.frontier[:, :, :thoughts]
    has = target.sum(-1) > 0  # (B, M, T)
    entropy = -(target * target.clamp(min=1e-9).log()).sum(-1)
    kl = -(target * lens).sum(-1) - entropy  # 0 when perfect, whatever the frontier's size
    per_t = (kl * has).sum((0, 1)) / has.sum((0, 1)).clamp(min=1)
    frontier = per_t[has.any(0).any(0)].mean()
    due = (batch.hops > 0)[..., None] & (torch.arange(1, thoughts + 1) >= batch.hops[..., None])  # (B, M, T)
    early = (batch.hops > 0)[..., None] & ~due
    pair = batch.branches[:, :, 1:3]  # (B, M, 2)
    of_pair = read.gather(-1, pair[:, :, None].expand(b, m, thoughts, 2))  # (B, M, T, 2) log-probabilities
    gold = read.gather(-1, batch.answer[:, :, None, None].expand(b, m, thoughts, 1))[..., 0]
    hit = -(gold * due).sum() / due.sum().clamp(min=1)
    undecided = -((of_pair.mean(-1) + math.log(2)) * early).sum() / early.sum().clamp(min=1)
    with torch.no_grad():
        mass = ((lens.exp() * (target > 0)).sum(-1) * has).sum((0, 1)) / has.sum((0, 1)).clamp(min=1)
        best = of_pair.argmax(-1)[:, 0]  # (B, T)
        right = pair[:, 0].gather(1, best) == batch.answer[:, :1]
        right = (right & due[:, 0]).sum(0) / due[:, 0].sum(0).clamp(min=1)
    loss = frontier + 0.5 * hit + 0.2 * undecided
    return {"loss": loss, "frontier": frontier, "answer": hit, "mass": mass, "right": right}


def text_losses(model, questions: list[GraphQuestion], method: str) -> dict[str, torch.Tensor]:
    """Next-token loss of the baselines: "? c c root [path] <answer> name <end>", the path only for "cot".

    Returns `loss` and `right` (1,): share of problems whose gold answer beats the other candidate, path given.
    """
    rows, starts, golds, others = [], [], [], []
    for q in questions:
        ids = [_ID[name] for name in q.names]
        row = [t for s, e in q.edges for t in (ids[s], ids[e], _ID[EDGE])]
        row += [_ID[ASK], ids[q.candidates[0]], ids[q.candidates[1]], ids[q.root]]
        starts.append(len(row))
        row += [ids[n] for n in q.path()[1:]] if method == "cot" else []
        rows.append([*row, _ID[ANSWER], ids[q.answer], _ID[END]])
        golds.append(ids[q.answer])
        others.append(ids[q.distractor])
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(r)) + r for r in rows])
    mask = ids != 0
    answer_start = torch.tensor([longest - len(r) + s for r, s in zip(rows, starts, strict=True)])
    logits = model(input_ids=ids, attention_mask=mask.long(), position_ids=(mask.cumsum(1) - 1).clamp(min=0)).logits
    log_p = logits[:, :-1].log_softmax(-1)
    counted = torch.arange(1, longest) >= answer_start[:, None]
    # the end-of-thought token is given, not predicted, when the bare answer is asked for
    counted &= (ids[:, 1:] != _ID[ANSWER]) | (method == "cot")
    loss = -(log_p.gather(2, ids[:, 1:, None])[..., 0] * counted).sum() / counted.sum()
    read = log_p[:, -2]  # after <answer>
    right = read.gather(1, torch.tensor(golds)[:, None]) > read.gather(1, torch.tensor(others)[:, None])
    return {"loss": loss, "right": right.float().mean()[None].detach()}


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass
class Progress:
    """Where a run stands; saved with every checkpoint. mass, right: running means per thought of the current stage."""

    step: int = 0
    stage: int = 0
    stage_start: int = 0
    problems: int = 0
    seconds: float = 0.0
    mass: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)


def train(config: TrainConfig, out: str | Path, resume: bool = False, say: Callable[[str], None] = print) -> Path:
    """Run or resume a training; returns the folder of the last checkpoint.

    `out` receives `config.json`, `log.jsonl`, `last/` (weights, tokenizer, optimiser state; replaced whole) and
    `steps/<step>/` every `keep_every` steps. A kill at any moment loses at most `save_every` steps.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if config.threads:
        torch.set_num_threads(config.threads)
    tokenizer = make_tokenizer()
    model = make_model(config)
    progress = Progress()
    rng = np.random.default_rng(config.seed)
    optimisers = make_optimisers(model, config)
    averaged = AveragedModel(model, avg_fn=_running_mean(config.average))
    last = out / "last"
    if not last.exists() and _old(last).exists():
        _old(last).rename(last)  # killed between the two renames of `_replace`
    if resume and (last / "progress.json").exists():
        progress = _restore(last, model, averaged, optimisers, rng)
        say(f"resumed at step {progress.step}")
    elif resume or not (last / "progress.json").exists():
        if config.init:
            _load_weights(model, Path(config.init))
            averaged = AveragedModel(model, avg_fn=_running_mean(config.average))
            say(f"warm start from {config.init}")
    else:
        raise ProblemError(f"{out} already holds a run; add --resume to go on with it or choose another --out.")
    (out / "config.json").write_text(json.dumps(asdict(config), indent=1))
    model.train()
    start, before = time.monotonic(), progress.seconds
    while progress.step < config.steps:
        if config.minutes and progress.seconds > config.minutes * 60:
            break
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * _pace(config, progress.step)
        low, high, hops, thoughts = config.stages[progress.stage]
        if progress.stage and rng.random() < config.review:
            low, high, _, _ = config.stages[int(rng.integers(progress.stage))]
        size = int(rng.integers(low, high + 1))
        lengths = [h for h in range(1, hops + 1) if size >= 2 * h + 2]
        questions = [generate_balanced(rng, size, lengths[i % len(lengths)]) for i in range(config.batch)]
        if config.method == "coconut":
            losses = latent_losses(model, make_batch(questions, config.branches, thoughts, rng), thoughts)
        else:
            losses = text_losses(model, questions, config.method)
        if not torch.isfinite(losses["loss"]):
            raise ProblemError(
                f"The loss is {losses['loss']:g} at step {progress.step}; lower learning_rate and resume."
            )
        model.zero_grad(set_to_none=True)
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        for optimiser in optimisers:
            optimiser.step()
        averaged.update_parameters(model)
        progress.step += 1
        progress.problems += len(questions)
        progress.seconds = before + time.monotonic() - start
        if high == config.stages[progress.stage][1]:  # review batches do not count for the stage
            for name in ("mass", "right"):
                if name in losses:
                    setattr(progress, name, _smooth(getattr(progress, name), losses[name].tolist()))
        _maybe_advance(config, progress, say)
        if progress.step % config.log_every == 0:
            _log(out, config, progress, losses, say)
        if progress.step % config.keep_every == 0:
            save_checkpoint(averaged.module, tokenizer, out / "steps" / f"{progress.step:06d}", progress)
        if progress.step % config.save_every == 0 or progress.step == config.steps:
            _save_last(last, model, averaged, tokenizer, optimisers, progress, rng)
    _save_last(last, model, averaged, tokenizer, optimisers, progress, rng)
    return last


def make_optimisers(model, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings, norms and biases."""
    layers = [p for n, p in model.named_parameters() if p.ndim == 2 and "layers" in n]
    known = set(map(id, layers))
    rest = [p for p in model.parameters() if id(p) not in known]
    both = [
        Muon(layers, lr=config.learning_rate, weight_decay=config.weight_decay),
        torch.optim.AdamW(rest, lr=0.6 * config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay),
    ]
    for optimiser in both:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return both


def _pace(config: TrainConfig, step: int) -> float:
    """Share of the peak learning rate: warm-up, plateau, linear decay to a twentieth."""
    left = (config.steps - step) / max(config.decay * config.steps, 1)
    return min(1.0, (step + 1) / max(config.warmup, 1), max(left, 0.05))


def _running_mean(keep: float):
    """Averaging rule of torch.optim.swa_utils: exponential, but shorter while few steps have been seen."""

    def mean(old, new, seen):
        k = min(keep, (1 + int(seen)) / (10 + int(seen)))
        return torch.lerp(new, old, k)

    return mean


def _smooth(old: list[float], new: list[float], keep: float = 0.97) -> list[float]:
    return [keep * o + (1 - keep) * n for o, n in zip(old, new, strict=True)] if len(old) == len(new) else new


def _maybe_advance(config: TrainConfig, progress: Progress, say) -> None:
    if progress.stage + 1 >= len(config.stages) or progress.step - progress.stage_start < 100:
        return
    hops = config.stages[progress.stage][2]
    reached = config.method == "coconut" and min(*progress.mass[:hops], progress.right[hops - 1]) >= config.advance
    if reached or progress.step - progress.stage_start >= config.patience:
        progress.stage += 1
        progress.stage_start = progress.step
        progress.mass, progress.right = [], []
        say(
            f"step {progress.step}: stage {progress.stage} {config.stages[progress.stage]} ({'reached' if reached else 'patience'})"
        )


def _log(out: Path, config, progress: Progress, losses, say) -> None:
    row = {
        "step": progress.step,
        "stage": progress.stage,
        "seconds": round(progress.seconds, 1),
        "problems": progress.problems,
    }
    row |= {k: round(losses[k].item(), 4) for k in ("loss", "frontier", "answer") if k in losses}
    row |= {k: [round(x, 3) for x in getattr(progress, k)] for k in ("mass", "right")}
    with open(out / "log.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    left = (config.steps - progress.step) * progress.seconds / max(progress.step, 1)
    say(
        f"step {progress.step}/{config.steps}  stage {progress.stage} {config.stages[progress.stage]}  loss {row['loss']:.3f}  "
        f"mass {row['mass']}  right {row['right']}  {progress.seconds:.0f} s, {left / 60:.0f} min left"
    )


def save_checkpoint(model, tokenizer, folder: Path, progress: Progress | None = None) -> None:
    """Write one Hugging Face folder; it appears complete or not at all."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    model.save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    if progress is not None:
        (beside / "progress.json").write_text(json.dumps(asdict(progress)))
    _replace(beside, folder)


def _replace(beside: Path, folder: Path) -> None:
    old = _old(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    beside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _save_last(last: Path, model, averaged, tokenizer, optimisers, progress: Progress, rng) -> None:
    beside = last.with_name(".last.new")
    shutil.rmtree(beside, ignore_errors=True)
    averaged.module.save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    # `model.safetensors` holds the averaged weights, which are the result; the raw ones are only needed to go on
    save_file({k: v.contiguous() for k, v in model.named_parameters()}, beside / "raw.safetensors")
    flat = {
        f"{o}/{i}/{k}": v.contiguous()
        for o, optimiser in enumerate(optimisers)
        for i, entry in optimiser.state_dict()["state"].items()
        for k, v in entry.items()
    }
    save_file(flat, beside / "optimiser.safetensors")
    (beside / "progress.json").write_text(json.dumps(asdict(progress) | {"rng": rng.bit_generator.state}))
    _replace(beside, last)


def _load_weights(model, folder: Path) -> None:
    try:
        weights = load_file(folder / "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise ProblemError(
            f"Cannot read weights from {folder} ({error}); give a checkpoint folder of a run."
        ) from error
    shapes = {k: v.shape for k, v in model.state_dict().items()}
    if odd := [k for k, v in weights.items() if k in shapes and v.shape != shapes[k]]:
        raise ProblemError(
            f"The weights in {folder} do not fit this configuration; {odd[0]} is {tuple(weights[odd[0]].shape)} there "
            f"and {tuple(shapes[odd[0]])} here. Give the width, heads, mlp and layers they were trained with."
        )
    result = model.load_state_dict(weights, strict=False)
    missing = set(result.missing_keys) - {"lm_head.weight"}
    if missing or result.unexpected_keys:
        raise ProblemError(f"The weights in {folder} do not fit this configuration; missing {sorted(missing)[:3]}.")


def _restore(last: Path, model, averaged, optimisers, rng) -> Progress:
    _load_weights(averaged.module, last)
    model.load_state_dict(load_file(last / "raw.safetensors"), strict=False)
    data = json.loads((last / "progress.json").read_text())
    rng.bit_generator.state = data.pop("rng")
    states: list[dict] = [{} for _ in optimisers]
    for key, value in load_file(last / "optimiser.safetensors").items():
        o, i, name = key.split("/")
        states[int(o)].setdefault(int(i), {})[name] = value
    for optimiser, state in zip(optimisers, states, strict=True):
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    averaged.n_averaged.fill_(data["step"])  # updates seen so far: the mean goes on where it was
    return Progress(**data)
