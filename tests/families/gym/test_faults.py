"""What is wrong with a Gymnasium environment is named, with the problem and the value."""

import subprocess
import sys

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.errors import UserError, raised_on_host
from dreamrl.families.gym import GymFamily


@pytest.fixture
def broken(line):
    """A family of lines, of which problem 7 is changed: broken(**methods and attributes)."""

    def build(**changes):
        changed = type("Changed", (line,), {k: v for k, v in changes.items() if callable(v)})

        def make(problem_id):
            if problem_id != 7:
                return line(problem_id)
            env = changed(problem_id)
            for name, value in changes.items():
                if not callable(value):
                    setattr(env, name, value)
            return env

        return GymFamily("lines", make, range(5), (5, 6, 7), horizon=6)

    return build


def after(steps, value, place=0):
    """A step that answers as it should but for one value, from the step `steps` on."""

    def step(self, action):
        answer = list(type(self).__bases__[0].step(self, action))
        if self.steps >= steps:
            answer[place] = value
        answer[2] = False
        return tuple(answer)

    return step


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"step": after(3, np.nan, 1)}, "problem 7, step 3: the reward is nan, and must be finite"),
        (
            {"step": after(1, np.ones(2), 1)},
            "problem 7, step 1: the reward is array.*, and must be a number",
        ),
        (
            {"step": after(2, np.array([0, np.inf]))},
            "problem 7, step 2: the observation is inf, and must be",
        ),
        (
            {"step": after(2, np.zeros(3))},
            r"step 2: the observation must be float64\(2,\), .* is float64\(3,\)",
        ),
        ({"step": after(2, None)}, "step 2: the observation must be .*, is NoneType None"),
        ({"reset": lambda self, **_: np.zeros(2)}, r"reset must return \(observation, info\)"),
        ({"reset": lambda self, **_: 1 / 0}, "problem 7, reset raised ZeroDivisionError"),
        ({"step": lambda self, action: (1, 2, 3, {})}, "step 1 must return .*, returned .1, 2, 3"),
        ({"step": lambda self, action: [][1]}, "problem 7, step 1 raised IndexError: list index"),
        (
            {"action_space": gymnasium.spaces.Discrete(3)},
            r"problem 7: its action_space is Discrete\(3\), .* first problem is Discrete\(2\)",
        ),
        (
            {"observation_space": gymnasium.spaces.Box(-10, 10, (3,))},
            r"problem 7: its observation_space is Box\(.*\(3,\)",
        ),
    ],
)
def test_environments(broken, changes, fault):
    with pytest.raises(UserError, match=fault):
        broken(**changes)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda i: None, r"make\(0\) must return a gymnasium.Env, returned None"),
        (lambda i: [][i], r"make\(0\) raised IndexError"),
    ],
)
def test_factories(make, fault):
    with pytest.raises(UserError, match=fault):
        GymFamily("none", make, (0,), (1,), 5)


@pytest.mark.parametrize(
    ("space", "which", "fault"),
    [
        (gymnasium.spaces.Text(3), "observation", "FlattenObs"),
        (gymnasium.spaces.Box(-np.inf, np.inf, (1,)), "action", "none that agents can act in"),
        (
            gymnasium.spaces.MultiDiscrete((20, 300)),
            "action",
            r"6000 combinations, and agents choose among 4096 .* \(a Discrete of 320\)",
        ),
        (gymnasium.spaces.MultiBinary(2), "action", "none that agents can act in"),
    ],
)
def test_spaces_of_no_use(line, space, which, fault):
    def make(problem_id):
        env = line(problem_id)
        setattr(env, f"{which}_space", space)
        return env

    with pytest.raises(UserError, match=f"family 'odd': {which}_space .*{fault}"):
        GymFamily("odd", make, (0,), (1,), 5)


def test_chance_that_no_seed_settles(line):
    rng = np.random.default_rng()

    class Moody(line):
        def seen(self):
            return super().seen() + rng.random()

    with pytest.raises(UserError, match="problem 0, reset: the same seed leads to other"):
        GymFamily("moody", Moody, (0,), (1,), 5)
    GymFamily("moody", Moody, (0,), (1,), 5, check=False)


def test_numbers(line):
    with pytest.raises(UserError, match="train_ids is empty"):
        GymFamily("lines", line, (), (1,), 5)
    with pytest.raises(UserError, match="horizon must be at least 1, is 0"):
        GymFamily("lines", line, (0,), (1,), 0)
    with pytest.raises(UserError, match=r"describe\(0\) must return a vector of finite numbers"):
        GymFamily("lines", line, (0,), (1,), 5, describe=lambda i: "none")


def test_what_breaks_later_is_named_too(line):
    class Late(line):
        played = 0

        def reset(self, **settings):
            Late.played += 1
            return super().reset(**settings)

        def step(self, action):
            seen, _, *rest = super().step(action)
            return seen, float("inf") if Late.played > 3 else 0.0, *rest

    family = GymFamily("late", Late, (0,), (1,), 5, check=False)
    Late.played = 0
    problem = family.problem(jnp.array(1))
    key = jax.random.key(0)

    @jax.jit
    def begin_and_step(key):
        state, _ = family.reset(key, problem)
        return family.step(key, problem, None, state, jnp.array(1))[1].reward

    for number in range(3):
        assert begin_and_step(jax.random.key(number)) == 0
    with pytest.raises((ValueError, RuntimeError)) as caught:
        jax.block_until_ready(begin_and_step(key))
    assert str(raised_on_host(caught.value)).startswith("problem 1, step 1: the reward is inf")
    assert raised_on_host(RuntimeError("INTERNAL: another")) is None


def test_gymnasium_missing_is_one_line():
    code = (
        "import sys; sys.modules['gymnasium'] = None\n"
        "from dreamrl.errors import UserError\n"
        "try: import dreamrl.families.gym\n"
        "except UserError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "gymnasium is not installed: pip install 'dreamrl[gym]'\n"


def test_actions_are_numbers_that_the_program_gives(line):
    family = GymFamily("lines", line, (0,), (1,), 5)
    state, seen = family.reset(jax.random.key(0), family.problem(jnp.array(0)))
    assert seen.dtype == jnp.float32
    assert int(state.steps) == 0
