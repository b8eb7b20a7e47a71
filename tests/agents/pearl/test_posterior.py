"""A product of Gaussians, done by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.pearl.networks import (
    ContextEncoder,
    Factors,
    Posterior,
    kl_to_prior,
    posteriors,
    product,
    sample,
)
from dreamrl.families.bandit import Bandit
from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.types import Trajectory

STEPS, TAKEN = 5, 3


class Spaces(Bandit):
    """A family of which only the spaces matter."""

    observation_space = MultiDiscrete((4, 3))
    action_space = Discrete(6)


@pytest.fixture(scope="module")
def encoder():
    return ContextEncoder(jax.random.key(0), Spaces(), 16, 7)


@pytest.fixture(scope="module")
def trajectory():
    """Three steps of five; rubbish after the end."""
    rows = jnp.arange(STEPS + 1)
    flags = jnp.arange(STEPS) == TAKEN - 1
    return Trajectory(
        jnp.stack([rows % 4, rows % 3], axis=1),
        jnp.arange(STEPS),
        jnp.array([0.5, -1.0, 2.0, 99.0, -99.0]),
        flags,
        jnp.zeros(STEPS, bool),
        jnp.arange(STEPS) < TAKEN,
    )


def test_the_prior_times_two_factors():
    """N(1, 1/2) and N(-2, 1): precision 1 + 2 + 1, mean (2 - 2) / 4; and one of N(3, 1/3)."""
    evidence = Factors(jnp.array([2.0 + 1.0, 3.0]), jnp.array([2.0 - 2.0, 9.0]))
    mean, variance = product(evidence)
    np.testing.assert_allclose(mean, [0.0, 9 / 4], atol=1e-6)
    np.testing.assert_allclose(variance, [1 / 4, 1 / 4], rtol=1e-6)


def test_no_transition_is_the_prior(encoder, trajectory):
    found = posteriors(encoder, trajectory)
    np.testing.assert_array_equal(found.mean[0], 0)
    np.testing.assert_array_equal(found.variance[0], 1)


def test_more_is_known_after_each_step_and_nothing_after_the_end(encoder, trajectory):
    found = posteriors(encoder, trajectory)
    assert found.mean.shape == found.variance.shape == (STEPS + 1, 7)
    assert (np.diff(found.variance[: TAKEN + 1], axis=0) < 0).all()
    for behind in (TAKEN + 1, STEPS):
        for part in found:
            np.testing.assert_array_equal(part[behind], part[TAKEN])
    cleaned = trajectory._replace(rewards=trajectory.rewards.at[TAKEN:].set(0.0))
    jax.tree.map(np.testing.assert_array_equal, posteriors(encoder, cleaned), found)


def test_the_order_of_transitions_does_not_matter(encoder, trajectory):
    parts = encoder.factors(trajectory)
    order = jnp.array([2, 0, 4, 1, 3])
    found = product(jax.tree.map(lambda x: x[order].sum(0), parts))
    last = jax.tree.map(lambda x: x[-1], posteriors(encoder, trajectory))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), found, last)


@pytest.mark.parametrize("part", ["observations", "actions", "rewards"])
def test_all_of_a_transition_is_read(encoder, trajectory, part):
    value = getattr(trajectory, part)
    changed = trajectory._replace(**{part: value.at[1].set(value[2])})
    assert not np.allclose(posteriors(encoder, changed).mean, posteriors(encoder, trajectory).mean)


def test_information_about_z():
    """0 nats in the prior; else (m^2 + s - 1 - log s) / 2, over all entries."""
    mean = jnp.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    variance = jnp.array([[1.0, 1.0], [1.0, 1.0], [0.5, 0.25]])
    expected = [0.0, 2.0, (1 + 0.75 - 2 + np.log(8)) / 2]
    np.testing.assert_allclose(kl_to_prior(Posterior(mean, variance)), expected, atol=1e-6)


def test_draws_have_the_posteriors_mean_and_variance():
    posterior = Posterior(jnp.array([1.0, -2.0]), jnp.array([0.25, 4.0]))
    drawn = jax.vmap(sample, (None, 0))(posterior, jax.random.split(jax.random.key(0), 4000))
    np.testing.assert_allclose(drawn.mean(0), posterior.mean, atol=0.1)
    np.testing.assert_allclose(drawn.var(0), posterior.variance, rtol=0.1)
