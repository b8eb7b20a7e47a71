"""IMPORT: which trials are informed, and what the auxiliary loss trains."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.import_.losses import pull_loss
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.agents.whole_trial.losses import Trials, read
from dreamrl.configuration import changed


@pytest.fixture(scope="module")
def made(relevant_fact):
    """The algorithm, first networks, new trials and the batch made of them."""
    changes = {"trials": 8, "minibatches": 1, "hidden": 8, "z": 4}
    trainer = make_trainer("import", relevant_fact, changed(settings_for("import"), changes))
    algorithm = trainer.algorithm

    @jax.jit
    def make(key):
        now = Snapshot(trainer.init(key).params, jnp.array(0.0))
        new = trainer.play(now, jnp.array(0), jax.random.key(1))
        return now.params, new, algorithm.prepare(now, new)[0]

    return algorithm, *make(jax.random.key(0))


def test_half_of_the_trials_are_informed_of_f(made):
    algorithm, nets, new, _ = made
    context = new.conditions.context
    assert int(context.informed.sum()) == 4
    np.testing.assert_allclose(context.z, nets.auxiliary(new.problem_id), rtol=1e-6)
    np.testing.assert_allclose(context.z, algorithm.encode(nets, new.problem_id), rtol=1e-6)
    chosen = context.replace(jnp.zeros((8, 4)))
    np.testing.assert_array_equal(chosen[:4], context.z[:4])
    assert (chosen[4:] == 0).all()


def test_the_auxiliary_loss_pulls_g_and_not_f(made):
    algorithm, nets, new, batch = made
    trials = Trials(batch.problem_id, batch.trial)

    def loss(nets):
        hidden = read(nets, new.trial)
        return algorithm.auxiliary_loss(nets, trials, hidden, jax.random.key(0))[0]

    grads = eqx.filter_jit(eqx.filter_grad(loss))(nets)
    assert all((g == 0).all() for g in jax.tree.leaves(grads.auxiliary))
    assert any((g != 0).any() for g in jax.tree.leaves(grads.belief_head))
    assert any((g != 0).any() for g in jax.tree.leaves(grads.encoder))
    pulled, _ = pull_loss(nets, trials, read(nets, new.trial))
    np.testing.assert_allclose(loss(nets), algorithm.settings.auxiliary * pulled, rtol=1e-5)
