"""Turn a training of a real backbone into a model set: its checkpoints measured, backbone, strong, weak and ladder chosen.

    python -m lrr_core assemble --run runs/gsm8k --out sets/gsm8k --cot runs/gsm8k-cot/last --no-cot runs/gsm8k-no-cot/last

Checkpoints answer the validation problems of the run's own configuration: never trained on, and never those a report is
made of. A choice is measured by the likelier candidate, a free answer by its decoded text. Where two checkpoints are right
equally often, the one that gives the right answers more probability is the better one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..analysis.statistics import wilson
from ..benchmarks.answers import choice_of
from ..benchmarks.catalogue import BENCHMARKS, TEMPLATES, Problem
from ..models.folder import ModelError, SetInfo
from ..models.opened import pick_device
from ..models.rollout import Stream, decode_greedy, pad_left, score_candidates
from ..refinement.methods import PLAIN
from .assemble import WEAKER, choose_rungs
from .backbones import open_model, open_tokenizer
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


@torch.no_grad()
def measure(
    folder: Path, problems: Sequence[Problem], config: FinetuneConfig, longest: int, size: int = 32
) -> Measured:
    """A checkpoint with its plain thoughts on problems whose answer is known. longest: of an answer, in tokens."""
    device = pick_device(config.device)
    model, tokenizer = open_model(folder).to(device).eval(), open_tokenizer(folder)
    writer = Writer(tokenizer, config.template, config.answer_prefix, config.answer_space)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    benchmark, correct, total = BENCHMARKS[config.benchmark], 0, 0.0
    by_length = sorted(problems, key=lambda p: len(p.question))  # padding is computed and thrown away
    for at in range(0, len(by_length), size):
        part = by_length[at : at + size]
        rows = [writer.encode(TEMPLATES[config.template](p)) for p in part]
        stream = Stream.read(model, *pad_left(rows, pad, device))
        for _ in range(config.max_thoughts if config.method == PLAIN else 0):
            stream.append(stream.last)
        answers = [p.candidates or (p.gold,) for p in part]
        ids = [[list(writer.encode(config.answer_space + a)) for a in each] for each in answers]
        scores = score_candidates(stream, writer.prefix, ids)  # (B, C)
        total += sum(
            float(scores[i, each.index(p.gold)]) for i, (p, each) in enumerate(zip(part, answers, strict=True))
        )
        free = [i for i, p in enumerate(part) if not p.candidates]
        correct += sum(choice_of(s) == p.answer for s, p in zip(scores, part, strict=True) if p.candidates)
        if free:
            written, _ = decode_greedy(stream, writer.prefix, tokenizer.eos_token_id, longest)
            decoded = [tokenizer.decode(written[i], skip_special_tokens=True) for i in free]
            correct += sum(benchmark.score(text, part[i]) for text, i in zip(decoded, free, strict=True))
    return Measured(step_of(folder), correct, len(problems), total / len(problems))


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
    info = SetInfo(
        name=out.name,
        title=f"{BENCHMARKS[config.benchmark].name}, {config.base or config.scratch.get('family') or config.init}",
        benchmark=config.benchmark,
        template=config.template,
        thoughts=config.max_thoughts,
        answer_prefix=config.answer_prefix,
        answer_space=config.answer_space,
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
