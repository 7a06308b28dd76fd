"""Post-training refinement of latent thoughts (arXiv 2506.08552): residual mixing, contrastive feedback, their controls.

For t = 1 ... T, with u^t the backbone's proposal and h^t the thought that is fed:

    h^{t,0} = α h^{t-1} + (1 - α) u^t      (t = 1: u^1)
    g, b    = strong's and weak's references at h^{t,k-1}, in the context of the refined thoughts so far
    m       = β m + ∇_h J,   J = MSE(g, h) - MSE(b, h)
    h^{t,k} = h^{t,k-1} - η m               k = 1 ... K

With g and b held fixed ∇J = (2/D)(b - g), so a round adds s (g - b) with s = 2η/D: the width-free step size used here.
Laws (tests): strong = weak gives no push; α = 0 and s = 0 is plain Coconut bit for bit; the closed form equals autograd.

TILR (arXiv 2606.29164) is `full` with every round's slope x replaced by γΠx, γ = ‖Πx‖/(‖x‖ + ε), where Π projects on the
subspace of a calibration (`subspace`). The sources do not say how it goes with α, β and K. Here all else is as in `full`, so
that the two differ in the projection alone: a thought is mixed before it is pushed; momentum sums the slopes *after* they
were projected, so that past pushes lie in the subspace, too. No harm: where γ = 0 a round leaves h as it is to the bit,
whatever momentum has gathered.

`Refiner` is iterated: it yields a `Step` after residual mixing (round 0) and after every round, so a page can draw while
it runs, and `runs()` returns the records. This is the one module where torch becomes numpy.

Every row of a batch may have an s and an α of its own (`scales`): one problem, read once and branched, gives a whole plane
of settings in one pass.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from ..benchmarks.catalogue import TEMPLATES, Problem
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.folder import ModelError
from ..models.opened import ModelSet
from ..models.rollout import Cost, Stream, decode_greedy, latent_rollout, pad_left, score_candidates
from .methods import PAIR, Moment
from .subspace import EPSILON, Subspace
from .trace import RefineConfig, Run

TOP = 5  # tokens of the logit lens that are kept per state


class RefineError(ValueError):
    """A run that cannot go on; the message names the thought, the round and the cause."""


@dataclass(frozen=True)
class Step:
    """One moment of a run. thought: 1 ... T; round: 0 (after mixing) ... K; state: (B, D) the thought as it stands."""

    thought: int
    round: int
    state: np.ndarray


@dataclass(frozen=True)
class Prompts:
    """A batch of problems as a model set reads them: ids, mask (B, P); candidates and watched tokens per problem; scale and
    hidden (B, P) or None: what the set declares of thoughts and of the asked root (see `rollout`)."""

    problems: tuple[Problem, ...]
    ids: torch.Tensor
    mask: torch.Tensor
    candidates: list[list[list[int]]]
    watched: list[list[int]]
    scale: float = 1.0
    hidden: torch.Tensor | None = None

    @classmethod
    def make(cls, models: ModelSet, problems: Sequence[Problem]) -> Prompts:
        template = TEMPLATES[models.info.template]
        rows = [models.encode(template(p)) for p in problems]
        limit = getattr(models.model("backbone").config, "max_position_embeddings", None)
        if limit and max(map(len, rows)) + 32 > limit:
            raise ModelError(f"The problem has {max(map(len, rows))} tokens; this model reads {limit}. Shorten it.")
        ids, mask = pad_left(rows, models.tokenizer.pad_token_id or 0, models.device)
        watched = [
            [models.encode(models.info.answer_space + n)[0] for n in p.graph.names] if p.graph else [] for p in problems
        ]
        candidates = [models.candidate_ids(p.candidates) for p in problems]
        hidden = _asked(models, problems, rows, ids) if models.info.hidden == "asked" else None
        return cls(tuple(problems), ids, mask, candidates, watched, models.info.thought_scale, hidden)

    def read(self, model: torch.nn.Module, cost: Cost | None = None) -> Stream:
        """`model` after the question of every problem."""
        return Stream.read(model, self.ids, self.mask, cost, self.scale, self.hidden)

    def branched(self, rows: int) -> Prompts:
        """Every problem `rows` / B times in a row; ids and mask stay, because a question is read only once."""
        every = [i for i in range(len(self.problems)) for _ in range(rows // len(self.problems))]
        candidates, watched = [self.candidates[i] for i in every], [self.watched[i] for i in every]
        return replace(self, problems=tuple(self.problems[i] for i in every), candidates=candidates, watched=watched)


def _asked(models: ModelSet, problems: Sequence[Problem], rows: list[list[int]], ids: torch.Tensor) -> torch.Tensor:
    """(B, P): True at the tokens of the asked root, the last of every prompt. ModelError where they are not."""
    hidden = torch.zeros_like(ids, dtype=torch.bool)
    for i, (problem, row) in enumerate(zip(problems, rows, strict=True)):
        root = (
            models.encode(models.info.answer_space + problem.graph.names[problem.graph.root]) if problem.graph else []
        )
        if not root or row[-len(root) :] != root:
            raise ModelError(
                f"This set hides the asked root, which must be the last word of the prompt; in {problem.id} it is not. "
                'Use the template "words" or "triples", or set hidden to "none" in model_set.json.'
            )
        hidden[i, -len(root) :] = True
    return hidden


class Refiner:
    """Refine a batch of problems thought by thought.

    What a method does is its record in `methods`: this class gives its steps what they ask for, and keeps what happened.

    lent: (B, T, D) thoughts for the methods that borrow; observe: also record references for methods that ask none (counted
    as read-outs); details: record lens, read-outs and text of every thought (off for bulk evaluation); subspace: what a
    calibrated method projects on, by default the set's own calibration for these checkpoints and this reading.

    scales: (step sizes, residual mixes), each (B,), one pair per row in place of the configuration's s, α and sign. A step
    size is *signed* here: negative is the printed sign. B may be a multiple of the problems: each question is then read
    once and branched into B / problems rows that stand together. Row b is what a run of its own with these settings gives
    (tested); `configs` and `prompts` say which settings and which problem.
    """

    def __init__(
        self,
        models: ModelSet,
        prompts: Prompts,
        config: RefineConfig,
        names: Checkpoints = STANDARD,
        lent: torch.Tensor | None = None,
        observe: bool = False,
        details: bool = True,
        scales: tuple[Sequence[float], Sequence[float]] | None = None,
        subspace: Subspace | None = None,
    ):
        self.models, self.prompts, self.config = models, prompts, config
        self.configs = row_configs(config, scales, len(prompts.problems))
        self.details, self.lent = details, lent
        self.rule = rule = config.rule
        self.has_references = bool(rule.references) or (observe and not rule.replaces)
        self.rounds = config.rounds if self.has_references or rule.pushes else 0
        if rule.lend and lent is None:
            raise RefineError(f"{config.method} needs thoughts of other problems; none were given.")
        self.backbone = models.model(names.backbone)
        self.roles = rule.references or PAIR  # what is read as g, and as b
        self.references = tuple(models.model(getattr(names, role)) for role in self.roles)
        self.cost, self.reference_cost = Cost(), Cost()
        self.width = models.width
        self.basis: torch.Tensor | None = None  # (r, D)
        if rule.calibrated:
            self.basis = torch.from_numpy((subspace or models.subspace(names, config.reference)).basis)
        self.prompts = prompts.branched(len(self.configs))
        # what a row's momentum, its last thought and its proposal are multiplied by: numbers, or columns (B, 1)
        signed = [-c.signed_step for c in self.configs]
        mixes = [rule.residual(c.residual) for c in self.configs]
        self.scale, self.keep, self.take = (
            (column[0] if scales is None else torch.tensor(column, dtype=torch.float64)[:, None])
            for column in (signed, mixes, [1 - alpha for alpha in mixes])
        )
        self.proposed: list[torch.Tensor] = []
        self.states: list[list[torch.Tensor]] = []
        self.pairs: list[list[tuple[torch.Tensor, torch.Tensor]]] = []
        self.readouts: list[torch.Tensor] = []
        self.main: Stream | None = None
        self.done = 0  # thoughts that have been fed
        self._check_length()
        self._steps = self._run()
        if rule.random:
            # one generator per problem, so a problem's directions do not depend on its batch
            draws = [
                np.random.default_rng([config.seed, zlib.crc32(p.id.encode())]).normal(
                    size=(config.thoughts, config.rounds, self.width)
                )
                for p in self.prompts.problems
            ]
            shape = len(draws), config.thoughts, config.rounds, self.width
            self.directions = torch.tensor(np.stack(draws).reshape(shape))

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        with torch.no_grad():  # grad mode is thread-local: set it here, not where the object was made
            return next(self._steps)

    def _run(self) -> Iterator[Step]:
        config, c = self.config, self.prompts
        rows = len(self.configs)
        main = self.main = _branched(c.read(self.backbone, self.cost), rows)
        both = []
        if self.has_references:
            both = [_branched(c.read(m, self.reference_cost), rows) for m in self.references]
        self.streams = {"backbone": main} | dict(zip(self.roles, both, strict=False))
        momentum = torch.zeros_like(main.last)
        proposal = main.last
        for t in range(config.thoughts):
            self.proposed.append(proposal)
            now = self._moment(proposal, t)
            h = self.rule.start(now)
            states, pairs = [h], []
            self.states.append(states)
            self.pairs.append(pairs)
            self._check(h, t, 0)
            yield Step(t + 1, 0, _numpy(h))
            for k in range(self.rounds):
                step = touched = None
                if self.has_references:
                    strong, weak, slope = self._feedback(both, h)
                    pairs.append((strong, weak))
                    self._check(slope, t, k + 1)
                if self.rule.push:
                    if self.has_references:
                        slope, touched = (slope, None) if self.basis is None else self._projected(slope)
                        momentum = config.momentum * momentum + slope
                        step = _as(self.scale, momentum) * momentum  # -η m for descent, +η m as printed
                    direction = self.directions[:, t, k] if self.rule.random else None
                    # the line that moves a thought: the method's own step, by default the contrast push
                    pushed = h + self.rule.push(replace(now, round=k + 1, state=h, step=step, direction=direction))
                    h = pushed if touched is None else torch.where(touched, pushed, h)
                    self._check(h, t, k + 1)
                states.append(h)
                yield Step(t + 1, k + 1, _numpy(h))
            proposal = main.append(h)
            for stream in both:
                stream.append(h)
            self.done = t + 1
            if self.details:
                self.readouts.append(score_candidates(main, self.models.answer_ids, c.candidates, self.models.end_id))
                self.cost.readout += 1

    def _check_length(self) -> None:
        """Raise ModelError where question, thoughts and answer would outrun the positions of a model that is used."""
        used = (self.backbone, *(self.references if self.has_references else ()))
        limit = min((getattr(m.config, "max_position_embeddings", None) or 1 << 30) for m in used)
        question, answer = self.prompts.ids.shape[1], len(self.models.answer_ids) + self.models.info.max_answer_tokens
        if question + self.config.thoughts + answer > limit:
            raise ModelError(
                f"{question} tokens, {self.config.thoughts} thoughts and up to {answer} answer tokens are more than the "
                f"{limit} positions this model has; use fewer thoughts or a shorter problem."
            )

    def _moment(self, proposal: torch.Tensor, t: int) -> Moment:
        """What the method's steps see of thought t + 1 before it is made."""
        return Moment(
            thought=t + 1,
            round=0,
            proposal=proposal,
            fed=[states[-1] for states in self.states[:t]],
            state=proposal,
            keep=_as(self.keep, proposal),
            take=_as(self.take, proposal),
            view=self._view,
            lens=self.main.logits,
            lent=None if self.lent is None else self.lent[:, t],
        )

    def _view(self, role: str, state: torch.Tensor) -> torch.Tensor:
        """What the checkpoint of a role makes of a state here; one forward, counted as a probe of the method."""
        if role not in self.streams:
            raise RefineError(
                f"{self.config.method} looks through {role!r}; name it among the references of its record."
            )
        return self.streams[role].peek(state)

    def _feedback(self, both: list[Stream], h: torch.Tensor):
        """References g, b at h and the slope (D/2)·∇_h J, all (B, D)."""
        if self.config.reference == "same":
            strong, weak = (stream.last for stream in both)
            return strong, weak, weak - strong  # neither depends on h: both gradients agree
        if self.config.gradient == "detached":
            strong, weak = (stream.peek(h) for stream in both)
            return strong, weak, weak - strong
        with torch.enable_grad():
            leaf = h.detach().requires_grad_()
            strong, weak = (stream.peek(leaf) for stream in both)
            objective = ((strong - leaf) ** 2 - (weak - leaf) ** 2).mean(-1).sum()
            (gradient,) = torch.autograd.grad(objective, leaf)
        return strong.detach(), weak.detach(), gradient * (self.width / 2)

    def _projected(self, slope: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(γΠ slope (B, D), whether γ > 0 (B, 1)); in single precision at least, where ε is not yet zero."""
        wide = slope.to(torch.promote_types(slope.dtype, torch.float32))
        basis = self.basis.to(wide)
        inside = (wide @ basis.T) @ basis
        gamma = inside.norm(dim=-1, keepdim=True) / (wide.norm(dim=-1, keepdim=True) + EPSILON)
        return (gamma * inside).to(slope), gamma > 0

    def _check(self, value: torch.Tensor, t: int, k: int) -> None:
        if torch.isfinite(value).all():
            return
        row = int((~torch.isfinite(value).all(-1)).nonzero()[0, 0])
        largest = max((float(s[-1][row].cpu().double().norm()) for s in self.states[: t or 1]), default=0.0)
        raise RefineError(
            f"Not a finite number at thought {t + 1}, round {k} (problem {self.prompts.problems[row].id}; the thought "
            f"before was {largest:.3g} long). The step size {self.configs[row].step_size:g} or the number of rounds is too "
            "large for this model; lower one of them."
        )

    def runs(self, decode: bool = True) -> list[Run]:
        """The records, one per problem, of the thoughts that have been fed so far; a thought that is still being refined is
        left out. RefineError before the first one. decode: also decode the answer as text."""
        with torch.no_grad():
            return self._runs(decode)

    def _runs(self, decode: bool) -> list[Run]:
        main, c = self.main, self.prompts
        if self.config.thoughts and not self.done:
            raise RefineError("No thought has been fed yet: iterate until the first step of thought 2, or to the end.")
        if main is None:
            next(self._steps, None)
            main = self.main
        done = self.done
        b, d = main.last.shape
        if self.readouts:
            scores = self.readouts[-1]
        else:
            scores = score_candidates(main, self.models.answer_ids, c.candidates, self.models.end_id)
        texts, forwards = [""] * b, [len(self.models.answer_ids)] * b
        ids: list[list[int]] = [[] for _ in range(b)]
        if decode:
            stop, most = self.models.tokenizer.eos_token_id, self.models.info.max_answer_tokens
            ids, forwards = decode_greedy(main, self.models.answer_ids, stop, most)
            texts = [self.models.decode(row) for row in ids]

        def stack(rows: list[torch.Tensor], *shape: int) -> torch.Tensor:
            return torch.stack(rows, 1) if rows else main.last.new_zeros(b, 0, *shape)

        rounds, kept = self.rounds, self.rounds if self.has_references else 0
        proposed = stack(self.proposed[:done], d)  # (B, T, D)
        states = stack([torch.stack(s, 1) for s in self.states[:done]], rounds + 1, d)  # (B, T, K+1, D)
        strong = stack([torch.stack([g for g, _ in p], 1) for p in self.pairs[:done] if p], kept, d)
        weak = stack([torch.stack([w for _, w in p], 1) for p in self.pairs[:done] if p], kept, d)
        if not kept:
            strong = weak = main.last.new_zeros(b, done, 0, d)
        at = states[:, :, : strong.shape[2]]
        objective = ((strong - at) ** 2).mean(-1) - ((weak - at) ** 2).mean(-1)
        readout = scores.new_full((b, done, scores.shape[1]), torch.nan)  # not asked for without details
        if self.details:
            readout = stack(self.readouts[:done], scores.shape[1])
        if self.details:
            lens = main.logits(states).float().softmax(-1)  # (B, T, K+1, V)
            top = lens.topk(min(TOP, lens.shape[-1]), -1)
            top_ids, top_p = _numpy(top.indices), _numpy(top.values)
        else:
            lens = None
            top_ids = np.zeros((b, done, rounds + 1, 0), np.int64)
            top_p = np.zeros((b, done, rounds + 1, 0), np.float32)
        out = []
        for i in range(b):
            watched = c.watched[i]
            node_p = _numpy(lens[i][..., watched]) if lens is not None else np.zeros((done, rounds + 1, 0), np.float32)
            count = len(c.candidates[i])
            cost = asdict(self.cost)
            for name, value in asdict(self.reference_cost).items():
                cost[name if self.rule.references else "readout"] += value
            cost["decode"] = forwards[i]
            out.append(
                Run(
                    config=self.configs[i],
                    proposed=_numpy(proposed[i]),
                    states=_numpy(states[i]),
                    strong=_numpy(strong[i]),
                    weak=_numpy(weak[i]),
                    objective=_numpy(objective[i]),
                    top_ids=top_ids[i],
                    top_p=top_p[i],
                    node_p=node_p,
                    readout=_numpy(readout[i, :, :count]),
                    scores=_numpy(scores[i, :count]),
                    text=texts[i],
                    text_tokens=len(ids[i]),
                    cost=cost,
                )
            )
        return out


def row_configs(
    config: RefineConfig, scales: tuple[Sequence[float], Sequence[float]] | None, problems: int
) -> list[RefineConfig]:
    """The configuration of every row of a batch of `problems`; see `Refiner` for `scales`. RefineError where sizes disagree,
    ConfigError for a value out of range."""
    if scales is None:
        return [config] * problems
    steps, mixes = ([float(v) for v in column] for column in scales)
    if len(steps) != len(mixes) or not steps or len(steps) % problems:
        raise RefineError(
            f"{len(steps)} step sizes and {len(mixes)} residual mixes for {problems} problems: give as many of one as of the "
            "other, and the same number for every problem."
        )
    return [config.at(s, a) for s, a in zip(steps, mixes, strict=True)]


def _branched(stream: Stream, rows: int) -> Stream:
    """A stream that was just read, each row `rows` / B times in a row, with a cache of its own; as it is for `rows` = B."""
    times = rows // len(stream.mask)
    if times == 1:
        return stream
    branch = stream.fork()
    branch.mask, branch.last = stream.mask.repeat_interleave(times, 0), stream.last.repeat_interleave(times, 0)
    if stream.hidden is not None:
        branch.hidden = stream.hidden.repeat_interleave(times, 0)
    branch.cache.batch_repeat_interleave(times)  # makes new tensors: those of the fork's parent stay as they are
    return branch


def _as(scale: float | torch.Tensor, x: torch.Tensor) -> float | torch.Tensor:
    """A number as it is; a column (B, 1) on the device and in the precision of x."""
    return scale if isinstance(scale, float | int) else scale.to(x)


def _numpy(x: torch.Tensor) -> np.ndarray:
    """The one place where torch ends. Half precisions become float32, which holds them exactly."""
    x = x.detach().cpu()
    return (x.float() if x.is_floating_point() else x).numpy()


def run_all(refiner: Refiner, decode: bool = True) -> list[Run]:
    """Iterate to the end and return the records."""
    for _ in refiner:
        pass
    return refiner.runs(decode)


@torch.no_grad()
def plain_thoughts(models: ModelSet, prompts: Prompts, thoughts: int, name: str = "backbone") -> torch.Tensor:
    """(B, T, D) thoughts of checkpoint `name` left to itself."""
    stream = prompts.read(models.model(name))
    rolled = list(latent_rollout(stream, thoughts))
    return torch.stack(rolled, 1) if rolled else stream.last.new_zeros(len(prompts.problems), 0, stream.last.shape[-1])
