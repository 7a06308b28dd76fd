"""A caption drafted from the run alone: setting, T, K, answers before and after, controls, and a line per panel.

    draft(trace, recipe, records)                 every number is the trace's; nothing is claimed
    draft(trace, recipe, records, typical=line)   with how typical the case is, from `gallery.typical`

It is a start to be edited: `Recipe.caption` takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..analysis.summary import answer, asked, push_percent, readers_names, refined_name
from ..models.checkpoints import ROLES
from ..refinement.methods import METHODS, controls
from ..refinement.trace import Trace
from .recipe import Recipe
from .records import MapRecord, Record
from .regime_record import RegimeRecord

NAMES = {
    "prosqa": "ProsQA",
    "words": "ProsQA in nouns",
    "gsm8k": "GSM8K",
    "mathqa": "MathQA",
    "aqua": "AQuA-RAT",
    "strategyqa": "StrategyQA",
}


def caption_of(trace: Trace, recipe: Recipe, records: Mapping[str, Record], typical: str = "") -> str:
    """The recipe's caption, or the draft where it has none."""
    return recipe.caption or draft(trace, recipe, records, typical)


def draft(trace: Trace, recipe: Recipe, records: Mapping[str, Record], typical: str = "") -> str:
    """Sentences in the order a reader needs them."""
    lines = [
        _problem(trace),
        _setting(trace),
        _answers(trace),
        _controls(trace),
        *_panels(recipe, records),
        typical.strip(),
    ]
    return " ".join(line for line in lines if line)


def _problem(trace: Trace) -> str:
    problem, names = trace.problem, readers_names(trace.problem)
    facts = [f"“{asked(problem)}”"]
    if problem.graph is not None:
        facts.append(f"{len(problem.graph.names)} nodes, {problem.graph.hops} hops")
    if problem.answer is not None:
        facts.append(f"right answer: {names[problem.candidates[problem.answer]]}")
    benchmark = NAMES.get(problem.benchmark, problem.benchmark)
    return f"The thoughts of a latent reasoner on one {benchmark} problem ({'; '.join(facts)})."


def _setting(trace: Trace) -> str:
    config, width = trace.config, trace.runs["refined"].states.shape[-1]
    words = config.rule.caption or config.rule.words
    words = f"control: {words}" if config.rule.control else words
    parts = [f"T = {config.thoughts} thoughts"]
    if config.rule.pushes:
        rounds = "1 round" if config.rounds == 1 else f"{config.rounds} rounds"
        parts += [f"K = {rounds}", f"step size s = {config.step_size:g} (η = {config.eta(width):.3g})"]
    if config.rule.takes_alpha:
        parts.append(f"residual mix α = {config.residual:g}")
    if config.rule.pushes:
        parts.append(f"reference “{config.reference}”")
        parts += ["the printed sign"] if config.sign == "as_printed" else []
        parts += [f"momentum β = {config.momentum:g}"] if config.momentum else []
        parts += ["gradient through the models"] if config.gradient == "through_model" else []
    names = {role: trace.identity[role] for role in ROLES if role in trace.identity}
    models = ", ".join(name if name == role else f"{name} as {role}" for role, name in names.items())
    return f"Method: {words}; {', '.join(parts)}" + (f"; checkpoints: {models}." if models else ".")


def _answers(trace: Trace) -> str:
    said = f"The plain run answers {_said(trace, 'plain')}, the {refined_name(trace)} run {_said(trace, 'refined')}"
    pushed = push_percent(trace)
    if trace.config.rule.pushes and pushed != "no push":
        said += f"; a push is {pushed} of ‖h‖"
    return said + "."


def _said(trace: Trace, run: str) -> str:
    given = answer(trace, run)
    verdict = "" if given.right is None else "right" if given.right else "wrong"
    share = "" if given.p is None else "p > 0.99" if given.p > 0.995 else f"p = {given.p:.2f}"
    inside = ", ".join(filter(None, (share, verdict)))
    return f"{given.name} ({inside})" if inside else given.name


def _controls(trace: Trace) -> str:
    found = [name for name in controls() if name in trace.runs]
    if not found:
        return ""
    return f"Controls: {'; '.join(f'{METHODS[name].words}: {_said(trace, name)}' for name in found)}."


PANEL_WORDS = {
    "distances": "Distance of each thought to strong’s and weak’s own thought; plain dotted, refined solid.",
    "movements": "Push (last round against the first state), deviation from the plain run’s thought and step change, in % of ‖h‖.",
    "answers": "Probability of the answer among the candidates, if it had to answer after each thought.",
    "margin": "Answer margin, log p(right) − log p(best other), if it had to answer after each thought.",
    "tokens": "Most probable tokens of each thought under the logit lens.",
    "graph": "Lens probability of every node in each thought; thick rims are the true breadth-first frontier, which the thoughts "
    "of the shipped reasoner were trained to hold.",
    "text": "The problem, the answers, and the controls.",
}


def _panels(recipe: Recipe, records: Mapping[str, Record]) -> list[str]:
    lines = []
    for i, (panel, record) in enumerate(records.items()):
        letter = f"({chr(ord('a') + i)}) " if recipe.letters and len(records) > 1 else ""
        lines.append(letter + _panel(panel, record))
    return lines


def _panel(panel: str, record: Record) -> str:
    if isinstance(record, MapRecord):
        return f"Map of thoughts ({record.kind}), {record.quality}; {record.reading}."
    if isinstance(record, RegimeRecord):
        if record.missing:
            return record.missing
        step, mix = record.here
        share = f"{int(record.right.sum())} of {record.right.size} settings answer rightly"
        return f"{record.titles[0]}; {share}; ring: this setting (s = {step:g}, α = {mix:g}).".replace("= -", "= −")
    return PANEL_WORDS[panel]
