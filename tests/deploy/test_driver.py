"""A loop of one's own: what is asked of it, and how it is told off."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.deploy import ProblemEnvironment
from dreamrl.deploy.driver import checked
from dreamrl.errors import UserError
from dreamrl.spaces import Box, Discrete, MultiDiscrete

START = [4, 4, 0]


@pytest.fixture
def robot(circling):
    return ProblemEnvironment(circling.family, circling.family.problem(jnp.array(5)))


def test_a_loop_of_ones_own_is_what_explore_does(circling, robot):
    explorer = circling.explorer()
    explorer.observe(robot.reset())
    while not explorer.done:
        explorer.observe(*robot.step(explorer.act()))
    mine, theirs = explorer.belief, circling.explore(5)
    jax.tree.map(np.testing.assert_array_equal, mine.trajectory, theirs.trajectory)
    np.testing.assert_array_equal(mine.means, theirs.means)
    assert mine.steps == len(mine.moved) == 7


def test_beliefs_can_be_asked_for_on_the_way(circling, robot):
    explorer = circling.explorer()
    explorer.observe(robot.reset())
    sizes = [len(explorer.belief.means)]
    for _ in range(3):
        explorer.observe(*robot.step(explorer.act()))
        sizes.append(len(explorer.belief.means))
    assert sizes == [1, 2, 3, 4]
    np.testing.assert_array_equal(explorer.belief.means, circling.explore(5).means[:4])
    np.testing.assert_array_equal(explorer.belief.held.last.mean, explorer.belief.means[-1])


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        (["act"], "seen nothing to act on: observe"),
        (["belief"], "seen nothing yet: observe"),
        (["first", "act", "act"], "gave action .* awaits what came of it: observe"),
        (["first", "first"], "two observations in a row: act"),
        (["next"], "observation 0 is to come alone, before any reward"),
        (["first", "act", "first"], "observation 1 is to come with the reward"),
        (["first", "act", "end", "act"], "done after 1 steps: there is no action"),
        (["first", "act", "end", "next"], "done after 1 steps: nothing more is read"),
        (["outside"], r"observation 0 is \[4, 9, 0\], which is not in MultiDiscrete"),
        (["first", "act", "nan"], "reward of step 1: nan is not a finite number"),
    ],
)
def test_calls_out_of_turn(circling, calls, words):
    explorer = circling.explorer()
    offered = {
        "act": explorer.act,
        "belief": lambda: explorer.belief,
        "first": lambda: explorer.observe(START),
        "next": lambda: explorer.observe(START, -0.1),
        "end": lambda: explorer.observe(START, -0.1, terminated=True),
        "outside": lambda: explorer.observe([4, 9, 0]),
        "nan": lambda: explorer.observe(START, float("nan")),
    }
    for call in calls[:-1]:
        offered[call]()
    with pytest.raises(UserError, match=words):
        offered[calls[-1]]()


def test_a_refused_observation_changes_nothing(circling):
    explorer = circling.explorer()
    explorer.observe(START)
    explorer.act()
    with pytest.raises(UserError, match="observation 1 is"):
        explorer.observe([4, 4], -0.1)
    explorer.observe([4, 5, 1], -0.1)
    assert explorer.trajectory.observations.tolist() == [START, [4, 5, 1]]
    assert explorer.trajectory.rewards.tolist() == pytest.approx([-0.1])


class Tensor:
    """A tensor of one entry, as other libraries have them."""

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value

    def __float__(self):
        raise RuntimeError("not without a device")


ONE = {
    "bare": lambda x: x,
    "NumPy's": np.float32,
    "0-d": np.array,
    "(1,)": lambda x: np.array([x]),
    "(1, 1)": lambda x: np.array([[x]]),
    "JAX's": jnp.array,
    "list": lambda x: [x],
    "tensor": Tensor,
}


@pytest.mark.parametrize("wrap", ONE.values(), ids=ONE)
def test_rewards_and_ends_however_they_are_wrapped(circling, wrap):
    explorer = circling.explorer()
    explorer.observe(START)
    explorer.act()
    explorer.observe([4, 5, 1], wrap(-0.5), wrap(0), truncated=wrap(False))
    assert not explorer.done
    explorer.act()
    explorer.observe([4, 6, 2], wrap(1), terminated=wrap(True))
    assert explorer.done
    assert explorer.trajectory.rewards.tolist() == [-0.5, 1.0]
    assert explorer.trajectory.terminated.tolist() == [False, True]


@pytest.mark.parametrize("odd", ["1", "False", None, float("nan"), 2, [True, False], {}, ["a"]])
@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_ends_that_are_none(circling, end, odd):
    explorer = circling.explorer()
    explorer.observe(START)
    explorer.act()
    for wrapped in (odd, np.array(odd) if isinstance(odd, list) else odd):
        with pytest.raises(UserError, match=f"explorer: {end} of step 1: ") as told:
            explorer.observe([4, 5, 1], -0.1, **{end: wrapped})
        assert "\n" not in str(told.value)
    explorer.observe([4, 5, 1], -0.1)
    assert not explorer.done


@pytest.mark.parametrize("odd", ["1", float("inf"), [1.0, 2.0], np.zeros(2), np.zeros(0), 1j, {}])
def test_rewards_that_are_none(circling, odd):
    explorer = circling.explorer()
    explorer.observe(START)
    explorer.act()
    with pytest.raises(UserError, match="the explorer: reward of step 1: ") as told:
        explorer.observe([4, 5, 1], odd)
    assert "\n" not in str(told.value)
    explorer.observe([4, 5, 1], -0.1)
    assert explorer.trajectory.rewards.tolist() == pytest.approx([-0.1])


def test_an_episode_without_end_ends_at_the_horizon(circling):
    belief = circling.explore(0)
    exploiter = circling.exploiter(belief, (8, 8))
    exploiter.observe(START)
    while not exploiter.done:
        exploiter.act()
        exploiter.observe(START, -0.1)
    assert len(exploiter.trajectory.actions) == circling.family.horizon
    assert exploiter.belief is belief


@pytest.mark.parametrize(
    ("space", "value", "dtype"),
    [
        (Discrete(4), 3, np.int32),
        (Discrete(4), np.int64(0), np.int32),
        (MultiDiscrete((3, 3)), np.array([2.0, 0.0]), np.int32),
        (Box(-1.0, 1.0, (2,)), [0, 1], np.float32),
        (Box(-1.0, 1.0, (2,)), np.array([0.5, -1.0]), np.float32),
        (Box(-1.0, 1.0, (2,)), jnp.zeros(2), np.float32),
    ],
)
def test_what_a_robot_measures_becomes_what_training_had(space, value, dtype):
    array = checked(space, value, "it")
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, value)


@pytest.mark.parametrize(
    ("space", "value"),
    [
        (Discrete(4), 4),
        (Discrete(4), [3]),
        (Discrete(4), 2**40),
        (MultiDiscrete((3, 3)), [1.5, 0]),
        (MultiDiscrete((3, 3)), [[1], [1, 2]]),
        (MultiDiscrete((3, 3)), [float("nan"), 0]),
        (Box(-1.0, 1.0, (2,)), [0, float("nan")]),
        (Box(-1.0, 1.0, (2,)), [0, 1.01]),
        (Box(-1.0, 1.0, (2,)), "ab"),
        (Box(-1.0, 1.0, (2,)), None),
    ],
)
def test_what_is_not_in_a_space(space, value):
    with pytest.raises(UserError, match=r"it is .*, which is not in"):
        checked(space, value, "it")
