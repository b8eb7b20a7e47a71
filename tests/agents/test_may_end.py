"""Exploitation that may not end its episode by the family's end action."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents import registry
from dreamrl.errors import UserError
from dreamrl.trial import Percept


def an_algorithm(name, family, **changes):
    small = dict(trials=8, hidden=8, iterations=2, **changes)
    small |= {
        "dream": dict(minibatches=1, replay=8, decoder_batch=8, exploration_hidden=8),
        "pearl": dict(updates=1, tasks=2, replayed=2, contexts=2, replay=8),
    }.get(name, dict(minibatches=1))
    settings = dataclasses.replace(registry.settings_for(name, ""), **small)
    return registry.make_trainer(name, family, settings)


@pytest.mark.parametrize("name", ["dream", "rl2", "varibad", "import", "oracle", "pearl", "maml"])
def test_it_is_never_taken_and_training_goes_on(name, relevant_fact):
    free, kept = (an_algorithm(name, relevant_fact, may_end=may) for may in (True, False))
    state = jax.jit(kept.init)(jax.random.key(0))
    chances = []
    for algorithm in (free, kept):
        params = jax.jit(algorithm.init)(jax.random.key(0)).params
        policy = params.exploitation if name == "dream" else params.policy
        told = jnp.zeros(policy.told.weight.shape[0])
        seen = jnp.zeros(algorithm.family.observation_space.shape, jnp.float32)
        seen = seen.astype(algorithm.family.observation_space.dtype)
        percept = Percept(seen, jnp.array(0), jnp.array(0.0), jnp.array(True))
        _, decision = policy.step(policy.start(), percept, jnp.array(0), told)
        end = jnp.array(relevant_fact.end_action)
        chances.append(float(jnp.exp(decision.policy.log_prob(end))))
    np.testing.assert_allclose(chances, [0.25, 0], atol=0.05)
    state, metrics = jax.jit(kept.iterate)(state)
    assert metrics["finite"] == 1
    losses = [value for key, value in metrics.items() if key.startswith("loss")]
    assert np.abs(losses).max() < 100


def test_the_other_learner_refuses():
    with pytest.raises(UserError, match="may_end false is for learner ppo"):
        dataclasses.replace(registry.settings_for("dream", ""), learner="dqn", may_end=False)
