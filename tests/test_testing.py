"""`replay`, and `check_family` on families that are broken in one way each."""

import dataclasses
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import FamilyError, UserError
from dreamrl.spaces import Box, Discrete
from dreamrl.testing import check_family, replay
from dreamrl.types import Step

END = 2
HORIZON = 4


class Spot(NamedTuple):
    place: jax.Array
    steps: jax.Array


class Corridor:
    """A family without a fault: walk left or right to the end that the goal says."""

    name = "corridor"
    train_ids = (0, 1, 2)
    test_ids = (3,)
    horizon = HORIZON
    end_action = END
    observation_space = Discrete(5)
    action_space = Discrete(3)
    goal_space = Discrete(5)

    def problem(self, problem_id):
        return jnp.asarray(problem_id) % 2

    def sample_goal(self, key, problem):
        return 4 * problem

    def reset(self, key, problem):
        return Spot(jnp.array(2), jnp.array(0)), jnp.array(2)

    def step(self, key, problem, goal, state, action):
        place = jnp.clip(state.place + jnp.where(action == 0, -1, action == 1), 0, 4)
        steps = state.steps + 1
        arrived = jnp.array(False) if goal is None else place == goal
        terminated = arrived | (action == END)
        truncated = (steps >= HORIZON) & ~terminated
        return Spot(place, steps), Step(place, jnp.where(arrived, 1.0, 0.0), terminated, truncated)


def faults(family):
    with pytest.raises(FamilyError) as caught:
        check_family(family)
    return caught.value.faults


def broken_step(change):
    """A corridor with a step whose result is changed: change(state, step, action)."""

    class Broken(Corridor):
        def step(self, key, problem, goal, state, action):
            return change(*super().step(key, problem, goal, state, action), action)

    return Broken()


def test_a_family_without_fault():
    check_family(Corridor())


@pytest.mark.parametrize(
    ("attribute", "value", "fault"),
    [
        ("train_ids", (), "train_ids is empty"),
        ("train_ids", (0, 1, 1), "train_ids holds 1 more than once"),
        ("test_ids", ("a",), "test_ids must hold integers, holds 'a'"),
        ("test_ids", 3, "test_ids must be a tuple or a range of integers, is 3"),
        ("horizon", 0, "horizon must be an integer of at least 1, is 0"),
        ("observation_space", (5,), "observation_space must be a space .*, is (5,)"),
        ("goal_space", None, "goal_space must be a space .*, is None"),
        ("test_ids", (-1,), r"test_ids must hold numbers from 0 to 2\^31 - 1, holds -1"),
        ("name", 3, "name must be text, is 3"),
        (
            "action_space",
            3,
            "action_space must be Discrete, MultiDiscrete or Box of dreamrl.spaces: 3",
        ),
        ("action_space", Box(-1.0, np.inf, (1,)), "action_space must have bounds, .* is Box"),
        ("action_space", Box(-1.0, 1.0, (1,)), "end_action must be None, .* have no number, is 2"),
        ("end_action", 3, "end_action must be None or an action, 0..2, is 3"),
        ("end_action", 1, "step .*: end_action 1 does not end the episode"),
        ("horizon", 3, "step .*: problem 0 is not over after the horizon of 3 steps"),
        ("observation_space", Discrete(2), "reset: observation 2 .* is not in observation_space"),
        ("goal_space", Discrete(2), "sample_goal: problem 1, goal 4 .* is not in goal_space"),
        ("reset", 1, "reset must be a method, is 1"),
    ],
)
def test_attributes(attribute, value, fault):
    family = Corridor()
    setattr(family, attribute, value)
    assert any_matches(fault, faults(family))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda s, r, a: (s, r._replace(reward=r.reward / 0)), "problem 0, step 1: reward is nan"),
        (
            lambda s, r, a: (s, r._replace(truncated=r.truncated | r.terminated)),
            "terminated and truncated are both True",
        ),
        (
            lambda s, r, a: (s, r._replace(truncated=jnp.array(False))),
            "is not over after the horizon of 4 steps",
        ),
        (
            lambda s, r, a: (s, r._replace(terminated=r.terminated & (a != END))),
            "end_action 2 does not end the episode",
        ),
        (
            lambda s, r, a: (s._replace(steps=s.steps * 1.0), r),
            "State changes in structure, shape or dtype: .*int32.*float32",
        ),
        (lambda s, r, a: ((*s, s.steps), r), "State changes in structure"),
        (
            lambda s, r, a: (s, r._replace(observation=r.observation * 1.0)),
            "observation .*float32.* is not in observation_space",
        ),
        (
            lambda s, r, a: (s, r._replace(observation=r.observation[None])),
            r"observation .*\(1,\).* is not in observation_space",
        ),
        (
            lambda s, r, a: (s, r._replace(observation=r.observation + 3)),
            r"observation 5 .* is not in observation_space",
        ),
        (
            lambda s, r, a: (s, r._replace(reward=jnp.zeros(2))),
            "reward must be one floating, is .*2",
        ),
        (
            lambda s, r, a: (s, r._replace(terminated=r.terminated.astype(int))),
            "terminated must be one bool, is",
        ),
        (lambda s, r, a: r, "must return .state, Step., returned"),
        (lambda s, r, a: (s, r) if a != 5 else s, "cannot be jitted: uses an array's value"),
        (
            lambda s, r, a: (s, r._replace(reward=r.reward + np.random.rand())),  # noqa: NPY002
            "is not deterministic",
        ),
        (
            lambda s, r, a: (s, r._replace(reward=jax.pure_callback(abs, r.reward, r.reward))),
            "cannot be vmapped: ",
        ),
    ],
)
def test_steps(change, fault):
    assert any_matches(f"step .*{fault}", faults(broken_step(change)))


def test_observations_that_are_no_numbers():
    class Broken(Corridor):
        observation_space = Box(-np.inf, np.inf, ())

        def reset(self, key, problem):
            return super().reset(key, problem)[0], jnp.where(problem == 1, jnp.nan, 0.0)

        def step(self, key, problem, goal, state, action):
            state, step = super().step(key, problem, goal, state, action)
            seen = jnp.where(state.steps == 3, jnp.inf, 0.0)
            return state, step._replace(observation=seen)

    found = faults(Broken())
    assert any_matches("reset: problem 1, observation nan .* is not in observation_space", found)
    assert any_matches("problem 0, step 3: observation inf .* is not finite", found)


def test_problems_that_fail_where_others_do_not():
    class Broken(Corridor):
        def step(self, key, problem, goal, state, action):
            if np.asarray(problem) == 1:
                raise ValueError("no such thing")
            return super().step(key, problem, goal, state, action)

    assert any_matches(r"an episode of problems \[0, 1\] ValueError: no such", faults(Broken()))


def test_goal_none_is_a_goal():
    class Broken(Corridor):
        def step(self, key, problem, goal, state, action):
            return super().step(key, problem, goal + 0, state, action)

    found = faults(Broken())
    assert any_matches("step with goal=None, as in exploration: TypeError", found)
    assert not any_matches("step with a goal", found)


def test_problems_of_different_shapes():
    class Broken(Corridor):
        def problem(self, problem_id):
            return jnp.zeros(int(problem_id) + 1)

    assert any_matches(r"problem\(1\) differs from problem\(0\).*\(2,\).*\(1,\)", faults(Broken()))


def test_all_faults_are_listed_together():
    class Broken(Corridor):
        train_ids = ()

        def reset(self, key, problem):
            return super().reset(key, problem)[0], jnp.array(9)

        def step(self, key, problem, goal, state, action):
            state, step = super().step(key, problem, goal, state, action)
            return state, step._replace(reward=jnp.array(jnp.inf))

    found = faults(Broken())
    for fault in ("train_ids is empty", "reset: observation 9", "reward is inf"):
        assert any_matches(fault, found)


def test_missing_attributes_are_named():
    class Empty:
        name = "empty"

    with pytest.raises(FamilyError, match="family 'empty' has 11 fault") as caught:
        check_family(Empty())
    assert "\n  - goal_space is missing" in str(caught.value)
    assert "\n  - step is missing" in str(caught.value)


def any_matches(pattern, found):
    pattern = pattern.replace("(5,)", r"\(5,\)")
    return any(re.search(pattern, fault) for fault in found)


def test_replay_returns_numpy():
    played = replay(dreamrl.make("bus"), 0, (8, 8), [2, 2, 1])
    assert played.observations.tolist() == [[4, 4, 0], [5, 4, 1], [6, 4, 0], [6, 5, 0]]
    assert played.states.position.tolist() == [[4, 4], [5, 4], [6, 4], [6, 5]]
    assert played.states.steps.tolist() == [0, 1, 2, 3]
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(played))


def test_replay_from_a_state_goes_on_from_there():
    family = dreamrl.make("cooking")
    actions = [2, 7, 0, 8, 4, 2, 7, 0, 8]
    whole = replay(family, 22, [1, 1], actions)
    start = jax.tree.map(lambda leaf: leaf[4], whole.states)
    rest = replay(family, 22, [1, 1], actions[4:], start)
    np.testing.assert_array_equal(rest.observations, whole.observations[4:])
    np.testing.assert_array_equal(rest.rewards, whole.rewards[4:])
    assert rest.terminated[-1]


def test_replay_of_no_action_and_of_more_than_a_horizon():
    family = dreamrl.make("map")
    assert replay(family, 3, None, []).observations.tolist() == [[4, 4, 0, 0]]
    assert len(replay(family, 3, None, [4] * 23).rewards) == 23


def test_replay_needs_what_exists():
    with pytest.raises(UserError, match="no problem 24"):
        replay(dreamrl.make("bus"), 24, None, [0])
    with pytest.raises(UserError, match=r"actions must be in Discrete\(n=9\)"):
        replay(dreamrl.make("bus"), 0, None, [9])
    with pytest.raises(UserError, match="needs observe"):
        replay(Corridor(), 0, None, [0], Spot(jnp.array(0), jnp.array(0)))


def test_replay_of_a_family_that_cannot_be_hashed():
    @dataclasses.dataclass
    class Unhashable(Corridor):
        width: int = 5

    assert replay(Unhashable(), 0, None, [0, 0, 0]).observations.tolist() == [2, 1, 0, 0]
