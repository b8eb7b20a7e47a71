"""Thousands of odd spaces and values: each works, or is one line with problem, step and value."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dreamrl.errors import HostError, UserError
from dreamrl.families.gym.slots import Block, Interface
from dreamrl.families.gym.spaces import observations
from dreamrl.families.gym.stock import Stock
from dreamrl.spaces import Space

many = settings(
    max_examples=800,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
REALS = st.floats(width=32)
EDGES = st.sampled_from([0, 1, -1, 0.5, 255, 1000, 3.4e38, -3.4e38, np.inf, -np.inf, 2**31 - 1])


@st.composite
def boxes(draw):
    shape = draw(
        st.lists(st.integers(0, 4), max_size=4)
        | st.sampled_from(
            [[20, 20], [21, 20, 3], [3, 20, 30], [4, 20, 20, 1], [10, 40, 2], [33, 33]]
        )
    )
    dtype = draw(st.sampled_from([np.float32, np.float64, np.float16, np.uint8, np.int64, np.int8]))
    if np.dtype(dtype).kind == "f":
        low, high = sorted(draw(st.tuples(EDGES | REALS, EDGES | REALS).filter(all_numbers)))
        limit = float(np.finfo(dtype).max)
        low, high = (x if np.isinf(x) else float(np.clip(x, -limit, limit)) for x in (low, high))
        low, high = low + 0.0, high + 0.0  # NumPy samples nothing from 0 to -0
    else:
        least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
        low, high = sorted(draw(st.tuples(*[st.integers(int(least), int(most))] * 2)))
        if draw(st.booleans()):
            low, high = max(0, int(least)), min(255, int(most))
    return spaces.Box(low, high, tuple(shape), dtype)


def all_numbers(values):
    return not np.isnan(values).any()


PLAIN = (
    st.builds(spaces.Discrete, st.integers(1, 9), start=st.integers(-9, 9))
    | st.builds(
        lambda n: spaces.MultiDiscrete(n), st.lists(st.integers(1, 5), min_size=1, max_size=3)
    )
    | st.builds(
        lambda n: spaces.MultiDiscrete([n, n], start=[[7] * len(n), [-7] * len(n)]),
        st.lists(st.integers(1, 5), min_size=1, max_size=3),
    )
    | st.builds(spaces.MultiBinary, st.integers(1, 4) | st.just((2, 2)))
    | boxes()
)
STRANGE = st.sampled_from(
    [
        spaces.Text(3),
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Graph(spaces.Discrete(2), None),
        spaces.OneOf((spaces.Discrete(2), spaces.Box(0, 1, (2,)))),
        spaces.Discrete(2**40),
    ]
)


def nested(inner):
    return st.builds(spaces.Dict, st.dictionaries(st.sampled_from("abc"), inner, max_size=3)) | (
        st.builds(spaces.Tuple, st.lists(inner, max_size=3))
    )


KNOWN = st.recursive(PLAIN, nested, max_leaves=4)
ANY = st.recursive(PLAIN | STRANGE, nested, max_leaves=4)
SCALARS = st.sampled_from(
    [np.nan, np.inf, -1, 0, 1, 2, 7, 255, 1e6, 1e300, True, None, "1", "", b"x", 1j]
)
ODD = (
    SCALARS
    | st.integers(-(2**70), 2**70)
    | st.lists(SCALARS, max_size=4)
    | st.tuples(SCALARS, SCALARS)
    | st.dictionaries(st.sampled_from("abc"), SCALARS)
    | arrays.arrays(
        st.sampled_from([np.float32, np.int64, np.uint8, np.bool_, np.complex64, np.dtype("U3")]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    )
    | st.just([[1], [1, 2]])
    | st.just(object())
)
ENDS = (
    ODD | st.booleans() | st.sampled_from([np.array([True]), np.array([False, True]), np.bool_(0)])
)


def one_line(error):
    told = str(error)
    assert told
    assert "\n" not in told
    assert len(told) < 700
    return told


class Odd(gymnasium.Env):
    """Gives what it is told to."""

    action_space = spaces.Discrete(2)

    def __init__(self, space, first, then):
        self.observation_space, self.first, self.then = space, first, then

    def reset(self, *, seed=None, options=None):
        return self.first, {}

    def step(self, action):
        return (*self.then, {})


def played(space, first, *then):
    """What a block makes of one step; the text of the error where there is one."""
    env = Odd(space, first, then)
    block = Block(1, Interface.of(env, False), Stock(lambda i: env, 1))
    try:
        seen = block.reset(np.array([7]), np.array([0]))
        return seen, *block.step(np.array([0]), np.ones(1, bool), None)
    except HostError as error:
        told = one_line(error)
        assert told.startswith(("problem 7, reset", "problem 7, step 1")), told
        return told


def sampled(space):
    """A value; Gymnasium has none of integers up to the largest."""
    try:
        return space.sample()
    except (ValueError, OverflowError):
        reject()


def assert_known(space, values):
    for value in values:
        assert space.contains(np.asarray(value)), value


@many
@given(ANY)
@example(spaces.Box(np.inf, np.inf, ()))
@example(spaces.Box(-np.inf, -np.inf, (2,)))
def test_spaces_work_or_are_refused_in_one_line(space):
    try:
        seen = observations(space)
    except UserError as error:
        told = one_line(error)
        assert told.startswith("observation_space ")
        assert "gymnasium.wrappers." in told
        return
    assert isinstance(seen.space, Space)
    assert seen.space.features > 0
    space.seed(0)
    for _ in range(3):
        value = sampled(space)
        batch = seen.read(value)[None]
        assert seen.strange(batch) is None, value
        assert_known(seen.space, seen(batch))


@many
@given(KNOWN, ODD | st.tuples(ODD, ODD))
def test_values_fit_or_are_told(space, value):
    try:
        observations(space)
    except UserError as error:
        one_line(error)
        return
    space.seed(0)
    found = played(space, sampled(space), value, 0.0, False, False)
    if not isinstance(found, str):
        assert_known(observations(space).space, found[1])
        if isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
            assert (np.asarray(value).astype(space.dtype) == np.asarray(value)).all()
            assert space.contains(np.asarray(value).astype(space.dtype).reshape(space.shape)[()])
    else:
        assert "observation" in found


@many
@given(ODD | REALS, ENDS, ENDS)
def test_rewards_and_ends_fit_or_are_told(reward, terminated, truncated):
    found = played(spaces.Discrete(2), 0, 1, reward, terminated, truncated)
    if isinstance(found, str):
        assert any(word in found for word in ("the reward is", "terminated is", "truncated is"))
        return
    _, _, rewards, ends = found
    assert np.isfinite(rewards).all()
    assert np.size(reward) == np.size(terminated) == np.size(truncated) == 1
    np.testing.assert_allclose(rewards, np.float32(np.ravel(np.asarray(reward, float))), rtol=1e-6)
    for end, told in zip(ends[0], (terminated, truncated), strict=True):
        assert not isinstance(told, str | bytes)
        assert end == np.ravel(np.asarray(told))[0]
