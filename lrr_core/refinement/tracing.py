"""One problem -> trace: the plain run, the refined one, strong's and weak's own and the controls; and a trace run again.

    trace = refine_problem(models, problem, config)
    rerun(trace, models)                                 the same bits on the same machine and versions (tested)

`refine` is the algorithm on a batch; this is the whole picture of one problem that a page, a figure or a file holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..benchmarks.catalogue import Problem
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.folder import ModelError
from ..models.opened import ModelSet
from .methods import METHODS, PLAIN, RANDOM, ZERO, Tensor, borrowers
from .refine import Prompts, Refiner, plain_thoughts, run_all
from .trace import RefineConfig, Run, Trace


def refine_problem(
    models: ModelSet,
    problem: Problem,
    config: RefineConfig,
    names: Checkpoints = STANDARD,
    controls: Sequence[str] = (ZERO, RANDOM),
    lenders: Sequence[Problem] = (),
    previous: Trace | None = None,
) -> Trace:
    """The whole picture of one problem: plain, refined, strong's and weak's own rollouts, and the controls.

    lenders: problems whose plain thoughts serve the controls that borrow (see `lend`). previous: a
    trace of the same models and problem; its runs that the new settings do not touch are taken over, which are the same
    to the bit and most of the work when a slider moves. Where `tilr` is run, the identity says with which subspace (its
    hash). Raises RefineError or ModelError with the cause.
    """
    with models.lock:
        prompts = Prompts.make(models, [problem])
        wanted = {config.method, *controls}
        lent = lend(models, wanted, lenders, config.thoughts, names.backbone)
        identity = models.identity(*dict.fromkeys(names)) | {
            "backbone": names[0],
            "strong": names[1],
            "weak": names[2],
            "lens": models.lens,
        }
        same = previous and same_source(previous, problem, identity, tuple(lenders))
        subspace = models.subspace(names, config.reference) if any(METHODS[m].calibrated for m in wanted) else None
        if subspace is not None:
            identity["subspace"] = subspace.hash

        def go(name: str, method: str, trio: Checkpoints = names, observe: bool = False) -> Run:
            settings = _relevant(replace(config, method=method), observe)
            known = same and name in previous.runs and previous.runs[name].config == settings
            if known and (not METHODS[method].calibrated or previous.identity.get("subspace") == identity["subspace"]):
                return previous.runs[name]
            own = {"subspace": subspace} if METHODS[method].calibrated else {}
            return run_all(Refiner(models, prompts, settings, trio, lent.get(method), observe, **own))[0]

        runs = {
            "plain": go("plain", PLAIN, observe=True),
            "strong": go("strong", PLAIN, names.alone(names.strong)),
            "weak": go("weak", PLAIN, names.alone(names.weak)),
            "refined": go("refined", config.method, observe=True),
        }
        runs |= {name: go(name, name) for name in controls if name != config.method}
        seen = sorted({int(i) for run in runs.values() for i in run.top_ids.flat})
        tokens = {i: models.tokenizer.convert_ids_to_tokens(i) for i in seen}
    watched = problem.graph.names if problem.graph else ()
    return Trace(problem, config, runs, identity, tokens, tuple(watched), tuple(lenders))


def lend(
    models: ModelSet, methods: Iterable[str], lenders: Sequence[Problem], thoughts: int, name: str = "backbone"
) -> dict[str, Tensor]:
    """method -> (1, T, D) what it makes of the lenders' plain thoughts, for those of `methods` that need any; {} without
    lenders."""
    needy = borrowers(methods) if lenders else []
    if not needy:
        return {}
    rolled = plain_thoughts(models, Prompts.make(models, lenders), thoughts, name)
    return {method: METHODS[method].lend(rolled) for method in needy}


def same_source(trace: Trace, problem: Problem, identity: dict, lenders: tuple[Problem, ...]) -> bool:
    """Whether a trace is of this problem, these models and these lenders, so that its runs may be taken over. The subspace is
    left out: it touches the runs of `tilr` only, and a trace without one has none."""
    bare = [{key: value for key, value in facts.items() if key != "subspace"} for facts in (trace.identity, identity)]
    return (trace.problem, bare[0], trace.lenders) == (problem, bare[1], lenders)


def _relevant(config: RefineConfig, observe: bool) -> RefineConfig:
    """The configuration with every setting that this run does not depend on at its neutral value: equal ones, equal runs."""
    neutral = {}
    if not config.rule.takes_alpha:
        neutral["residual"] = 0.0
    if not config.rule.pushes:
        neutral |= {"step_size": 0.0, "momentum": 0.0, "sign": "descent", "gradient": "detached"}
        if not observe or config.rule.replaces:
            neutral |= {"rounds": 1, "reference": "next"}
    if not config.rule.random:
        neutral["seed"] = 0
    return replace(config, **neutral)


def rerun(trace: Trace, models: ModelSet) -> Trace:
    """Run a saved trace again with the same settings; on the same machine and versions the bits are the same.

    Raises ModelError when the set's weights are not those the trace was made with, naming the checkpoint, or when TILR has
    been calibrated anew since.
    """
    names = Checkpoints.of(trace.identity)
    made_with = trace.identity["members"]
    if odd := [n for n in dict.fromkeys(names) if n not in models.members or made_with.get(n) != models.hash(n)]:
        raise ModelError(
            f"This trace was made with other weights for {', '.join(odd)} than {models.info.name} holds; "
            "run it with the set it was made with."
        )
    kept = trace.identity.get("subspace")
    if kept and kept != models.subspace(names, trace.config.reference).hash:
        raise ModelError(
            f"This trace was made with another calibration of TILR for {' / '.join(names)} than {models.info.name} holds now; "
            "put back the file it was made with."
        )
    controls = [n for n in trace.runs if n not in ("plain", "strong", "weak", "refined")]
    return refine_problem(models, trace.problem, trace.config, names, controls, trace.lenders)
