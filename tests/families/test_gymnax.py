"""gymnax's environments as families; only where gymnax is installed, which is a heavy package."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.errors import UserError
from dreamrl.families.family import HasDescriptions
from dreamrl.testing import check_family, replay

gymnax = pytest.importorskip("gymnax")

from dreamrl.families.gymnax import GymnaxFamily  # noqa: E402

FORCES = np.array([5.0, -5.0, 10.0, -10.0, 20.0])


@pytest.fixture
def poles():
    return GymnaxFamily("CartPole-v1", {"force_mag": FORCES}, test_ids=(3, 4), horizon=30)


def test_it_keeps_the_rules_of_a_family(poles):
    check_family(poles)
    assert poles.train_ids == (0, 1, 2)
    assert poles.test_ids == (3, 4)
    assert GymnaxFamily("CartPole-v1", {"force_mag": FORCES}).horizon == 500
    assert GymnaxFamily("CartPole-v1", {"force_mag": FORCES}).test_ids == (0, 1, 2, 3, 4)


def test_continuous_actions_are_stretched_to_the_bounds():
    family = GymnaxFamily("Pendulum-v1", {"g": np.linspace(8, 12, 4)}, horizon=20)
    check_family(family)
    # The default bounds are -2 and 2: an action of 1 is the environment's 2.
    problem, key = family.problem(jnp.array(1)), jax.random.key(0)
    state, _ = family.reset(key, problem)
    _, outcome = family.step(key, problem, None, state, jnp.ones(1))
    env, params = gymnax.make("Pendulum-v1")
    params = params.replace(**problem)
    seen, _, reward, *_ = env.step_env(key, state.inner, jnp.full(1, 2.0), params)
    np.testing.assert_allclose(outcome.observation, seen, rtol=1e-6)
    np.testing.assert_allclose(outcome.reward, np.ravel(reward)[0], rtol=1e-6)


def test_problems_differ_in_their_parameters(poles):
    """A force that is the other way round pushes the cart the other way."""
    speeds = [replay(poles, i, 0, [1]).observations[1, 1] for i in range(5)]
    np.testing.assert_array_equal(np.sign(np.array(speeds).round(2)), np.sign(FORCES))


def test_ends_are_kept_apart_and_nothing_resets(poles):
    fallen = replay(poles, 2, 0, [1] * 20)
    end = int(fallen.terminated.argmax())
    assert fallen.terminated[end]
    assert not fallen.truncated[: end + 1].any()
    assert abs(fallen.observations[end + 1, 2]) > 0.2, "the final observation is there"
    short = GymnaxFamily("CartPole-v1", {"force_mag": FORCES}, horizon=4)
    held = replay(short, 0, 0, [0, 1, 0, 1])
    assert held.truncated.tolist() == [False, False, False, True]
    assert not held.terminated.any()


def test_parameters_may_be_told(poles):
    told = GymnaxFamily(
        "CartPole-v1", {"force_mag": FORCES, "length": np.full(5, 0.7)}, described=True
    )
    assert isinstance(told, HasDescriptions)
    assert not isinstance(poles, HasDescriptions)
    np.testing.assert_allclose(told.describe(jnp.array(4)), [1, -1])
    np.testing.assert_allclose(told.describe(jnp.array(3)), [-1, -1])


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"env": "CartPole-v2"}, "unknown gymnax environment 'CartPole-v2'.*'CartPole-v1'"),
        ({"parameters": {"lenght": FORCES}}, "unknown parameter 'lenght': did you mean 'length'"),
        ({"parameters": {}}, "parameters is empty: give values for some of gravity"),
        ({"parameters": {"length": 0.5}}, r"needs an array of values, each of shape \(\), got"),
        ({"parameters": {"length": [1.0, np.nan]}}, "parameter length is nan in problem 1"),
        ({"parameters": {"length": [1.0], "gravity": [1.0, 2.0]}}, "as many values.*gravity 2"),
        ({"test_ids": (5,)}, "test_ids holds 5, and there are the problems 0..4"),
        ({"test_ids": range(5)}, "none is left to train on"),
        ({"horizon": 0}, "horizon must be at least 1, is 0"),
    ],
)
def test_faults(settings, fault):
    with pytest.raises(UserError, match=fault):
        GymnaxFamily(**{"env": "CartPole-v1", "parameters": {"length": FORCES}} | settings)
