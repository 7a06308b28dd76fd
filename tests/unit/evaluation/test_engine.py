"""The one loop: a pass gives what its rows give alone, the log keeps what was answered and nothing else is taken from it."""

from dataclasses import replace

import numpy as np
import pytest

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.answer_log import AnswerLog, Entry
from lrr_core.evaluation.answering import answer_batch
from lrr_core.evaluation.arms import arm_of
from lrr_core.evaluation.engine import Stopped, answer, refined, right_answers, runs, units
from lrr_core.models.checkpoints import STANDARD, Checkpoints
from lrr_core.refinement.trace import RefineConfig

CONFIG = RefineConfig(thoughts=3, rounds=2, step_size=0.4, residual=0.2)
ARMS = [
    arm_of(replace(CONFIG, step_size=s, residual=a, sign=sign), STANDARD)
    for s, a, sign in ((0.4, 0.2, "descent"), (0.5, 0.0, "as_printed"), (0.0, 0.7, "descent"))
]


@pytest.fixture(scope="module")
def many():
    return BENCHMARKS["prosqa"].generate("balanced", 7, 11, (8, 11), (2, 2))


def test_settings_that_share_a_pass_are_what_each_is_alone(models, many):
    together = refined(models, many, ARMS).runs(decode=False)
    for i, arm in enumerate(ARMS):
        alone = [run for _, run in runs(models, many, arm, 3)]
        for own, run in zip(alone, together[i :: len(ARMS)], strict=True):
            assert own.config == run.config == arm.config
            np.testing.assert_allclose(run.states, own.states, rtol=2e-5, atol=2e-5)  # measured worst 3e-6
            assert own.choice == run.choice


def test_right_is_right_whether_it_is_kept_in_full_or_as_a_bit(models, many):
    for full, arms in ((True, ARMS[:1]), (False, ARMS)):
        log = AnswerLog()
        made = units(models, [arms], many, 3 * len(arms))
        assert list(answer(models, made, log, full=full)) == made
        for i, arm in enumerate(arms):
            right = np.concatenate([unit.found(log)[i].right for unit in made])
            np.testing.assert_array_equal(right, right_answers(models, many, arm, 4))
        assert all(bool(entry.answers) is full for entry in log.found.values())


def test_what_is_kept_comes_back_as_it_was_and_a_line_cut_short_does_not(models, many, tmp_path):
    path = tmp_path / "new" / "log.jsonl"
    kept, bits = AnswerLog(path), AnswerLog(path)
    (unit,) = units(models, [ARMS[:1]], many, 7)
    kept.add(unit.keys[0], Entry(1.5, (True,) * 7, tuple(answer_batch(models, many, unit.arm))))
    bits.add(("other", 0, 9), Entry(0.5, (True, False, True) * 3))
    kept.add_memory("model", 12.0)
    again = AnswerLog(path)
    assert again.found == kept.found | bits.found and again.memory == {"model": 12.0}
    text = path.read_text()
    path.write_text(text[: text.index('"memory"') - 4])
    path.write_text(
        path.read_text() + '\n{"mark": "short", "start": 0, "n": 99, "seconds": 1, "right": "ff", "answers": []}'
    )
    torn = AnswerLog(path)
    assert torn.found == again.found and torn.memory == {}
    torn.add(("after", 0, 1), Entry(0.1, (False,)))  # the torn line must not swallow this one
    assert AnswerLog(path).found == torn.found


def test_a_stop_within_a_pass_loses_that_pass_alone(models, many, tmp_path):
    path, asked = tmp_path / "log.jsonl", []

    def tick() -> None:
        asked.append(1)
        if len(asked) == 14:  # 1 before a unit and 9 in it: the second is half-way
            raise Stopped

    made = units(models, [ARMS], many, 9)
    with pytest.raises(Stopped):
        list(answer(models, made, AnswerLog(path), full=False, tick=tick, often=True))
    assert [unit.found(AnswerLog(path)) is not None for unit in made] == [True, False, False]
    whole, log = AnswerLog(), AnswerLog(path)
    for into in (whole, log):
        list(answer(models, made, into, full=False))
    assert {key: entry.right for key, entry in log.found.items()} == {k: e.right for k, e in whole.found.items()}
    assert models.lock.acquire(blocking=False)  # nobody else waits for ever
    models.lock.release()


def test_a_mark_stands_for_settings_checkpoints_and_problems(models, many):
    arm = ARMS[0]
    other = [replace(arm, names=Checkpoints("weak", "strong", "weak")), arm_of(replace(arm.config, seed=1), STANDARD)]

    def marks(problems, *arms) -> list[str]:
        return [mark for unit in units(models, [arms], problems, 100) for mark in unit.marks]

    found = [*marks(many, arm, *ARMS[1:], *other), *marks(many[1:], arm), *marks(many[::-1], arm)]
    assert len(found) == 7 == len({*found})
    assert marks(many, replace(arm, label="by another name")) == found[:1]


def test_a_log_that_cannot_be_written_is_an_error_only_where_it_is_needed(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "log.jsonl"
    AnswerLog(path, needed=False).add(("a", 0, 1), Entry(0.0, (True,)))
    with pytest.raises(OSError):
        AnswerLog(path).add(("a", 0, 1), Entry(0.0, (True,)))
