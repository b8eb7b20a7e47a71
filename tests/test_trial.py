"""One episode as arrays: what is recorded, and where it ends."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.spaces import Discrete
from dreamrl.trial import Choice, percepts, rollout
from dreamrl.types import Step

HORIZON = 5


@dataclasses.dataclass(frozen=True)
class Counter:
    """Counts steps, and goes on counting behind the end: whoever steps on would see it."""

    at: int
    end: Literal["terminated", "truncated"] = "terminated"

    name = "counter"
    train_ids = test_ids = (0,)
    horizon = HORIZON
    end_action = None
    observation_space = Discrete(10)
    action_space = Discrete(4)
    goal_space = Discrete(1)

    def problem(self, problem_id):
        return problem_id

    def sample_goal(self, key, problem):
        return jnp.array(0)

    def reset(self, key, problem):
        return jnp.array(0), jnp.array(0)

    def step(self, key, problem, goal, state, action):
        state = state + 1
        ends = state >= self.at
        flags = {"terminated": jnp.array(False), "truncated": jnp.array(False)} | {self.end: ends}
        return state, Step(state, 1.0 + action, flags["terminated"], flags["truncated"])


def play(family, stop_at=99):
    """Acts 0, 1, 2, 3, 0, ... and keeps what it was shown and asked with."""

    def act(memory, percept, key):
        return memory + 1, Choice(memory % 4, memory >= stop_at, kept=(memory, percept))

    return rollout(family, jnp.array(0), None, act, jnp.array(0), jax.random.key(0))


ENDS = {
    "terminated early": (Counter(3), 99, 3),
    "terminated at once": (Counter(1), 99, 1),
    "terminated at the horizon": (Counter(5), 99, 5),
    "truncated early": (Counter(3, "truncated"), 99, 3),
    "truncated at the horizon": (Counter(5, "truncated"), 99, 5),
    "stopped": (Counter(5), 2, 2),
    "stopped before the first step": (Counter(5), 0, 0),
    "never over": (Counter(9), 99, 5),
}


@pytest.mark.parametrize("case", ENDS)
def test_an_episode(case):
    family, stop_at, length = ENDS[case]
    trajectory, _ = play(family, stop_at)
    taken = np.arange(HORIZON) < length
    np.testing.assert_array_equal(trajectory.mask, taken)
    assert int(trajectory.length) == length
    # The final observation is kept, and everything stands still behind it.
    np.testing.assert_array_equal(trajectory.observations, np.minimum(np.arange(6), length))
    np.testing.assert_array_equal(trajectory.rewards, (1.0 + np.arange(5) % 4) * taken)
    assert float(trajectory.episode_return) == (1.0 + np.arange(5) % 4)[:length].sum()
    ended = np.arange(HORIZON) == family.at - 1
    expected = {"terminated": 0, "truncated": 0} | {family.end: ended & taken}
    for name, flags in expected.items():
        np.testing.assert_array_equal(getattr(trajectory, name), np.broadcast_to(flags, HORIZON))


def test_the_agent_sees_what_its_last_action_brought():
    trajectory, (memories, seen) = play(Counter(9))
    np.testing.assert_array_equal(memories, np.arange(HORIZON))
    np.testing.assert_array_equal(seen.observation, np.arange(HORIZON))
    np.testing.assert_array_equal(seen.first, [True, False, False, False, False])
    np.testing.assert_array_equal(seen.action[1:], trajectory.actions[:-1])
    np.testing.assert_array_equal(seen.reward[1:], trajectory.rewards[:-1])


@pytest.mark.parametrize("case", ENDS)
def test_percepts_are_what_the_agent_saw(case):
    family, stop_at, length = ENDS[case]
    trajectory, (_, seen) = play(family, stop_at)
    found = percepts(trajectory)
    assert found.first.shape == (HORIZON + 1,)
    # Where no step follows, nothing was decided: only what led to a step has to agree.
    for field, recorded in zip(found, seen, strict=True):
        np.testing.assert_array_equal(field[:length], recorded[:length])
    assert int(found.observation[length]) == length


def test_episodes_of_different_lengths_side_by_side():
    def one(stop_at):
        return play(Counter(4), stop_at)[0]

    stops = jnp.array([0, 2, 99])
    wide = jax.jit(jax.vmap(one))(stops)
    np.testing.assert_array_equal(wide.length, [0, 2, 4])
    for i, stop_at in enumerate(stops):
        alone = one(stop_at)
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b), wide, alone)
