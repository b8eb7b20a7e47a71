"""VariBAD: its divergence, its ELBO, and who learns from what."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dreamrl.agents.varibad.elbo import _moved, elbo
from dreamrl.agents.varibad.posterior import divergence

from dreamrl.agents import registry
from dreamrl.agents.whole_trial import trials as whole


@pytest.fixture(scope="module")
def made(relevant_fact):
    settings = registry.settings_for("varibad", "")
    settings = dataclasses.replace(settings, trials=8, minibatches=1, hidden=8, z=3)
    algorithm = registry.make_trainer("varibad", relevant_fact, settings)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    return algorithm, state.params, jax.jit(algorithm._play)(state.params, jax.random.key(1))


def test_divergences_of_gaussians():
    one, two = jnp.zeros(2), jnp.log(jnp.array([4.0, 1.0]))
    assert float(divergence(one, two, one, two)) == 0
    # N(0, 4) from N(0, 1): (4 - 1 - log 4) / 2; a mean moved by 3: 9 / 2.
    expected = (4 - 1 - np.log(4)) / 2
    np.testing.assert_allclose(divergence(one, two, one, one), expected, rtol=1e-6)
    np.testing.assert_allclose(divergence(one + jnp.array([3.0, 0]), one, one, one), 4.5)


def test_the_first_posterior_is_measured_from_the_prior(made):
    """With a posterior that never moves, that is all there is: the rest diverge by nothing."""
    _, nets, trials = made
    still = jax.tree.map(jnp.zeros_like, nets.tell)
    mean = jnp.array([1.0, 0.0, 0.0])
    still = eqx.tree_at(lambda posterior: posterior.mean.bias, still, mean)
    memories = whole.read(nets, trials.recorded.played)
    one = jax.tree.map(lambda x: x[0], (trials.recorded.played, memories))
    times = int(one[0].exploration.length + 1 + one[0].exploitation.mask.sum())
    np.testing.assert_allclose(_moved(*one, still), 0.5 / times, rtol=1e-5)


def test_errors_count_every_transition_of_the_trial(made):
    _, nets, trials = made
    decoder = jax.tree.map(jnp.zeros_like, nets.beside)
    memories = whole.read(nets, trials.recorded.played)
    found = elbo(nets.tell, decoder, trials.recorded.played, memories, 2, jax.random.key(0))
    played = trials.recorded.played
    rewards = [(e.rewards**2 * e.mask) for e in (played.exploration, played.exploitation)]
    expected = rewards[0].sum(-1) + rewards[1].sum((-1, -2))
    np.testing.assert_allclose(found.reward, expected.mean(), rtol=1e-5)
    # A decoder that says nothing misses each of three one-hot entries by 1.
    steps = played.exploration.mask.sum() + played.exploitation.mask.sum()
    np.testing.assert_allclose(found.observation, 3 * steps / 8, rtol=1e-5)


def test_the_policy_teaches_no_posterior_and_the_elbo_no_policy(made):
    algorithm, nets, trials = made
    weights = whole.Weights(jnp.array(0.1), jnp.array(0.1), jnp.array(0.1))

    def policy(nets):
        memories = whole.read(nets, trials.recorded.played)
        return whole.policy_loss(nets, trials, memories, None, 0.2, weights)[0]

    def beside(nets):
        memories = whole.read(nets, trials.recorded.played)
        key = jax.random.key(0)
        return algorithm.objective.beside(nets, trials.recorded, memories, algorithm.settings, key)[
            0
        ]

    def taught(loss):
        grads = eqx.filter_jit(eqx.filter_grad(loss))(nets)._asdict()
        return {
            part: any((leaf != 0).any() for leaf in jax.tree.leaves(g)) for part, g in grads.items()
        }

    only_policy = {"reader": False, "tell": False, "policy": True, "beside": False}
    assert taught(policy) == only_policy
    assert taught(beside) == {part: not learns for part, learns in only_policy.items()}


def test_a_large_elbo_does_not_shrink_the_policys_step(made):
    """Each loss has its optimiser: what is predicted may weigh as much as it likes."""
    algorithm, _, _ = made
    policies, readers = [], []
    for weight in (1.0, 1e4):
        settings = dataclasses.replace(algorithm.settings, observation_weight=weight)
        weighed = dataclasses.replace(algorithm, settings=settings)
        state = jax.jit(weighed.init)(jax.random.key(0))
        after, _ = jax.jit(weighed.iterate)(state)
        assert not eqx.tree_equal(after.params.policy, state.params.policy)
        policies.append(after.params.policy)
        readers.append(after.params.reader)
    jax.tree.map(np.testing.assert_array_equal, *policies)
    assert not eqx.tree_equal(*readers)
