"""Labels of arms: what they say is what is run, and what they are compared with."""

from dataclasses import replace

import pytest

from lrr_core.evaluation.arms import against, known_methods, parse, parse_all
from lrr_core.evaluation.experiments import EXPERIMENTS
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.trace import ConfigError, RefineConfig

CONFIG = RefineConfig(step_size=0.3, residual=0.2, thoughts=4, reference="next")
NAMES = Checkpoints("backbone", "strong", "weak")


@pytest.mark.parametrize(
    ("label", "method", "changed", "names"),
    [
        ("coconut", "coconut", {}, NAMES),
        ("contrast@same", "contrast", {"reference": "same"}, NAMES),
        ("full@next@s=0.4@a=0", "full", {"step_size": 0.4, "residual": 0.0}, NAMES),
        ("full@k=3@t=2@β=0.5", "full", {"rounds": 3, "thoughts": 2, "momentum": 0.5}, NAMES),
        ("full@sign=as_printed", "full", {"sign": "as_printed"}, NAMES),
        ("full@backbone=ladder/3@weak=w", "full", {}, ("ladder/3", "strong", "w")),
    ],
)
def test_a_label_changes_just_what_it_says(label, method, changed, names):
    arm = parse(label, CONFIG, NAMES)
    assert (arm.label, arm.method, arm.names) == (label, method, names)
    assert arm.config == replace(CONFIG, method=method, **changed)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("magic", "No method called 'magic'; choose from no_cot"),
        ("full@", "'' in 'full@' is no setting; after the method write next, same, s="),
        ("full@method=cot", "is no setting"),
        ("full@speed=9", "'speed=9' in 'full@speed=9' is no setting"),
        ("full@k=two", "rounds in 'full@k=two' takes a int, not 'two'"),
        ("full@a=7", "residual must lie between 0 and 1"),
        ("cot@t=2", "cot reasons in text and has no settings"),
    ],
)
def test_a_bad_label_says_what_is_wrong(label, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        parse(label, CONFIG, NAMES)


def test_an_arm_uses_the_checkpoints_it_needs():
    assert parse("cot", CONFIG, NAMES).members == ("cot",)
    assert parse("residual", CONFIG, NAMES).members == ("backbone",)
    assert parse("swapped", CONFIG, NAMES).members == NAMES


def test_plain_thoughts_of_the_same_backbone_and_number_are_what_an_arm_is_compared_with():
    labels = "coconut coconut@t=2 coconut@backbone=b full full@t=2 full@backbone=b full@backbone=c cot full@t=9".split()
    arms = parse_all(labels, CONFIG, NAMES)
    found = {arm.label: against(arm, arms) for arm in arms}
    assert found == {
        "coconut": None, "coconut@t=2": "coconut", "coconut@backbone=b": "coconut", "full": "coconut",
        "full@t=2": "coconut@t=2", "full@backbone=b": "coconut@backbone=b", "cot": "coconut",
        # nothing like them is there: the plain arm without settings
        "full@backbone=c": "coconut", "full@t=9": "coconut",
    }  # fmt: skip
    (alone,) = parse_all(["full"], CONFIG, NAMES)
    assert against(alone, [alone]) is None


def test_every_experiment_asks_for_arms_that_exist_and_has_a_plain_run(folders):
    folder = ModelFolder(folders["llama"])
    for name, experiment in EXPERIMENTS.items():
        arms = parse_all(experiment.labels(folder), CONFIG, NAMES)
        assert len(arms) > 2 and any(arm.method == "coconut" for arm in arms), name
        assert len({arm.label for arm in arms}) == len(experiment.labels(folder)), name
        assert {arm.method for arm in arms} <= set(known_methods())
    assert not {"cot", "no_cot"} & set(EXPERIMENTS["main"].labels(folder))  # this set has no text baselines
    ablation = EXPERIMENTS["ablation"].labels(folder)
    assert {"contrast@next", "contrast@same", "full@next", "full@same", "tilr@next", "tilr@same", "residual"} < set(
        ablation
    )
