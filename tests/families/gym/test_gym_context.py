"""What is known about a Gymnasium environment's problem from the start."""

import numpy as np
import pytest

from dreamrl.errors import UserError
from dreamrl.families.adapted import adapted
from dreamrl.families.gym import GymFamily
from dreamrl.spaces import Privileged
from dreamrl.testing import check_family, replay


def test_what_is_known_about_a_problem_is_seen_in_both_episodes(line):
    """`context` is seen behind what the environment shows, at meta-test too."""
    family = GymFamily("lines", line, (0, 1), (3,), 4, context=lambda i: [i % 2, 0.5])
    check_family(family)
    agents = adapted(family)
    assert agents.observation_space == Privileged(family.observation_space, 2)
    for goal in (None, 0):
        seen = replay(agents, 3, goal, [1, 1]).observations
        np.testing.assert_array_equal(seen[:, 2:], [[1, 0.5]] * 3)
        own = replay(GymFamily("lines", line, (3,), (3,), 4), 3, goal, [1, 1]).observations
        np.testing.assert_array_equal(seen[:, :2], own)
    shown = agents.join(family.observation(np.zeros(2)), [0, 0.5])
    np.testing.assert_array_equal(shown, [0, 0, 0, 0.5])
    with pytest.raises(UserError, match=r"context\(0\) must return a vector of finite numbers"):
        GymFamily("lines", line, (0,), (3,), 4, context=lambda i: float("nan"))
