"""What an exploration is paid, and what it was thinking when it is looked at again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.dream.conditions import Conditions
from dreamrl.agents.dream.decoder import belief_error
from dreamrl.agents.dream.exploration import information_gain, step_cost
from dreamrl.trial import before, play
from dreamrl.types import ProblemID

EPISODES = 24


def agree(found, recorded, mask):
    mask = np.asarray(mask)
    np.testing.assert_allclose(np.asarray(found)[mask], np.asarray(recorded)[mask], atol=1e-5)


@pytest.fixture(scope="module")
def problem_ids(untrained):
    return ProblemID(jnp.arange(EPISODES) % len(untrained.algorithm.family.train_ids))


@pytest.fixture(scope="module")
def trials(untrained, problem_ids):
    """(frequency of random actions, noise) -> trials on these problems; compiled."""
    algorithm, params, family = untrained.algorithm, untrained.params, untrained.algorithm.family

    def one(problem_id, frequency, noise, key):
        nothing = jnp.zeros(1, bool)
        conditions = Conditions(problem_id, frequency, frequency == 0, nothing, noise[None])
        actor = algorithm.behave(Snapshot(params, jnp.array(0.0)), conditions)
        return play(family, family.problem(problem_id.value), actor, key)

    keys = jax.random.split(jax.random.key(5), EPISODES)
    compiled = jax.jit(jax.vmap(one))
    return lambda frequency, noise: compiled(problem_ids, frequency, noise, keys)


@pytest.fixture(scope="module", params=[False, True], ids=["own", "random"])
def trial(request, untrained, trials):
    """Some that end early and some that do not."""
    frequency = jax.random.uniform(jax.random.key(8), (EPISODES,)) * request.param
    noise = jax.random.normal(
        jax.random.key(6), (EPISODES, untrained.algorithm.settings.encoding.z)
    )
    found = trials(frequency, noise)
    assert 0 < int(found.exploration.mask[:, -1].sum()) < EPISODES
    return found


def test_rewards_telescope(untrained, problem_ids, trial):
    """All of them together: error before, less error after, less c for every step."""
    trajectory, params = trial.exploration, untrained.params
    beliefs = jax.vmap(params.decoder.unroll)(trajectory)
    errors = belief_error(params.encoder(problem_ids)[:, None], beliefs)
    unit, cost = 2.5, 0.07
    rewards = jax.vmap(information_gain, (0, 0, None, None))(trajectory, errors, unit, cost)
    length = trajectory.mask.sum(1)
    after = jnp.take_along_axis(errors, length[:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(after, errors[:, -1])
    expected = (errors[:, 0] - after) / unit - cost * length
    np.testing.assert_allclose(rewards.sum(1), expected, atol=1e-5)
    assert np.ptp(expected + cost * length) > 0.01


@pytest.mark.parametrize(("known", "expected"), [(1.0, 0.02), (0.05, 0.001), (-0.3, 0.0)])
def test_a_step_costs_a_share_of_what_can_be_found_out(known, expected):
    np.testing.assert_allclose(step_cost(0.02, jnp.array(known)), expected, rtol=1e-6)


def test_explorations_played_again_decide_alike(untrained, trial):
    trajectory, recorded = trial.exploration, trial.extras.exploration
    policy, decoder = untrained.params.exploration, untrained.params.decoder
    again = jax.vmap(decoder.unroll)(trajectory)
    np.testing.assert_allclose(trial.beliefs.mean, again, atol=1e-5)
    decision = jax.vmap(policy.unroll)(jax.vmap(before)(trajectory), again[:, :-1])
    mask = trajectory.mask
    agree(again[:, :-1], recorded.belief, mask)
    agree(policy.stop(decision.features), recorded.continuation, mask)
    assert np.ptp(np.asarray(recorded.continuation)[np.asarray(mask)]) > 0.1
    if untrained.ppo:
        agree(decision.policy.log_prob(trajectory.actions), recorded.learner.log_prob, mask)
        agree(decision.value, recorded.learner.value, mask)
        assert np.ptp(np.asarray(recorded.learner.log_prob)[np.asarray(mask)]) > 0.1
    else:
        assert recorded.learner == ()


def test_the_end_action_is_never_taken(untrained, trial):
    taken = np.asarray(trial.exploration.actions)[np.asarray(trial.exploration.mask)]
    assert untrained.algorithm.family.end_action not in taken


def test_exploitations_played_again_decide_alike(untrained, problem_ids, trial):
    """On z, which is here the encoder's mean and noise."""
    params = untrained.params
    noise = jax.random.normal(
        jax.random.key(6), (EPISODES, untrained.algorithm.settings.encoding.z)
    )
    goals, trajectory = trial.goals[:, 0], jax.tree.map(lambda x: x[:, 0], trial.exploitation)
    assert 0 < int(trajectory.mask[:, -1].sum()) < EPISODES
    z = params.encoder(problem_ids) + noise
    decision = jax.vmap(params.exploitation.unroll)(jax.vmap(before)(trajectory), goals, z)
    recorded = jax.tree.map(lambda x: x[:, 0], trial.extras.exploitation)
    if untrained.ppo:
        agree(decision.policy.log_prob(trajectory.actions), recorded.log_prob, trajectory.mask)
        agree(decision.value, recorded.value, trajectory.mask)
    else:
        assert recorded == ()


@pytest.mark.parametrize("untrained", ["dqn"], indirect=True)
def test_explorations_replayed_without_what_was_recorded_teach_alike(untrained):
    """Replay keeps neither beliefs nor decisions: they are worked out anew."""
    algorithm, experience = untrained.algorithm, untrained.trials.experience
    now = Snapshot(untrained.params, jnp.array(1.0))
    prepare = jax.jit(lambda x: algorithm.prepare(now, x))
    (kept, told), (anew, told_anew) = prepare(experience), prepare(algorithm.stored(experience))
    mask = kept.exploration.learner.mask
    agree(anew.exploration.continuation, kept.exploration.continuation, mask)
    agree(anew.exploration.learner.rewards, kept.exploration.learner.rewards, mask)
    np.testing.assert_allclose(anew.exploitation.beliefs, kept.exploitation.beliefs, atol=1e-5)
    for name in told:
        np.testing.assert_allclose(told[name], told_anew[name], atol=1e-5)
