"""The bench compares like with like: its slow plain loop comes to the same answers as the batch."""

import numpy as np

from lrr_core.refinement.refine import Prompts
from lrr_core.speed.bench import batched_rollout, uncached_loop


def test_the_plain_loop_answers_as_the_batch_does(opened, problems):
    for models in opened.values():
        slow, reads = uncached_loop(models, problems, 3)
        fast = batched_rollout(models, Prompts.make(models, problems), 3)
        for one, other in zip(slow, fast, strict=True):
            np.testing.assert_allclose(one.scores, other.scores[: len(one.scores)], atol=1e-4)
            assert one.text == other.text
        assert reads >= 3 + 2 + 1
