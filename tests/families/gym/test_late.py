"""What goes wrong late is told as what goes wrong at once: one line, whoever called."""

import dataclasses
import traceback

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium import spaces

from dreamrl.agents.settings import Budget
from dreamrl.deploy.agent import TrainedAgent
from dreamrl.errors import FamilyError, HostError, UserError
from dreamrl.evaluation import evaluate
from dreamrl.families.gym import GymFamily
from dreamrl.testing import check_family, replay
from dreamrl.training import Plan, train
from dreamrl.trial import Choice
from dreamrl.types import Belief

INTS = spaces.MultiDiscrete((3, 3))


class Late(gymnasium.Env):
    """As it should be until `wrong` is set to what it does from then on."""

    action_space = spaces.Discrete(2)

    def __init__(self, space=INTS, good=(0, 0), **wrong):
        self.observation_space, self.good, self.wrong = space, good, wrong

    def _seen(self):
        return self.wrong.get("observation", np.array(self.good, self.observation_space.dtype))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if "reset" in self.wrong:
            self.wrong["reset"](seed)
        good = np.array(self.good, self.observation_space.dtype)
        return self._seen() if self.wrong.get("begins") else good, {}

    def step(self, action):
        if "step" in self.wrong:
            self.wrong["step"]()
        wrong = self.wrong.get
        return self._seen(), wrong("reward", 0.0), wrong("end", False), wrong("cut", False), {}


def fault(**changes):
    """What is told of an environment that goes wrong after it was tried out."""
    envs = []

    def make(problem_id):
        envs.append(Late(**{k: v for k, v in changes.items() if k in ("space", "good")}))
        return envs[-1]

    family = GymFamily("late", make, (4,), (5,), 3)
    for env in envs:
        env.wrong = changes

    def play():
        number, row, steps, _ = family._episodes.reset(np.array([4]), np.array([1]))
        for _ in range(3):
            number, row, steps, *_ = family._episodes.step(number, row, steps, np.array([0]))

    with pytest.raises(HostError) as caught:
        play()
    assert isinstance(caught.value, FamilyError)
    assert "\n" not in str(caught.value)
    family.close()
    return str(caught.value)


def odd(space, good, value, **more):
    return fault(space=space, good=good, observation=value, **more)


BOX = spaces.Box(0, 1, (2,), np.float32)


@pytest.mark.parametrize(
    ("space", "good", "value", "told"),
    [
        (spaces.Discrete(5), 0, 5, "is 5, and must be from 0 to 4"),
        (spaces.Discrete(5), 0, -1, "is -1, and must be from 0 to 4"),
        (spaces.Discrete(5, start=1), 1, 0, "is 0, and must be from 1 to 5"),
        (spaces.Discrete(5, start=1), 1, 6, "is 6, and must be from 1 to 5"),
        (spaces.Discrete(5, start=-2), -2, 3, "is 3, and must be from -2 to 2"),
        (spaces.Discrete(5), 0, 2**40, "is 1099511627776, and must be from 0 to 4"),
        (INTS, (0, 0), np.array([3, 0]), r"is 3 at \[0\], and must be from 0 to 2"),
        (INTS, (0, 0), np.array([0, -1]), r"is -1 at \[1\], and must be from 0 to 2"),
        (
            spaces.MultiDiscrete([[2, 9]], start=[[0, 7]]), [[0, 7]], np.array([[0, 6]]),
            r"is 6 at \[0, 1\], and must be from 7 to 15",
        ),
        (spaces.MultiBinary(2), (0, 0), np.array([2, 0], np.int8), r"is 2 at \[0\], .* 0 to 1"),
        (spaces.MultiBinary(2), (0, 0), np.array([0, -1], np.int8), r"is -1 at \[1\]"),
        (BOX, (0, 0), np.array([1e6, 0], np.float32), r"is 1000000.0 at \[0\], .* from 0.0 to 1.0"),
        (BOX, (0, 0), np.array([0, -255], np.float32), r"is -255.0 at \[1\]"),
        (BOX, (0, 0), np.array([np.nan, 0], np.float32), "is nan, and must be finite"),
        (
            spaces.Box(0, 1, (20, 20), np.float32), np.zeros((20, 20)),
            np.full((20, 20), 200, np.float32), r"is 200.0 at \[0, 0\]",
        ),
    ],
)  # fmt: skip
def test_observations_outside_of_their_space(space, good, value, told):
    with pytest.raises(AssertionError, match=f"^problem 4, step 1: the observation {told}"):
        raise AssertionError(odd(space, good, value))
    with pytest.raises(AssertionError, match=f"^problem 4, reset: the observation {told}"):
        raise AssertionError(odd(space, good, value, begins=True))
    # And at once, where it begins so.
    with pytest.raises(FamilyError, match=f"problem 4, step 1: the observation {told}"):
        GymFamily("odd", lambda i: Late(space, good, observation=value), (4,), (4,), 3)


def test_numbers_a_little_off_are_no_fault():
    """Few environments keep their bounds to the last digit."""
    near = np.array([1.5, -0.5], np.float32)
    family = GymFamily("near", lambda i: Late(BOX, (0, 0), observation=near), (4,), (4,), 3)
    np.testing.assert_array_equal(family.observation(near), near)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reward": np.array([1.0, 2.0])}, "the reward is array([1., 2.]), and must be a number"),
        ({"reward": "1"}, "the reward is '1', and must be a number"),
        ({"reward": None}, "the reward is None, and must be a number"),
        ({"reward": 1j}, "the reward is 1j, and must be a number"),
        ({"reward": np.array([np.nan])}, "the reward is nan, and must be finite"),
        ({"reward": 1e300}, "the reward is inf, and must be finite"),
        ({"end": np.array([True, False])}, "terminated is array([ True, False]), and must be True"),
        ({"cut": np.array([True, False])}, "truncated is array([ True, False]), and must be True"),
        ({"end": "False"}, "terminated is 'False', and must be True or False"),
        ({"end": None}, "terminated is None, and must be True or False"),
        ({"cut": np.nan}, "truncated is nan, and must be True or False"),
    ],
    ids=str,
)
def test_rewards_and_ends(changes, told):
    assert fault(**changes).startswith(f"problem 4, step 1: {told}")


class Tensor(float):
    """As PyTorch's."""

    def item(self):
        return float(self)


@pytest.mark.parametrize("one", [np.array([1.0]), [1.0], jnp.array([[1.0]]), Tensor(1)], ids=repr)
@pytest.mark.parametrize("end", [np.array([True]), [True], np.array(True), 1], ids=repr)
def test_arrays_of_one_are_numbers(one, end):
    env = Late(reward=one, end=end, cut=[False])
    family = GymFamily("one", lambda i: env if i else None, (1,), (1,), 3, kept=1, check=False)
    number, row, steps, _ = family._episodes.reset(np.array([1]), np.array([0]))
    *_, rewards, terminated, truncated = family._episodes.step(number, row, steps, np.array([0]))
    assert (rewards.tolist(), terminated.tolist(), truncated.tolist()) == ([1], [True], [False])


def test_seeds_are_such_as_all_environments_take():
    seeds = []

    def reset(seed):
        seeds.append(int(np.int32(seed)))

    family = GymFamily("seeds", lambda i: Late(reset=reset), (0,), (1,), 2)
    for key in range(64):
        family.reset(jax.random.key(key), family.problem(jnp.array(0)))
    assert min(seeds) >= 0
    assert len(set(seeds)) > 60
    assert max(seeds) > 2**30


def silent():
    raise NotImplementedError


def loud():
    raise OverflowError("too large:\nby far")


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (silent, "problem 4, step 1 raised NotImplementedError ("),
        (loud, "problem 4, step 1 raised OverflowError: too large: ("),
    ],
)
def test_exceptions_are_told_with_type_file_and_line(step, told):
    line = step.__code__.co_firstlineno + 1
    assert fault(step=step) == f"{told}{__file__}, line {line})"


class Still(eqx.Module):
    def init_exploration(self):
        return ()

    def explore(self, carry, percept, key):
        return (), Choice(jnp.array(0))

    def beliefs(self, exploration):
        return Belief(jnp.zeros((exploration.actions.shape[0] + 1, 1)))

    def init_exploitation(self, belief, episode, key):
        return ()

    def exploit(self, carry, percept, goal, key):
        return (), Choice(jnp.array(0))


@dataclasses.dataclass(frozen=True)
class Settings:
    budget: Budget = Budget(iterations=2)


@dataclasses.dataclass(frozen=True)
class Stay:
    family: GymFamily
    settings: Settings

    def init(self, key):
        return jnp.zeros(())

    def iterate(self, state):
        return state, {"steps": jnp.array(1.0), "finite": jnp.array(1.0)}

    def agent(self, state):
        return Still()

    def encode(self, state, problem_id):
        return None


CALLERS = {
    "check_family": check_family,
    "replay": lambda family: replay(family, 4, None, [0, 0]),
    "evaluate": lambda family: evaluate(family, Still(), (4,), trials=2),
    "train": lambda family: train(Stay(family, Settings()), (0,), Plan(1, 1, 2)),
    "explore": lambda family: TrainedAgent(family, Still()).explore(4),
}


@pytest.mark.parametrize("caller", CALLERS)
def test_every_caller_is_told_without_the_words_of_jax(caller, capfd):
    family = GymFamily("late", lambda i: Late(step=silent), (4,), (5,), 3, check=False)
    with pytest.raises(UserError) as caught:
        CALLERS[caller](family)
    told = str(caught.value)
    line = silent.__code__.co_firstlineno + 1
    assert f"step 1 raised NotImplementedError ({__file__}, line {line})" in told
    assert "problem 4, " in told or "problem 5, " in told
    assert "Traceback" not in told
    shown = "".join(traceback.format_exception(caught.value))
    for word in ("XlaRuntimeError", "JaxRuntimeError", "CpuCallback", "INTERNAL"):
        assert word not in shown
    if caller != "check_family":
        assert "\n" not in told
        assert isinstance(caught.value, FamilyError)
    family.close()
    assert "Traceback" not in capfd.readouterr().err


def test_what_describes_problems_is_told_too():
    def describe(problem_id):
        if problem_id == 5:
            raise KeyError("mass")
        return [1.0]

    family = GymFamily("told", lambda i: Late(), (4,), (5,), 3, describe=describe)
    with pytest.raises(
        FamilyError, match=r"describe\(5\) raised KeyError: 'mass' \(.*, line \d+\)"
    ):
        family.describe.all_of(np.array([4, 5]))
    family = GymFamily("goals", lambda i: Late(), (4,), (5,), 3, goals=describe, check=False)
    with pytest.raises(FamilyError, match=r"goals\(5\) raised KeyError"):
        family._draw(np.array([5]), np.array([0]))
