"""IMPORT: who is told what, and what the auxiliary loss trains."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents import registry
from dreamrl.agents.whole_trial import trials as whole


@pytest.fixture(scope="module")
def made(relevant_fact):
    settings = registry.settings_for("import", "")
    settings = dataclasses.replace(settings, trials=8, minibatches=1, hidden=8, z=4)
    algorithm = registry.make_trainer("import", relevant_fact, settings)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    return algorithm, state.params, jax.jit(algorithm._play)(state.params, jax.random.key(1))


def test_half_of_the_trials_are_informed_of_f(made):
    _, nets, trials = made
    assert int(trials.recorded.told.informed.sum()) == 4
    np.testing.assert_array_equal(trials.recorded.told.z, nets.beside(trials.recorded.problem_id))
    chosen = whole.choose(trials.recorded.told, jnp.zeros((8, 4)))
    np.testing.assert_array_equal(chosen[:4], trials.recorded.told.z[:4])
    assert (chosen[4:] == 0).all()


def test_the_auxiliary_loss_pulls_g_and_not_f(made):
    algorithm, nets, trials = made

    def loss(nets):
        memories = whole.read(nets, trials.recorded.played)
        key = jax.random.key(0)
        return algorithm.objective.beside(nets, trials.recorded, memories, algorithm.settings, key)[
            0
        ]

    grads = eqx.filter_jit(eqx.filter_grad(loss))(nets)
    assert all((g == 0).all() for g in jax.tree.leaves(grads.beside))
    assert any((g != 0).any() for g in jax.tree.leaves(grads.tell))
    assert any((g != 0).any() for g in jax.tree.leaves(grads.reader))
