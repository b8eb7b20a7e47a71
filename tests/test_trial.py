"""One episode as arrays: what is recorded, and where it ends; and one trial made of episodes."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.spaces import Discrete
from dreamrl.trial import Choice, TrialKeys, percepts, play, rollout, trial_keys
from dreamrl.types import Belief, Step

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


def episode(family, stop_at=99, **asked):
    """Acts 0, 1, 2, 3, 0, ... and keeps what it was shown and asked with."""

    def act(carry, percept, key):
        return carry + 1, Choice(carry % 4, carry >= stop_at, extras=(carry, percept))

    return rollout(family, jnp.array(0), None, act, jnp.array(0), jax.random.key(0), **asked)


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
    trajectory = episode(family, stop_at).trajectory
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
    trajectory, (carries, seen), states = episode(Counter(9))
    assert states is None
    np.testing.assert_array_equal(carries, np.arange(HORIZON))
    np.testing.assert_array_equal(seen.observation, np.arange(HORIZON))
    np.testing.assert_array_equal(seen.first, [True, False, False, False, False])
    np.testing.assert_array_equal(seen.action[1:], trajectory.actions[:-1])
    np.testing.assert_array_equal(seen.reward[1:], trajectory.rewards[:-1])


@pytest.mark.parametrize("case", ENDS)
def test_percepts_are_what_the_agent_saw(case):
    family, stop_at, length = ENDS[case]
    trajectory, (_, seen), _ = episode(family, stop_at)
    found = percepts(trajectory)
    assert found.first.shape == (HORIZON + 1,)
    # Where no step follows, nothing was decided: only what led to a step has to agree.
    for field, recorded in zip(*map(jax.tree.leaves, (found, seen)), strict=True):
        np.testing.assert_array_equal(field[:length], recorded[:length])
    assert int(found.observation[length]) == length


def test_episodes_of_different_lengths_side_by_side():
    def one(stop_at):
        return episode(Counter(4), stop_at).trajectory

    stops = jnp.array([0, 2, 99])
    wide = jax.jit(jax.vmap(one))(stops)
    np.testing.assert_array_equal(wide.length, [0, 2, 4])
    for i, stop_at in enumerate(stops):
        alone = one(stop_at)
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b), wide, alone)


@pytest.mark.parametrize("case", ENDS)
def test_states_are_kept_if_they_are_asked_for(case):
    """Of this family a state is what is observed: T+1 of them, still after the end."""
    family, stop_at, _ = ENDS[case]
    found = episode(family, stop_at, states=True)
    np.testing.assert_array_equal(found.states, found.trajectory.observations)


@dataclasses.dataclass(frozen=True)
class Errands(Counter):
    """A goal is a number to arrive at; an exploration has none, and starts elsewhere each time."""

    at: int = 99
    goal_space = Discrete(100)

    def sample_goal(self, key, problem):
        return jax.random.randint(key, (), 0, 100)

    def reset(self, key, problem):
        start = jax.random.randint(key, (), 0, 5)
        return start, start

    def step(self, key, problem, goal, state, action):
        state, step = super().step(key, problem, goal, state, action)
        reward = jnp.array(-1.0) if goal is None else goal + problem * 1000.0
        return state, step._replace(reward=reward)


class Recorder:
    """An actor that keeps all it is given; it explores for three steps."""

    def init_exploration(self):
        return jnp.array(0)

    def explore(self, carry, percept, key):
        return carry + 1, Choice(carry % 4, carry >= 3, extras=(carry, jax.random.uniform(key)))

    def beliefs(self, exploration):
        return Belief(jnp.cumsum(jnp.append(0.0, exploration.rewards))[:, None])

    def init_exploitation(self, belief, episode, key):
        return belief.mean[0], episode, jax.random.uniform(key)

    def exploit(self, carry, percept, goal, key):
        asked = (goal, *carry, jax.random.uniform(key))
        return carry, Choice(jnp.array(1), extras=asked)


def errand(key, problem=2, **asked):
    return play(Errands(), jnp.array(problem), Recorder(), key, **asked)


@pytest.fixture(scope="module")
def trial():
    return errand(jax.random.key(0), episodes=6, states=True)


def test_an_exploration_has_no_goal_and_beliefs_all_along(trial):
    assert int(trial.exploration.length) == 3
    np.testing.assert_array_equal(trial.exploration.rewards, [-1, -1, -1, 0, 0])
    np.testing.assert_array_equal(trial.beliefs.mean[:, 0], [0, -1, -2, -3, -3, -3])


def test_every_exploitation_has_its_goal_its_number_and_the_last_belief(trial):
    goals, belief, number, drawn, noise = trial.extras.exploitation
    everywhere = np.ones((6, HORIZON), int)
    assert len(set(trial.goals.tolist())) > 3
    np.testing.assert_array_equal(goals, trial.goals[:, None] * everywhere)
    np.testing.assert_array_equal(belief, -3.0 * everywhere)
    np.testing.assert_array_equal(number, np.arange(6)[:, None] * everywhere)
    # Drawn once an episode, and once a step.
    assert (np.ptp(drawn, axis=1) == 0).all()
    assert len(set(drawn[:, 0].tolist())) == 6
    assert len(set(noise.ravel().tolist())) == 6 * HORIZON
    # Problem and goal reach the environment: what it pays tells both.
    paid = (trial.goals[:, None] + 2000.0) * everywhere
    np.testing.assert_array_equal(trial.exploitation.rewards, paid)
    assert len(set(trial.exploitation.observations[:, 0].tolist())) > 1


def test_a_trial_has_states_where_they_are_asked_for(trial):
    np.testing.assert_array_equal(trial.states.exploration, trial.exploration.observations)
    np.testing.assert_array_equal(trial.states.exploitation, trial.exploitation.observations)
    without = errand(jax.random.key(0), episodes=6)
    assert without.states is None
    alike = jax.tree.map(lambda a, b: bool((a == b).all()), without, trial._replace(states=None))
    assert all(jax.tree.leaves(alike))


def test_keys_of_ones_own_take_the_place_of_drawn_ones(trial):
    """Of the exploration, of goals, of exploitations: each changes its own part alone."""
    keys = trial_keys(jax.random.key(0), 6)
    others = trial_keys(jax.random.key(1), 6)

    def changed(keys):
        found = errand(TrialKeys(*keys), episodes=6)
        parts = ("exploration", "goals", "exploitation")
        extras = (found.extras.exploration, found.goals, found.extras.exploitation[-1])
        wanted = (trial.extras.exploration, trial.goals, trial.extras.exploitation[-1])
        return {
            name
            for name, a, b in zip(parts, extras, wanted, strict=True)
            if not all(jax.tree.leaves(jax.tree.map(lambda x, y: bool((x == y).all()), a, b)))
        }

    assert changed(keys) == set()
    assert changed(keys._replace(explore=others.explore)) == {"exploration"}
    assert changed(keys._replace(goals=others.goals)) == {"goals"}
    assert changed(keys._replace(exploit=others.exploit)) == {"exploitation"}


def test_trials_side_by_side_are_what_each_is_alone(trial):
    keys = jax.random.split(jax.random.key(3), 3)
    wide = jax.jit(jax.vmap(lambda key: errand(key, episodes=2)))(keys)
    for i, key in enumerate(keys):
        alone = errand(key, episodes=2)
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b), wide, alone)
