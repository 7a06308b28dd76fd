"""The methods table: every way to make the thought that is fed, each one record. Bring your own: add one.

    METHODS["full"].name, .words, .pushes, .forwards(thoughts=6)
    METHODS["half"] = Method("half", "half", "half of every push", push=lambda now: now.step / 2, references=PAIR)

A record says what people read, what the method needs (references, lenders, a calibration), what it costs, and its two
steps; `refine.Refiner` runs whatever stands here, and pages, commands, reports and figures list the keys. No other module
compares the name of a method: it asks the record (tested). Order is the order they are shown in. The steps are arithmetic
on torch tensors, but nothing here imports torch.

Source of the methods and of the controls: arXiv 2506.08552; TILR: arXiv 2606.29164; `coconut`: arXiv 2412.06769.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Tensor = Any  # torch's, (B, D) unless said otherwise
PAIR = ("strong", "weak")
PLAIN = "coconut"  # the key of what everything is compared with


@dataclass(frozen=True)
class Moment:
    """What a step may look at: thought t of a batch, about to be made or pushed.

    thought, round: 1 ... T, and 0 before any push or 1 ... K; proposal: u^t; fed: h^1 ... h^{t-1}; state: the thought as it
    stands, u^t before any push; keep, take: α and 1 - α, numbers or (B, 1); lent: the thought that was lent, or None; step:
    the contrast step ±s·m, None without references; direction: a random direction, None unless the method is `random`.
    view: (role, state) -> what that checkpoint makes of a state here (a forward pass: say how many in `Method.views`); lens:
    state -> (B, V) logits of the logit lens.
    """

    thought: int
    round: int
    proposal: Tensor
    fed: Sequence[Tensor]
    state: Tensor
    keep: Tensor
    take: Tensor
    view: Callable[[str, Tensor], Tensor]
    lens: Callable[[Tensor], Tensor]
    lent: Tensor | None = None
    step: Tensor | None = None
    direction: Tensor | None = None


# --- the thought before any push: h^{t,0} -----------------------------------------------------------------------------


def proposed(now: Moment) -> Tensor:
    """What the backbone proposes."""
    return now.proposal


def mixed(now: Moment) -> Tensor:
    """α h^{t-1} + (1 - α) u^t; at t = 1 there is nothing to mix."""
    return now.keep * now.fed[-1] + now.take * now.proposal if now.fed else now.proposal


def zeros(now: Moment) -> Tensor:
    """Nothing at all."""
    return now.proposal.new_zeros(now.proposal.shape)


def borrowed(now: Moment) -> Tensor:
    """The thought that was lent."""
    return now.lent.to(now.proposal).expand_as(now.proposal)


# --- what is added to it in a round -----------------------------------------------------------------------------------


def contrast(now: Moment) -> Tensor:
    """The contrast step: towards g and away from b."""
    return now.step


def turned(now: Moment) -> Tensor:
    """A step of the same length in a random direction."""
    direction = now.direction.to(now.step)
    return direction / direction.norm(dim=-1, keepdim=True) * now.step.norm(dim=-1, keepdim=True)


# --- what others lend, from the plain thoughts (n, T, D) of a list -----------------------------------------------------
# each: to every problem of the list, from the others after it in a circle: (n, T, D); else: the list lends to a problem that
# is none of it: (1, T, D). Law (tested): row i of the first is the second for the list turned to begin after i, without i.


def first(thoughts: Tensor, each: bool = False) -> Tensor:
    """The next problem's."""
    return thoughts.roll(-1, 0) if each else thoughts[:1]


def mean(thoughts: Tensor, each: bool = False) -> Tensor:
    """The mean over all of them."""
    total = thoughts.sum(0, keepdim=True)
    return (total - thoughts) / (len(thoughts) - 1) if each else thoughts.mean(0, keepdim=True)


@dataclass(frozen=True)
class Method:
    """One way to make a thought.

    key: its name in settings, labels and files; name: as people read it; words: what it does; control: whether it is there
    to be compared with. start, push: its two steps (see above); push is None where no thought is moved. references: the
    roles read as g and as b, () where the method asks neither. mixes: whether α matters; alpha: a mix that no setting
    changes; replaces: whether its thoughts come from elsewhere, so that there is nothing to refer to; random: whether its
    answers depend on the seed; lend: what it makes of other problems' thoughts, None where it needs none; calibrated:
    slopes are kept in a subspace of a calibration; views: forwards its own steps ask for, per thought and per round; caption: what
    a figure's caption says, by default `words`.
    """

    key: str
    name: str
    words: str
    control: bool = False
    start: Callable[[Moment], Tensor] = proposed
    push: Callable[[Moment], Tensor] | None = None
    references: tuple[str, ...] = ()
    mixes: bool = False
    alpha: float | None = None
    replaces: bool = False
    random: bool = False
    lend: Callable[..., Tensor] | None = None
    calibrated: bool = False
    views: tuple[int, int] = (0, 0)
    caption: str = ""

    def __post_init__(self):
        if not self.key.isidentifier() or len(self.references) not in (0, 2):
            raise ValueError(
                f"The method {self.key!r} needs letters, digits and _ for its key, and two references or none, not "
                f"{len(self.references)}."
            )

    @property
    def pushes(self) -> bool:
        """Whether it moves a thought in rounds."""
        return self.push is not None

    @property
    def takes_alpha(self) -> bool:
        """Whether the residual mix of the settings matters."""
        return self.mixes and self.alpha is None

    @property
    def plain(self) -> bool:
        """Whether thoughts are fed as they are proposed: what everything is compared with."""
        return self.key == PLAIN

    @property
    def refines(self) -> bool:
        """Whether a run of it is called "refined" beside the plain one: a method, and not the plain one."""
        return not self.control and not self.plain

    def residual(self, alpha: float) -> float:
        """The mix in force where the settings say `alpha`: 0 where nothing is mixed."""
        return 0.0 if not self.mixes else alpha if self.alpha is None else self.alpha

    def forwards(self, thoughts: int, rounds: int = 1, reference: str = "next", decoded: int = 1) -> dict[str, int]:
        """Forward passes of one problem by kind. decoded: tokens read to write the answer, the end-of-thought token included.

        Law (tested): what `Refiner` counts; linear in T and in K; `same` costs no probe.
        """
        models = 1 + len(self.references)
        asked = (models - 1 if reference == "next" else 0) + self.views[1]
        probes = thoughts * (self.views[0] + rounds * asked * self.pushes)
        return {"prefill": models, "single": models * thoughts, "probe": probes, "decode": decoded}


def _table(*methods: Method) -> dict[str, Method]:
    return {method.key: method for method in methods}


BOTH: dict[str, Any] = {"start": mixed, "mixes": True, "push": contrast, "references": PAIR}
LENT: dict[str, Any] = {"start": borrowed, "replaces": True}
METHODS: dict[str, Method] = _table(
    Method("coconut", "coconut", "plain latent reasoning, T thoughts, no refinement", caption="no refinement"),
    Method(
        "residual", "residual", "residual embedding refinement only (α)",
        start=mixed, mixes=True, caption="residual mixing alone",
    ),
    Method(
        "contrast", "contrast", "contrastive reasoning feedback only (step size s)",
        push=contrast, references=PAIR, caption="contrast push alone",
    ),
    Method(
        "full", "full", "both: residual mixing, then the contrast push",
        **BOTH, caption="residual mixing and contrast push",
    ),
    Method(
        "tilr", "TILR", "as full, but only the part of the push that lies in a subspace found by calibration",
        **BOTH, calibrated=True, caption="residual mixing and a push within a calibrated subspace",
    ),
    Method("zero_thoughts", "zero thoughts", "every thought replaced by zeros", True, start=zeros, replaces=True),
    Method("other_thoughts", "other thoughts", "another problem's plain thoughts", True, **LENT, lend=first),
    Method("mean_thought", "mean thought", "the mean plain thought over other problems", True, **LENT, lend=mean),
    Method(
        "random_direction", "random direction", "as full, but every push goes in a random direction of equal length", True,
        **BOTH | {"push": turned}, random=True,
    ),
    Method("swapped", "swapped", "as full, with strong and weak exchanged", True, **BOTH | {"references": PAIR[::-1]}),
    Method("frozen", "frozen", "α = 1: the first thought is kept", True, start=mixed, mixes=True, alpha=1.0),
)  # fmt: skip
RESIDUAL, FULL, RANDOM, ZERO = "residual", "full", "random_direction", "zero_thoughts"  # keys that studies are about
# reasoning in text, by checkpoints of their own: no thoughts, so no steps
BASELINES = {"no_cot": "the bare answer, no reasoning", "cot": "reasoning as text, then the answer"}


def methods() -> dict[str, Method]:
    """The methods without the controls."""
    return {key: method for key, method in METHODS.items() if not method.control}


def controls() -> dict[str, Method]:
    """The controls: first those that replace thoughts, in the order of the table."""
    return {key: method for key, method in METHODS.items() if method.control}


def shown() -> tuple[str, ...]:
    """Every key as it is shown side by side: methods, then controls that push, that mix, that replace."""
    return (*methods(), *sorted(controls(), key=lambda key: (not METHODS[key].pushes, not METHODS[key].mixes)))


def borrowers(keys: Iterable[str]) -> list[str]:
    """Those of `keys` that need thoughts of other problems."""
    return [key for key in keys if key in METHODS and METHODS[key].lend]
