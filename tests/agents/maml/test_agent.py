"""What meta-test gets of MAML."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Agent, Algorithm
from dreamrl.agents.maml.networks import MamlAgent
from dreamrl.trial import play


@pytest.fixture(scope="module")
def trial(untrained, relevant_fact):
    """A trial whose exploration did not last to the horizon, its agent, and its adaptation."""
    agent = MamlAgent(untrained.params)
    adapt = jax.jit(lambda trajectory: untrained.params.adapt(untrained.params.read(trajectory)))
    one = jax.jit(lambda i, key: play(relevant_fact, relevant_fact.problem(i), agent, key))
    for seed in range(20):
        found = one(jnp.array(1), jax.random.key(seed))
        if 1 < int(found.exploration.length) < relevant_fact.horizon:
            return agent, found, adapt(found.exploration)
    raise AssertionError("no exploration of middling length in 20 seeds")


def test_they_are_what_they_should_be(untrained):
    assert isinstance(MamlAgent(untrained.params), Agent)
    assert isinstance(untrained.algorithm, Algorithm)


def test_explorations_are_sampled(untrained, relevant_fact):
    agent = MamlAgent(untrained.params)
    problem = relevant_fact.problem(jnp.array(1))
    many = jax.vmap(lambda key: play(relevant_fact, problem, agent, key))
    explored = jax.jit(many)(jax.random.split(jax.random.key(0), 30)).exploration
    first = np.asarray(explored.actions[:, 0])
    assert len(set(first.tolist())) > 1
    assert relevant_fact.end_action not in np.asarray(explored.actions)[np.asarray(explored.mask)]


def test_the_last_belief_is_what_the_whole_exploration_makes(trial):
    agent, played, adapted = trial
    last = jax.tree.map(lambda x: x[-1], played.beliefs)
    found = eqx.filter_jit(agent.init_exploitation)(last, 0, jax.random.key(0)).adapted
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), found, adapted)


def test_a_belief_begins_with_the_initial_policy_and_rests_after_the_end(trial, untrained):
    agent, played, _ = trial
    beliefs = played.beliefs
    first = jax.tree.map(lambda x: x[0], beliefs)
    begin = eqx.filter_jit(agent.init_exploitation)(first, 0, jax.random.key(0)).adapted
    jax.tree.map(np.testing.assert_array_equal, begin, untrained.params.policy)
    np.testing.assert_array_equal(beliefs.mean[0], 0)
    length = int(played.exploration.length)
    moved = np.abs(np.diff(np.asarray(beliefs.mean), axis=0)).max(1)
    assert (moved[:length] > 0).all()
    np.testing.assert_allclose(moved[length:], 0, atol=1e-6)


def test_distances_of_beliefs_are_about_those_of_parameters(trial, untrained):
    _, played, adapted = trial
    change = jax.tree.map(jnp.subtract, adapted, untrained.params.policy)
    length = jnp.linalg.norm(jax.flatten_util.ravel_pytree(change)[0])
    found = jnp.linalg.norm(played.beliefs.mean[-1])
    assert 0.4 < float(found / length) < 1.8
