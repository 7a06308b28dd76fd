"""One batch of graphs, each read once and asked about many times, and the losses it trains with.

The problem that makes latent reasoning hard to train is sparse credit: one answer bit per problem never builds the look-up
circuit. So every graph is asked about in parallel *branches* that see the graph and themselves but not each other:
"? candidate candidate root" followed by T thoughts. Branch 0 is the balanced question of the problem, the others start at
random nodes. Every thought of every branch is supervised: its logit lens is trained toward the uniform distribution over
the nodes at breadth-first depth t (a *supervised* frontier, not an emergent one), and after every thought an end-of-thought
token is tried out: once the answer's depth is reached it must name the answer, before that it must be undecided between
the two candidates. Thoughts are fed back for real, with gradients through time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..benchmarks.prosqa import GraphQuestion, breadth_first
from .reasoner import ANSWER, ASK, EDGE, END, VOCABULARY

_ID = {word: i for i, word in enumerate(VOCABULARY)}


@dataclass(frozen=True)
class Wording:
    """How a graph is written for one model, in token ids.

    vocabulary: V; names: question -> (N,) id of every node; facts: question -> ids of its edges; ask: (question, pair of nodes,
    root) -> ids of one length Q, the root's own token last; end: (E,) ids read before an answer; hidden: whether thoughts and
    answers may not see the root's token; scale: what a thought is multiplied by before it is fed. Id 0 is padding.
    """

    vocabulary: int
    names: Callable[[GraphQuestion], list[int]]
    facts: Callable[[GraphQuestion], list[int]]
    ask: Callable[[GraphQuestion, Sequence[int], int], list[int]]
    end: tuple[int, ...]
    hidden: bool = False
    scale: float = 1.0


def _names(q: GraphQuestion) -> list[int]:
    return [_ID[name] for name in q.names]


TRIPLES = Wording(
    vocabulary=len(VOCABULARY),
    names=_names,
    facts=lambda q: [t for ids in [_names(q)] for s, e in q.edges for t in (ids[s], ids[e], _ID[EDGE])],
    ask=lambda q, pair, root: [_ID[ASK], *(_ID[q.names[i]] for i in (*pair, root))],
    end=(_ID[ANSWER],),
)


@dataclass
class Batch:
    """edges: (B, P) ids, left padded; branches: (B, M, Q) ids of the question ("? c c root"); frontier: (B, M, T, V) target
    distributions, zero rows where there is no frontier; answer: (B, M) id of the reachable candidate; hops: (B, M), 0 = branch
    has no question; pair: (B, M, 2) ids of the candidates."""

    edges: torch.Tensor
    branches: torch.Tensor
    frontier: torch.Tensor
    answer: torch.Tensor
    hops: torch.Tensor
    pair: torch.Tensor


def make_batch(
    questions: list[GraphQuestion],
    branches: int,
    thoughts: int,
    rng: np.random.Generator,
    wording: Wording = TRIPLES,
) -> Batch:
    rows = [wording.facts(q) for q in questions]
    longest, size = max(map(len, rows)), len(questions)
    edges = np.zeros((size, longest), np.int64)
    asked = np.zeros((size, branches, len(wording.ask(questions[0], (0, 0), 0))), np.int64)
    pairs = np.zeros((size, branches, 2), np.int64)
    frontier = np.zeros((size, branches, thoughts, wording.vocabulary), np.float32)
    answer = np.zeros((size, branches), np.int64)
    hops = np.zeros((size, branches), np.int64)
    for b, q in enumerate(questions):
        ids = wording.names(q)
        edges[b, longest - len(rows[b]) :] = rows[b]
        children = q.children()
        inner = [i for i, kids in enumerate(children) if kids and i != q.root]
        extra: Sequence[int] = []
        if inner and branches > 1:
            extra = rng.choice(inner, branches - 1, replace=len(inner) < branches - 1).tolist()
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
                    asked[b, m] = wording.ask(q, (yes, root), root)
                    continue
                no = int(rng.choice(no_pool))
                pair = (yes, no) if rng.random() < 0.5 else (no, yes)
            asked[b, m] = wording.ask(q, pair, root)
            pairs[b, m] = ids[pair[0]], ids[pair[1]]
            answer[b, m], hops[b, m] = ids[yes], depth[yes]
    frontier /= np.maximum(frontier.sum(-1, keepdims=True), 1)
    return Batch(*(torch.from_numpy(x) for x in (edges, asked, frontier, answer, hops, pairs)))


def _block_mask(
    pad: torch.Tensor, m: int, ask: int, end: int, thoughts: int, hidden: bool, dtype
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Additive masks: the prefill's (B, 1, P + M Q, P + M Q), then one per thought, (B, 1, M + M E, columns so far).

    Columns: P edge tokens, M x Q question tokens, then per thought M thoughts and M x E end-of-thought tokens. hidden: no
    thought and no answer sees the last token of its question.
    """
    b, p = pad.shape
    q = p + ask * m
    allow = torch.zeros(b, q, q, dtype=torch.bool)
    allow[:, :, :p] = ~pad[:, None, :]
    allow[:, :p, :p] &= torch.ones(p, p, dtype=torch.bool).tril()
    allow[:, p:, p:] = _own(m, ask)
    allow |= torch.eye(q, dtype=torch.bool)  # a padded row may see itself, so that no softmax is empty
    low = torch.finfo(dtype).min
    first = torch.zeros(b, 1, q, q, dtype=dtype).masked_fill_(~allow[:, None], low)
    eye, none = torch.eye(m, dtype=torch.bool), torch.zeros(m, m * end, dtype=torch.bool)
    question = eye.repeat_interleave(ask, 1)
    if hidden:
        question[:, ask - 1 :: ask] = False
    head = torch.cat([~pad[:, None, :].expand(b, m, p), question.expand(b, *question.shape)], -1)
    steps: list[torch.Tensor] = []
    past: list[torch.Tensor] = []
    for _ in range(thoughts):
        row = torch.cat([head, *(x.expand(b, *x.shape) for x in past), eye.expand(b, m, m)], -1)
        thought = torch.cat([row, none.expand(b, *none.shape)], -1)
        answer = torch.cat([row.repeat_interleave(end, 1), _own(m, end).expand(b, m * end, m * end)], -1)
        allow = torch.cat([thought, answer], 1)[:, None]
        steps.append(torch.zeros(allow.shape, dtype=dtype).masked_fill_(~allow, low))
        past += [eye, none]
    return first, steps


def _own(m: int, n: int) -> torch.Tensor:
    """(M n, M n): who sees whom among n tokens of each of M branches, each its own and what came before."""
    branch = torch.arange(n * m) // n
    return (branch[:, None] == branch[None, :]) & torch.ones(n * m, n * m, dtype=torch.bool).tril()


def fast_forward(model, x, positions, mask, cache: list, keep: int | None = None) -> torch.Tensor:
    """The Llama forward, leaving out what training never reads: the last layer's outputs of the edge tokens.

    x: (B, P, D) input embeddings; positions: (B, P); mask: additive (B, 1, P, columns so far); cache: one (keys, values) pair
    per layer, extended in place; keep: how many trailing positions are returned. Equal to `model.model` (tested).
    """
    core, config = model.model, model.config
    heads, shared, depth = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    cos, sin = (e[:, None] for e in core.rotary_emb(x, position_ids=positions))  # (B, 1, P, depth)
    b = x.shape[0]
    for i, layer in enumerate(core.layers):
        attention = layer.self_attn
        h = _norm(x, layer.input_layernorm)
        k, v = (f(h).view(b, -1, shared, depth).transpose(1, 2) for f in (attention.k_proj, attention.v_proj))
        k = _rotate(k, cos, sin)
        if i == len(core.layers) - 1 and keep is not None:
            h, x, cos, sin, mask = h[:, -keep:], x[:, -keep:], cos[:, :, -keep:], sin[:, :, -keep:], mask[:, :, -keep:]
        q = _rotate(attention.q_proj(h).view(b, -1, heads, depth).transpose(1, 2), cos, sin)
        if i < len(cache):
            k, v = torch.cat([cache[i][0], k], 2), torch.cat([cache[i][1], v], 2)
            cache[i] = (k, v)
        else:
            cache.append((k, v))
        if shared < heads:  # several query heads read one pair of keys and values
            k, v = (z.repeat_interleave(heads // shared, 1) for z in (k, v))
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


def latent_losses(model, batch: Batch, thoughts: int, wording: Wording = TRIPLES) -> dict[str, torch.Tensor]:
    """Frontier and answer losses of one batch with `thoughts` thoughts fed back, and what the log shows.

    Returns scalars `loss`, `frontier`, `answer`, and the vectors `mass` (T): mean probability on the true frontier of
    thought t, `right` (T): share of branch-0 questions answered correctly after t thoughts, among those with hops <= t.
    """
    embed = model.model.embed_tokens
    b, m, ask = batch.branches.shape
    last = len(wording.end)
    pad = batch.edges == 0
    device = batch.edges.device
    first, step_masks = _block_mask(pad, m, ask, last, thoughts, wording.hidden, embed.weight.dtype)
    position = ((~pad).cumsum(1) - 1).clamp(min=0)
    length = position[:, -1:] + 1  # (B, 1)
    spots = (length + torch.arange(ask, device=device)).repeat(1, m)
    cache: list = []
    ids = torch.cat([batch.edges, batch.branches.reshape(b, ask * m)], 1)
    hidden = fast_forward(model, embed(ids), torch.cat([position, spots], 1), first, cache, keep=ask * m)
    thought = hidden.view(b, m, ask, -1)[:, :, -1]  # (B, M, D)
    end = embed.weight[list(wording.end) * m].expand(b, m * last, -1)
    after = torch.arange(1, last + 1, device=device).repeat(m)
    thoughts_out, answers_out = [], []
    for t in range(thoughts):
        thoughts_out.append(thought)
        fed = thought if wording.scale == 1 else thought * wording.scale
        spot = (length + ask + t).expand(b, m)
        places = torch.cat([spot, spot[:, :1] + after], 1)
        hidden = fast_forward(model, torch.cat([fed, end], 1), places, step_masks[t], cache)
        thought, answer = hidden[:, :m], hidden[:, m:].view(b, m, last, -1)[:, :, -1]
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
    pair = batch.pair
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
