"""Episodes recorded from the environments that the benchmarks come from, replayed."""

import json
from pathlib import Path

import numpy as np
import pytest

import dreamrl
from dreamrl.testing import replay

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "grid.json").read_text())


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_episodes(name):
    family = dreamrl.make(name)
    for episode in GOLDEN[name]:
        played = replay(family, episode["problem_id"], episode["goal"], episode["actions"])
        assert played.observations.tolist() == episode["observations"]
        np.testing.assert_allclose(played.rewards, episode["rewards"], atol=1e-5)
        assert (played.terminated | played.truncated).tolist() == episode["dones"]
        assert not (played.terminated & played.truncated).any()
