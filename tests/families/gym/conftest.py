"""Gymnasium environments to make families of: a line, and one of dreamrl's own."""

import pytest

gymnasium = pytest.importorskip("gymnasium")

import numpy as np  # noqa: E402

from dreamrl.families.grid import STEP_COST  # noqa: E402
from dreamrl.families.treasure import CELLS, SIZE, START  # noqa: E402


class Line(gymnasium.Env):
    """Left or right on a line; the problem's end pays, and ends the episode.

    Where it starts is drawn, and the observation is the place and the steps taken.
    """

    def __init__(self, problem_id: int = 0):
        self.problem_id = problem_id
        self.observation_space = gymnasium.spaces.Box(-10, 10, (2,), np.float64)
        self.action_space = gymnasium.spaces.Discrete(2)
        self.resets = 0
        self.steps_ever = 0
        self.closed = False

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.resets += 1
        self.place, self.steps = float(self.np_random.integers(-1, 2)), 0
        return self.seen(), {}

    def seen(self):
        return np.array([self.place, self.steps], np.float64)

    def step(self, action):
        self.steps += 1
        self.steps_ever += 1
        self.place += 1 if action else -1
        end = 2 if self.problem_id % 2 else -2
        return self.seen(), float(self.place == end), abs(self.place) >= 2, False, {}

    def close(self):
        self.closed = True


class Treasure(gymnasium.Env):
    """dreamrl's family of that name, in NumPy."""

    def __init__(self, problem_id):
        self.cell = CELLS[problem_id]
        self.observation_space = gymnasium.spaces.MultiDiscrete((SIZE, SIZE))
        self.action_space = gymnasium.spaces.Discrete(5)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = np.array(START)
        return self.place, {}

    def step(self, action):
        moves = [(-1, 0), (0, 1), (1, 0), (0, -1), (0, 0)]
        self.place = np.clip(self.place + moves[action], 0, SIZE - 1)
        return self.place, 1.0 if (self.place == self.cell).all() else STEP_COST, False, False, {}


@pytest.fixture
def line():
    return Line


@pytest.fixture
def treasure():
    return Treasure
