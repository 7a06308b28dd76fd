"""A request for a run is the key of its caches: the same text and numbers, the same key; anything else, another one."""

import subprocess
import sys
from dataclasses import replace

import pytest

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.refinement.request import RunRequest
from lrr_core.refinement.trace import ConfigError, RefineConfig

MAKE = "BENCHMARKS['prosqa'].generate('balanced', 2, 5, (9, 11), (2, 2))"


@pytest.fixture
def request_():
    problems = BENCHMARKS["prosqa"].generate("balanced", 2, 5, (9, 11), (2, 2))
    return RunRequest(problems[0], Checkpoints("ladder/1"), RefineConfig(step_size=0.3), (problems[1],))


def test_equal_requests_have_equal_keys_in_every_process(request_):
    code = (
        "from lrr_core.benchmarks.catalogue import BENCHMARKS; from lrr_core.models.checkpoints import Checkpoints\n"
        "from lrr_core.refinement.request import RunRequest; from lrr_core.refinement.trace import RefineConfig\n"
        f"a, b = {MAKE}; print(RunRequest(a, Checkpoints('ladder/1'), RefineConfig(step_size=0.3), (b,)).key)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == request_.key == replace(request_).key
    assert hash(replace(request_)) == hash(request_)


def test_whatever_differs_gives_another_key(request_):
    changed = [
        request_.but(step_size=0.31),
        request_.but(method="swapped"),
        replace(request_, problem=request_.lenders[0]),
        replace(request_, checkpoints=Checkpoints()),
        replace(request_, lenders=()),
    ]
    assert len({request_.key, *(r.key for r in changed)}) == 1 + len(changed)


def test_the_source_stays_when_a_setting_is_moved(request_):
    assert request_.but(step_size=1.0, thoughts=2).source == request_.source != request_
    assert replace(request_, checkpoints=Checkpoints()).source != request_.source


def test_a_setting_outside_its_range_is_refused(request_):
    with pytest.raises(ConfigError, match="residual must lie between 0 and 1"):
        request_.but(residual=2.0)
