"""How a policy chooses, against sums done by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.networks.distributions import Categorical, Gaussian, distribution, outputs
from dreamrl.spaces import Box, Discrete

SPACE = Box(-2.0, 6.0, (3,))
"""Its middle is 2 and half its width 4."""


def gaussian(mean, deviation):
    mean = jnp.asarray(mean, jnp.float32)
    return Gaussian(mean, jnp.full_like(mean, math.log(deviation)), SPACE)


def test_log_probabilities():
    logits = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])) + 3.0
    found = Categorical(logits).log_prob(jnp.array([0, 2]))
    np.testing.assert_allclose(found, np.log([0.5, 0.8]), rtol=1e-5)


def test_entropy():
    logits = jnp.log(jnp.array([[0.25] * 4, [0.5, 0.25, 0.125, 0.125]]))
    found = Categorical(logits).entropy()
    np.testing.assert_allclose(found, [math.log(4), 1.75 * math.log(2)], rtol=1e-5)


def test_a_barred_action_has_neither_probability_nor_entropy():
    policy = Categorical(jnp.zeros(3)).without(2)
    assert float(policy.entropy()) == pytest.approx(math.log(2))
    assert float(jnp.exp(policy.log_prob(jnp.array(2)))) == 0


def test_real_numbers_have_the_densities_of_a_gaussian():
    policy = gaussian([0.0, 0.5, -0.5], 0.5)
    # In the space's own units the means are 2, 4 and 0, and the deviation is 2.
    at_mean = policy.log_prob(jnp.array([2.0, 4.0, 0.0]))
    assert float(at_mean) == pytest.approx(-3 * math.log(0.5 * math.sqrt(2 * math.pi)), rel=1e-5)
    off = policy.log_prob(jnp.array([4.0, 4.0, -4.0]))
    assert float(at_mean - off) == pytest.approx(0.5 * 1 + 0.5 * 4, rel=1e-5)


def test_drawn_numbers_are_where_they_should_be():
    policy = gaussian([0.0, 0.5, -0.5], 0.5)
    drawn = jax.vmap(policy.sample)(jax.random.split(jax.random.key(0), 4000))
    np.testing.assert_allclose(drawn.mean(0), [2, 4, 0], atol=0.15)
    np.testing.assert_allclose(drawn.std(0), [2, 2, 2], atol=0.1)
    mean = -float(jax.vmap(policy.log_prob)(drawn).mean())
    assert mean == pytest.approx(float(policy.entropy()), abs=0.1)


def test_the_greedy_action_is_inside_the_space():
    found = gaussian([-7.0, 0.25, 7.0], 0.5).mode()
    np.testing.assert_allclose(found, [-2, 3, 6], rtol=1e-6)


@pytest.mark.parametrize("space", [Discrete(5), Box(-1.0, 1.0, (2,)), Box(0.0, 1.0, (2, 3))])
def test_actions_of_any_space_with_any_leading_axes(space):
    x = jax.random.normal(jax.random.key(0), (4, 7, outputs(space)))
    policy = distribution(space, x)
    action = policy.sample(jax.random.key(1))
    assert action.shape == (4, 7, *space.shape)
    assert action.dtype == space.dtype
    assert policy.mode().shape == action.shape
    for found in (policy.log_prob(action), policy.entropy(), policy.barrier()):
        assert found.shape == (4, 7)
    anything = policy.anything()
    np.testing.assert_allclose(anything.entropy(), anything.entropy()[0, 0])
