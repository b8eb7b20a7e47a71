"""PPO's sums against sums done by hand."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.learners import ppo
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.distributions import Categorical


def test_advantages_are_normalised_over_the_steps_taken():
    mask = jnp.array([[1, 1, 0], [1, 1, 0]], bool)
    found = ppo.normalise(jnp.array([[1.0, 3.0, 50.0], [5.0, 7.0, -9.0]]), mask, floor=0.3)
    expected = np.array([[-3, -1, 0], [1, 3, 0]]) / math.sqrt(5)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_small_advantages_stay_small():
    mask = jnp.ones((1, 2), bool)
    found = ppo.normalise(jnp.array([[0.01, 0.03]]), mask, floor=0.5)
    np.testing.assert_allclose(found, [[-0.02, 0.02]], rtol=1e-4)


def test_no_step_at_all_is_no_advantage():
    found = ppo.normalise(jnp.ones((2, 2)), jnp.zeros((2, 2), bool), floor=0.3)
    np.testing.assert_array_equal(found, np.zeros((2, 2)))


def test_the_barrier_is_high_where_an_action_is_unlikely():
    logits = jnp.log(jnp.array([[[0.5, 0.5], [0.1, 0.9], [1e-6, 1.0]]]))
    found = ppo.log_barrier(Categorical(logits), jnp.array([[1, 1, 0]], bool))
    expected = -(2 * math.log(0.5) + math.log(0.1) + math.log(0.9)) / 4
    assert float(found) == pytest.approx(expected, rel=1e-5)


def loss(probabilities, before, advantages, mask, values=0.0, targets=0.0, clip=0.2):
    """Of one episode whose action is always the first of two."""
    chosen = jnp.array([probabilities])
    steps = len(probabilities)
    decision = Decision(
        Categorical(jnp.log(jnp.stack([chosen, 1 - chosen], axis=-1))),
        jnp.full((1, steps), values),
        jnp.zeros((1, steps, 1)),
    )
    batch = ppo.Batch(
        jnp.zeros((1, steps), jnp.int32),
        jnp.log(jnp.array([before])),
        jnp.array([advantages]),
        jnp.full((1, steps), targets),
        jnp.array([mask], bool),
    )
    return ppo.ppo_loss(decision, batch, clip)


@pytest.mark.parametrize(
    ("now", "advantage", "surrogate"),
    [
        (0.5, 2.0, 2.0),
        (0.55, 2.0, 2.2),
        # What is already likelier than the clip allows earns no more by becoming likelier,
        (0.75, 2.0, 2.4),
        (0.25, -2.0, -1.6),
        # but is held against it in full where it was a mistake.
        (0.75, -2.0, -3.0),
        (0.25, 2.0, 1.0),
    ],
)
def test_the_clipped_surrogate(now, advantage, surrogate):
    found = loss([now], [0.5], [advantage], [1])
    assert float(found.policy) == pytest.approx(-surrogate, rel=1e-5)


def test_losses_are_means_over_the_steps_taken():
    found = loss([0.5, 0.5, 0.9], [0.5, 0.5, 0.1], [1.0, 2.0, 99.0], [1, 1, 0], 1.0, 3.0)
    assert float(found.policy) == pytest.approx(-1.5)
    assert float(found.value) == pytest.approx(4.0)
    assert float(found.entropy) == pytest.approx(math.log(2))
    assert float(found.total(0.1)) == pytest.approx(-1.5 + 2.0 - 0.1 * math.log(2), rel=1e-5)


def test_what_stands_behind_the_end_cannot_make_a_loss_infinite():
    found = loss([0.5, 1.0], [0.5, 1e-45], [1.0, 0.0], [1, 0])
    assert np.isfinite([float(found.policy), float(found.value)]).all()


def test_a_batch_is_made_of_whole_episodes():
    """Rewards 1, 2 and an end, or all three steps; nothing is expected behind the horizon."""
    mask = jnp.array([[1, 1, 0], [1, 1, 1]], bool)
    rewards = jnp.array([[1.0, 2.0, 0.0], [1.0, 2.0, 3.0]])
    terminated = jnp.array([[0, 1, 0], [0, 0, 0]], bool)
    zeros = jnp.zeros((2, 3))
    batch = ppo.make_batch(
        zeros.astype(jnp.int32), rewards, terminated, mask, zeros, zeros, 1.0, 1.0, floor=0.1
    )
    targets = np.array([[3.0, 2.0, 0.0], [6.0, 5.0, 3.0]])
    np.testing.assert_allclose(batch.targets, targets)
    taken = targets[np.asarray(mask)]
    expected = (targets - taken.mean()) / taken.std() * np.asarray(mask)
    np.testing.assert_allclose(batch.advantages, expected, rtol=1e-5)


def test_value_errors_are_in_units_of_targets_that_spread_widely():
    far = jnp.array([10.0, -10.0])
    found = loss([0.5, 0.5], [0.5, 0.5], [0.0, 0.0], [1, 1], targets=far)
    assert float(found.value) == pytest.approx(1.0)
    near = loss([0.5, 0.5], [0.5, 0.5], [0.0, 0.0], [1, 1], targets=far / 20)
    assert float(near.value) == pytest.approx(0.25)
