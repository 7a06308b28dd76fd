"""Turn a training of a real backbone into a model set: its checkpoints measured, backbone, strong, weak and ladder chosen.

    python -m lrr_core assemble --run runs/gsm8k --out sets/gsm8k --cot runs/gsm8k-cot/last --no-cot runs/gsm8k-no-cot/last

Checkpoints answer the validation problems of the run's own configuration: never trained on, and never those a report is
made of. A choice is measured by the likelier candidate, a free answer by its decoded text. Where two checkpoints are right
equally often, the one that gives the right answers more probability is the better one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..analysis.statistics import wilson
from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..evaluation.answering import is_right
from ..evaluation.arms import arm_of
from ..evaluation.engine import runs
from ..models.folder import ModelError, SetInfo
from ..models.opened import ModelSet
from ..refinement.methods import PLAIN
from ..refinement.refine import Prompts
from ..refinement.trace import RefineConfig
from .assemble import ALONE, WEAKER, choose_rungs
from .backbones import open_tokenizer
from .curriculum import Writer
from .finetune_config import FinetuneConfig
from .finetune_data import parts_of
from .write_set import step_of, write_set


@dataclass(frozen=True)
class Measured:
    """One checkpoint on the validation problems. correct of n; log_p: mean log-probability of the right answer."""

    step: int
    correct: int
    n: int
    log_p: float

    @property
    def accuracy(self) -> float:
        return self.correct / self.n


def measure(
    folder: Path, problems: Sequence[Problem], config: FinetuneConfig, longest: int, size: int = 32
) -> Measured:
    """A checkpoint with its plain thoughts on problems whose answer is known. longest: of an answer, in tokens."""
    info = _info(config, folder.name, max_answer_tokens=longest)
    models = ModelSet(folder, config.device, alone=info)
    plain = arm_of(RefineConfig(PLAIN, thoughts=info.thoughts), ALONE)
    by_length = sorted(problems, key=lambda p: len(p.question))  # padding is computed and thrown away
    both = list(runs(models, by_length, plain, size, decode=not all(p.candidates for p in problems), read=_with_gold))
    log_p = sum(float(run.scores[p.answer or 0]) for p, run in both) / len(both)
    return Measured(step_of(folder), sum(is_right(*pair) for pair in both), len(both), log_p)


def _with_gold(models: ModelSet, problems: Sequence[Problem]) -> Prompts:
    """Where there are no candidates the right answer is scored as the only one; the prompt does not tell it."""
    scored = [models.candidate_ids(p.candidates or (p.gold or "",)) for p in problems]
    return replace(Prompts.make(models, problems), candidates=scored)


def _info(config: FinetuneConfig, name: str, **known) -> SetInfo:
    """How a checkpoint of this training is asked."""
    return SetInfo(
        name=name,
        benchmark=config.benchmark,
        template=config.template,
        thoughts=config.max_thoughts if config.method == PLAIN else 0,
        answer_prefix=config.answer_prefix,
        answer_space=config.answer_space,
        **known,
    )


def model_set_of_run(
    run: Path,
    out: Path,
    cot: Path | None,
    no_cot: Path | None,
    rungs: int,
    limit: int,
    say: Callable[[str], None],
) -> Path:
    """Write a model set from a run of `finetune`; returns its folder.

    backbone = strong = the best checkpoint; weak = the rung nearest to half way between the first one's accuracy and the
    best one's, but at most 25 points below. Raises ModelError where there are too few checkpoints or nothing to measure on.
    """
    config = FinetuneConfig.load(run / "config.json")
    if config.method != PLAIN:
        raise ModelError(
            f'{run} trained "{config.method}", which has no thoughts; give a run of method "coconut" as --run, and this one '
            f"as --{'cot' if config.method == 'cot' else 'no-cot'} {run / 'last'}."
        )
    found = sorted(p for p in (run / "steps").glob("[0-9]*") if p.is_dir() and any(p.glob("*.safetensors")))
    if len(found) < 2:
        raise ModelError(
            f"{run} holds {len(found)} checkpoints, and a ladder needs two; lower keep_every and train again."
        )
    parts = parts_of(config)
    problems = parts.validation[:limit] if limit else parts.validation
    if not problems:
        raise ModelError(f"{run} has no validation problems; train with held_back above 0, or with a validation file.")
    writer = Writer(open_tokenizer(found[0]), config.template, config.answer_prefix, config.answer_space)
    known = (*parts.train, *parts.validation)
    answer, reasoning = (max(len(ids(p)) for p in known) for ids in (writer.of_answer, writer.of_reasoning))
    measured = {}
    for folder in found:
        m = measured[folder] = measure(folder, problems, config, answer + 1)
        say(f"step {m.step}: {m.correct}/{m.n} ({100 * m.accuracy:.1f} %), log p of the right answer {m.log_p:.3f}")
    # ties are broken by less than one problem
    least = min(m.log_p for m in measured.values()) - 1e-9
    scores = [(m.correct + (1 - m.log_p / least if least < 0 else 0) / 2) / m.n for m in measured.values()]
    chosen = [found[i] for i in choose_rungs(scores, min(rungs, len(found)))]
    best = chosen[-1]
    if len(chosen) < 2:
        raise ModelError(
            f"The best checkpoint of {run} is its first, at step {step_of(best)}; train longer or more slowly."
        )
    first, top = measured[chosen[0]].accuracy, measured[best].accuracy
    goal = max((first + top) / 2, top - WEAKER)
    weak = min(chosen[:-1], key=lambda f: abs(measured[f].accuracy - goal))
    info = _info(
        config,
        out.name,
        title=f"{BENCHMARKS[config.benchmark].name}, {config.base or config.scratch.get('family') or config.init}",
        max_answer_tokens=answer + 1,
        max_cot_tokens=reasoning + 1,
        provenance={
            "trained_on": f"{len(parts.train)} problems of {Path(config.data).name}",
            "validation": {"n": len(problems), "held_back": config.held_back, "seed": config.held_back_seed}
            | ({"file": Path(config.validation).name} if config.validation else {}),
            "training": _without_folders(asdict(config)),
        },
    )

    def known(folder: Path) -> dict:
        if (m := measured.get(folder)) is None:
            return {}
        interval = [round(x, 4) for x in wilson(m.correct, m.n)]
        return {"validation": round(m.accuracy, 4), "ci95": interval, "n": m.n, "log_p": round(m.log_p, 4)}

    write_set(out, run, info, chosen, weak, {"cot": cot, "no_cot": no_cot}, known)
    say(f"best: step {step_of(best)} ({100 * top:.1f} % of {len(problems)}); weak: step {step_of(weak)}")
    return out


def _without_folders(config: dict) -> dict:
    """Files by their names: where they lay on one machine says nothing on another, and should not be handed on."""
    named = {key: Path(config[key]).name for key in ("data", "validation", "reserved") if config[key]}
    if config["init"]:
        named["init"] = "/".join(Path(config["init"]).parts[-2:])
    if Path(config["base"]).is_absolute():
        named["base"] = Path(config["base"]).name
    return config | named
