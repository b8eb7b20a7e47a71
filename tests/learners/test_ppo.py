"""PPO's sums against sums done by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.learners import ppo
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.distributions import Categorical
from dreamrl.types import Trajectory


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


def decided(probabilities, before, advantages, mask, values=0.0, targets=0.0):
    """One episode whose action is always the first of two: the decision, and the batch."""
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
    return decision, batch


def loss(*episode, clip=0.2, **more):
    return ppo.ppo_loss(*decided(*episode, **more), clip)


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


@pytest.mark.parametrize(
    ("progress", "weight"), [(0.0, 0.5), (0.2, 0.5), (0.3, 0.3), (0.4, 0.1), (1.0, 0.1)]
)
def test_the_loss_is_its_terms_weighted(progress, weight):
    episode = ([0.5, 0.5, 0.9], [0.5, 0.5, 0.1], [1.0, 2.0, 99.0], [1, 1, 0], 1.0, 3.0)
    times = dict(entropy=0.5, last_entropy=0.1, entropy_begin=0.2, entropy_end=0.4)
    for value_weight, barrier in ((0.5, 0.0), (0.25, 0.0), (0.5, 2.0)):
        objective = ppo.PolicyObjective(barrier=barrier, **times)
        learner = ppo.PPO(value_weight=value_weight)
        rest = (objective, jnp.array(progress))
        found, told = learner.loss(*two(decided(*episode)), *rest)
        # Of two actions, each as likely, entropy and barrier are log 2.
        expected = -1.5 + value_weight * 4.0 + (barrier - 1) * weight * math.log(2)
        assert float(found) == pytest.approx(expected, rel=1e-5)
        assert float(told["entropy"]) == pytest.approx(math.log(2))


def two(pair):
    """(decision, target, batch): PPO has no target network."""
    return pair[0], None, pair[1]


def test_what_stands_behind_the_end_cannot_make_a_loss_infinite():
    found = loss([0.5, 1.0], [0.5, 1e-45], [1.0, 0.0], [1, 0])
    assert np.isfinite([float(found.policy), float(found.value)]).all()


def test_a_batch_is_made_of_whole_episodes():
    """Rewards 1, 2 and an end, or all three steps; nothing is expected behind the horizon."""
    mask = jnp.array([[1, 1, 0], [1, 1, 1]], bool)
    rewards = jnp.array([[1.0, 2.0, 0.0], [1.0, 2.0, 3.0]])
    terminated = jnp.array([[0, 1, 0], [0, 0, 0]], bool)
    zeros = jnp.zeros((2, 3))
    actions, truncated = zeros.astype(jnp.int32), jnp.zeros_like(mask)
    seen = jnp.zeros((2, 4, 1))
    episodes = Trajectory(seen, actions, rewards, terminated, truncated, mask)
    recorded = ppo.Recorded(zeros, zeros)
    objective = ppo.PolicyObjective(gae_lambda=1.0, advantage_floor=0.1)
    batch = ppo.PPO().prepare(episodes, recorded, objective, 1.0)
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


def episode(rewards, terminated=False):
    """One of these steps, in which nothing else happens."""
    rewards = jnp.array([rewards])
    steps = rewards.shape[1]
    ends = jnp.arange(steps)[None] == steps - 1
    mask, nothing = jnp.ones((1, steps), bool), jnp.zeros((1, steps), jnp.int32)
    return Trajectory(
        jnp.zeros((1, steps + 1, 1)), nothing, rewards, ends & terminated, ~ends, mask
    )


@pytest.mark.parametrize(("terminated", "target"), [(False, 2.0 + 0.5 * 8.0), (True, 2.0)])
def test_what_follows_an_episode_counts_unless_it_terminated(terminated, target):
    values = ppo.Recorded(jnp.zeros((1, 2)), jnp.zeros((1, 2)))
    rest = (ppo.PolicyObjective(gae_lambda=1.0), 0.5, jnp.array([8.0]))
    batch = ppo.PPO().prepare(episode([1.0, 2.0], terminated), values, *rest)
    np.testing.assert_allclose(batch.targets, [[1.0 + 0.5 * target, target]], rtol=1e-6)
    # What it begins with, seen from before: by lambda, the value of its first step in part.
    for lambda_, expected in ((1.0, 1.0 + 0.5 * target), (0.0, 0.0)):
        objective = ppo.PolicyObjective(gae_lambda=lambda_)
        np.testing.assert_allclose(
            ppo.PPO().start_values(batch, values, objective), [expected], rtol=1e-6
        )


def test_it_samples_and_records_what_the_policy_itself_would_have_done():
    policy = Categorical(jnp.log(jnp.array([0.7, 0.3])))
    decision = Decision(policy, jnp.array(2.5), jnp.zeros(1))
    keys = jax.random.split(jax.random.key(0), 3000)

    def share(random):
        choose = lambda key: ppo.PPO().choose(decision, key, jnp.array(0.0), random)  # noqa: E731
        choices = jax.vmap(choose)(keys)
        np.testing.assert_allclose(choices.extras.log_prob, policy.log_prob(choices.action))
        np.testing.assert_array_equal(choices.extras.value, 2.5)
        return float(choices.action.mean())

    assert share(None) == pytest.approx(0.3, abs=0.03)
    assert share(jnp.array(0.0)) == pytest.approx(0.3, abs=0.03)
    assert share(jnp.array(1.0)) == pytest.approx(0.5, abs=0.03)
