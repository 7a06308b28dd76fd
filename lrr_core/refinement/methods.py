"""The methods table: every way to make the thought that is fed, each one record. Bring your own: add one.

    METHODS["full"].name, .words, .pushes, .forwards(thoughts=6)
    METHODS["mine"] = Method("mine", "mine", "half of every push", start=mixed, push=lambda push, direction: push / 2)

A record says what people read, what the method needs (references, lenders, a calibration), what it costs, and its two
steps; `refine.Refiner` runs whatever stands here, and pages, commands, reports and figures list the keys. No other module
compares the name of a method: it asks the record (tested). Order is the order they are shown in. The steps are arithmetic
on torch tensors, but nothing here imports torch.

Source of the methods and of the controls: arXiv 2506.08552; TILR: arXiv 2606.29164; `coconut`: arXiv 2412.06769.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Tensor = Any  # torch's, (B, D) unless said otherwise

# --- the thought before any push: (proposal u^t, thought before h^{t-1} or None, α, 1 - α, lent thought or None) -> h^{t,0}


def proposed(proposal: Tensor, before: Tensor | None, keep: Tensor, take: Tensor, lent: Tensor | None) -> Tensor:
    """What the backbone proposes."""
    return proposal


def mixed(proposal: Tensor, before: Tensor | None, keep: Tensor, take: Tensor, lent: Tensor | None) -> Tensor:
    """α h^{t-1} + (1 - α) u^t; at t = 1 there is nothing to mix."""
    return proposal if before is None else keep * before + take * proposal


def zeros(proposal: Tensor, before: Tensor | None, keep: Tensor, take: Tensor, lent: Tensor | None) -> Tensor:
    """Nothing at all."""
    return proposal.new_zeros(proposal.shape)


def borrowed(proposal: Tensor, before: Tensor | None, keep: Tensor, take: Tensor, lent: Tensor | None) -> Tensor:
    """The thought that was lent."""
    assert lent is not None, "Refiner checks for lenders"
    return lent.to(proposal).expand_as(proposal)


# --- what is added to it in a round: (±s·m, a random direction or None) -> push


def as_it_is(push: Tensor, direction: Tensor | None) -> Tensor:
    """The contrast step."""
    return push


def turned(push: Tensor, direction: Tensor | None) -> Tensor:
    """A step of the same length in a random direction."""
    assert direction is not None, "Refiner draws one"
    direction = direction.to(push)
    return direction / direction.norm(dim=-1, keepdim=True) * push.norm(dim=-1, keepdim=True)


# --- what others lend: their plain thoughts (n, T, D) -> (1, T, D)


def first(thoughts: Tensor) -> Tensor:
    """The next problem's."""
    return thoughts[:1]


def mean(thoughts: Tensor) -> Tensor:
    """The mean over all of them."""
    return thoughts.mean(0, keepdim=True)


@dataclass(frozen=True)
class Method:
    """One way to make a thought.

    key: its name in settings, labels and files; name: as people read it; words: what it does; control: whether it is there
    to be compared with. start, push: its two steps (see above); push is None where strong and weak are not asked.
    lend: what it makes of other problems' thoughts, None where it needs none; calibrated: pushes are kept in a subspace of a
    calibration; swaps: strong and weak change places; alpha: a mix that no setting changes; steers: whether a figure that
    draws one run beside the plain one calls this run "refined".
    """

    key: str
    name: str
    words: str
    control: bool = False
    start: Callable[..., Tensor] = proposed
    push: Callable[..., Tensor] | None = None
    lend: Callable[[Tensor], Tensor] | None = None
    calibrated: bool = False
    swaps: bool = False
    alpha: float | None = None

    @property
    def pushes(self) -> bool:
        """Whether it moves a thought by strong and weak."""
        return self.push is not None

    @property
    def mixes(self) -> bool:
        """Whether the thought before is mixed in."""
        return self.start is mixed

    @property
    def takes_alpha(self) -> bool:
        """Whether the residual mix of the settings matters."""
        return self.mixes and self.alpha is None

    @property
    def replaces(self) -> bool:
        """Whether its thoughts come from elsewhere, so that there is nothing to refer to."""
        return self.start in (zeros, borrowed)

    @property
    def random(self) -> bool:
        """Whether its answers depend on the seed."""
        return self.push is turned

    @property
    def plain(self) -> bool:
        """Whether thoughts are fed as they are proposed: what everything is compared with."""
        return self.start is proposed and not self.pushes

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
        models = 3 if self.pushes else 1
        probes = 2 * thoughts * rounds if self.pushes and reference == "next" else 0
        return {"prefill": models, "single": models * thoughts, "probe": probes, "decode": decoded}


def _table(*methods: Method) -> dict[str, Method]:
    return {method.key: method for method in methods}


METHODS: dict[str, Method] = _table(
    Method("coconut", "coconut", "plain latent reasoning, T thoughts, no refinement"),
    Method("residual", "residual", "residual embedding refinement only (α)", start=mixed),
    Method("contrast", "contrast", "contrastive reasoning feedback only (step size s)", push=as_it_is),
    Method("full", "full", "both: residual mixing, then the contrast push", start=mixed, push=as_it_is),
    Method(
        "tilr", "TILR", "as full, but only the part of the push that lies in a subspace found by calibration",
        start=mixed, push=as_it_is, calibrated=True,
    ),
    Method("zero_thoughts", "zero thoughts", "every thought replaced by zeros", True, start=zeros),
    Method("other_thoughts", "other thoughts", "another problem's plain thoughts", True, start=borrowed, lend=first),
    Method("mean_thought", "mean thought", "the mean plain thought over other problems", True, start=borrowed, lend=mean),
    Method(
        "random_direction", "random direction", "as full, but every push goes in a random direction of equal length", True,
        start=mixed, push=turned,
    ),
    Method("swapped", "swapped", "as full, with strong and weak exchanged", True, start=mixed, push=as_it_is, swaps=True),
    Method("frozen", "frozen", "α = 1: the first thought is kept", True, start=mixed, alpha=1.0),
)  # fmt: skip
PLAIN = "coconut"  # the key of what everything is compared with
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


def borrowers(keys) -> list[str]:
    """Those of `keys` that need thoughts of other problems."""
    return [key for key in keys if key in METHODS and METHODS[key].lend]
