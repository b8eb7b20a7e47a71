"""VariBAD: its divergence, its ELBO, and who learns from what."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents import registry
from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.loop import Trainer
from dreamrl.agents.varibad.losses import divergence, elbo
from dreamrl.agents.whole_trial.losses import Trials, decide, policy_loss, read
from dreamrl.configuration import changed


@pytest.fixture(scope="module")
def made(relevant_fact):
    small = {"trials": 8, "minibatches": 1, "hidden": 8, "z": 3}
    settings = changed(registry.settings_for("varibad"), small)
    algorithm = registry.make_trainer("varibad", relevant_fact, settings).algorithm
    params = jax.jit(lambda key: algorithm.init(key)[0])(jax.random.key(0))

    @jax.jit
    def prepared(params, key):
        now = Snapshot(params, jnp.array(0.0))
        return algorithm.prepare(now, Trainer(algorithm).play(now, jnp.array(0), key))[0]

    return algorithm, params, prepared(params, jax.random.key(1))


def test_divergences_of_gaussians():
    one, two = jnp.zeros(2), jnp.log(jnp.array([4.0, 1.0]))
    assert float(divergence(one, two, one, two)) == 0
    # N(0, 4) from N(0, 1): (4 - 1 - log 4) / 2; a mean moved by 3: 9 / 2.
    expected = (4 - 1 - np.log(4)) / 2
    np.testing.assert_allclose(divergence(one, two, one, one), expected, rtol=1e-6)
    np.testing.assert_allclose(divergence(one + jnp.array([3.0, 0]), one, one, one), 4.5)


def test_the_first_posterior_is_measured_from_the_prior(made):
    """With a posterior that never moves, that is all there is: the rest diverge by nothing."""
    _, nets, batch = made
    still = jax.tree.map(jnp.zeros_like, nets.belief_head)
    mean = jnp.array([1.0, 0.0, 0.0])
    still = eqx.tree_at(lambda posterior: posterior.mean.bias, still, mean)
    one = jax.tree.map(lambda x: x[:1], batch.trial)
    hidden = eqx.filter_jit(read)(nets, one)
    times = int(one.exploration.mask.sum() + 1 + one.exploitation.mask.sum())
    found = eqx.filter_jit(elbo)(still, nets.auxiliary, one, hidden, 2, jax.random.key(0))
    np.testing.assert_allclose(found.divergence, 0.5 / times, rtol=1e-5)


def test_errors_count_every_transition_of_the_trial(made):
    _, nets, batch = made
    decoder = jax.tree.map(jnp.zeros_like, nets.auxiliary)
    played = batch.trial
    hidden = eqx.filter_jit(read)(nets, played)
    found = eqx.filter_jit(elbo)(nets.belief_head, decoder, played, hidden, 2, jax.random.key(0))
    rewards = [(e.rewards**2 * e.mask) for e in (played.exploration, played.exploitation)]
    expected = rewards[0].sum(-1) + rewards[1].sum((-1, -2))
    np.testing.assert_allclose(found.reward, expected.mean(), rtol=1e-5)
    # A decoder that says nothing misses each of three one-hot entries by 1.
    steps = played.exploration.mask.sum() + played.exploitation.mask.sum()
    np.testing.assert_allclose(found.observation, 3 * steps / 8, rtol=1e-5)


def test_the_policy_teaches_no_posterior_and_the_elbo_no_policy(made):
    algorithm, nets, batch = made
    learner, nothing = algorithm.settings.learner, (None, None)

    def policy(nets):
        decisions = decide(nets, batch.trial, None, read(nets, batch.trial))
        return policy_loss(decisions, nothing, batch, learner, jnp.array(0.5))[0]

    def auxiliary(nets):
        hidden = read(nets, batch.trial)
        trials = Trials(batch.problem_id, batch.trial)
        return algorithm.auxiliary_loss(nets, trials, hidden, jax.random.key(0))[0]

    def taught(loss):
        grads = eqx.filter_jit(eqx.filter_grad(loss))(nets)._asdict()
        return {
            part: any((leaf != 0).any() for leaf in jax.tree.leaves(g)) for part, g in grads.items()
        }

    only_policy = {"encoder": False, "belief_head": False, "policy": True, "auxiliary": False}
    assert taught(policy) == only_policy
    assert taught(auxiliary) == {part: not learns for part, learns in only_policy.items()}


def test_a_large_elbo_does_not_shrink_the_policys_step(made):
    """Each loss has its optimiser: what is predicted may weigh as much as it likes."""
    algorithm, _, _ = made
    policies, readers = [], []
    for weight in (1.0, 1e4):
        settings = dataclasses.replace(algorithm.settings, observation_weight=weight)
        weighed = Trainer(dataclasses.replace(algorithm, settings=settings))
        state = jax.jit(weighed.init)(jax.random.key(0))
        after, _ = jax.jit(weighed.iterate)(state)
        assert not eqx.tree_equal(after.params.policy, state.params.policy)
        policies.append(after.params.policy)
        readers.append(after.params.encoder)
    jax.tree.map(np.testing.assert_array_equal, *policies)
    assert not eqx.tree_equal(*readers)


def test_the_policy_is_paid_what_explorations_earn_where_it_is_to_be(made, relevant_fact):
    algorithm, *_ = made
    assert not algorithm.include_exploration_reward
    settings = dataclasses.replace(algorithm.settings, exploration_rewards=True)
    paid = registry.make_trainer("varibad", relevant_fact, settings).algorithm
    assert paid.include_exploration_reward
