"""What an exploration is paid, and what it was thinking when it is looked at again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.dream.decoder import belief_error
from dreamrl.agents.dream.exploration import exploration_rewards, price
from dreamrl.trial import percepts
from dreamrl.types import ProblemID

EPISODES = 24


def agree(found, recorded, mask):
    mask = np.asarray(mask)
    np.testing.assert_allclose(np.asarray(found)[mask], np.asarray(recorded)[mask], atol=1e-5)


@pytest.fixture
def problem_ids(untrained):
    return ProblemID(jnp.arange(EPISODES) % len(untrained.algorithm.family.train_ids))


@pytest.fixture(params=[False, True], ids=["own", "random"])
def explored(request, untrained, problem_ids):
    """Some that end early and some that do not."""
    explore = jax.vmap(untrained.algorithm._player.explore, (None, 0, 0, None))
    keys = jax.random.split(jax.random.key(5), EPISODES)
    trajectory, kept = jax.jit(explore)(untrained.state.params, problem_ids, keys, request.param)
    assert 0 < int(trajectory.mask[:, -1].sum()) < EPISODES
    return trajectory, kept


def test_rewards_telescope(untrained, problem_ids, explored):
    """All of them together: error before, less error after, less c for every step."""
    trajectory, _ = explored
    params = untrained.state.params
    beliefs = jax.vmap(params.decoder.unroll)(trajectory)
    errors = belief_error(params.encoder(problem_ids)[:, None], beliefs)
    unit, cost = 2.5, 0.07
    rewards = jax.vmap(exploration_rewards, (0, 0, None, None))(errors, trajectory.mask, unit, cost)
    length = trajectory.mask.sum(1)
    after = jnp.take_along_axis(errors, length[:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(after, errors[:, -1])
    expected = (errors[:, 0] - after) / unit - cost * length
    np.testing.assert_allclose(rewards.sum(1), expected, atol=1e-5)
    assert np.ptp(expected + cost * length) > 0.01


@pytest.mark.parametrize(("known", "expected"), [(1.0, 0.02), (0.05, 0.001), (-0.3, 0.0)])
def test_a_step_costs_a_share_of_what_can_be_found_out(known, expected):
    np.testing.assert_allclose(price(0.02, jnp.array(known)), expected, rtol=1e-6)


def test_explorations_played_again_decide_alike(untrained, explored):
    trajectory, (log_probs, values, beliefs, worth) = explored
    policy, decoder = untrained.state.params.exploration, untrained.state.params.decoder
    seen = jax.tree.map(lambda x: x[:, :-1], jax.vmap(percepts)(trajectory))
    again = jax.vmap(decoder.unroll)(trajectory)[:, :-1]
    decision = jax.vmap(policy.unroll)(seen, again)
    mask = trajectory.mask
    agree(again, beliefs, mask)
    agree(decision.policy.log_prob(trajectory.actions), log_probs, mask)
    agree(decision.value, values, mask)
    agree(policy.stop(decision.state), worth, mask)
    assert np.ptp(np.asarray(log_probs)[np.asarray(mask)]) > 0.1


def test_the_end_action_is_never_taken(untrained, explored):
    trajectory, _ = explored
    taken = np.asarray(trajectory.actions)[np.asarray(trajectory.mask)]
    assert untrained.algorithm.family.end_action not in taken


def test_exploitations_played_again_decide_alike(untrained, problem_ids):
    params = untrained.state.params
    z = jax.random.normal(jax.random.key(6), (EPISODES, untrained.algorithm.settings.z))
    exploit = jax.vmap(untrained.algorithm._player.exploit, (None, 0, 0, 0))
    keys = jax.random.split(jax.random.key(7), EPISODES)
    goals, trajectory, (log_probs, values) = jax.jit(exploit)(params, problem_ids, z, keys)
    assert 0 < int(trajectory.mask[:, -1].sum()) < EPISODES
    seen = jax.tree.map(lambda x: x[:, :-1], jax.vmap(percepts)(trajectory))
    decision = jax.vmap(params.exploitation.unroll)(seen, goals, z)
    agree(decision.policy.log_prob(trajectory.actions), log_probs, trajectory.mask)
    agree(decision.value, values, trajectory.mask)
