"""What reads trials learns from random explorations and from replay; the policy from neither."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents import registry
from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.loop import Trainer
from dreamrl.configuration import changed
from dreamrl.errors import UserError

COUNT = 32
FED = {"random_share": 0.25, "reader.replay": 2 * COUNT, "reader.batch": 8}


@pytest.fixture(scope="module", params=["import", "varibad"])
def played(request, relevant_fact):
    """The algorithm, and its state and trials of the first iteration."""
    small = {"trials": COUNT, "minibatches": 1, "hidden": 8, "z": 3}
    settings = changed(registry.settings_for(request.param), small | FED)
    trainer = registry.make_trainer(request.param, relevant_fact, settings)

    @jax.jit
    def begin(key):
        state = trainer.init(key)
        now = Snapshot(state.params, jnp.array(0.0), state.memory)
        new = trainer.play(now, jnp.array(0), jax.random.key(1))
        return state, new, trainer.algorithm.prepare(now, new)[0]

    return trainer, *begin(jax.random.key(0))


def test_random_explorations_teach_the_policy_nothing(played):
    _, _, new, batch = played
    random = np.asarray(new.conditions.random) > 0
    assert random.sum() == COUNT / 4
    taught = np.asarray(batch.exploration.mask).any(1)
    np.testing.assert_array_equal(taught, ~random)
    # They were explored all the same, and what followed them is learned from.
    assert new.trial.exploration.mask.any(1).all()
    assert batch.exploitation.mask.any((1, 2)).all()


def test_where_the_policy_is_told_the_problem_explorations_may_be_random(played):
    """What follows a random exploration is then as good as any."""
    _, _, new, _ = played
    if new.conditions.context is not None:
        random = new.conditions.random > 0
        assert new.conditions.context.informed[random].all()


def test_the_reader_learns_from_what_was_kept(played):
    trainer, state, new, batch = played
    algorithm = trainer.algorithm
    memory = algorithm.remember(state.memory, new)
    assert int(memory.added) == COUNT
    recalled = algorithm.recalled(memory, jax.random.key(0))
    assert recalled.problem_id.value.shape == (8,)
    now = Snapshot(state.params, jnp.array(0.0))

    def taught(recalled):
        loss = algorithm.losses(now, batch, recalled, jax.random.key(0))["policy"]
        return eqx.filter_grad(lambda nets: loss(nets)[0])(state.params)

    taught = jax.jit(taught)
    doubled = jax.tree.map(lambda x: x, recalled.trial.exploration)
    doubled = doubled._replace(rewards=2 * doubled.rewards + 1)
    other = recalled._replace(trial=recalled.trial._replace(exploration=doubled))
    first, second = taught(recalled), taught(other)
    assert eqx.tree_equal(first.policy, second.policy)
    assert not eqx.tree_equal(first.belief_head, second.belief_head)


def test_what_does_not_fit_into_the_replay_is_refused(played):
    trainer, *_ = played
    with pytest.raises(UserError, match=r"reader\.replay"):
        changed(trainer.settings, {"reader.replay": COUNT + 1})


def test_an_iteration_goes_through(played):
    trainer, state, *_ = played
    after, metrics = jax.jit(Trainer(trainer.algorithm).iterate)(state)
    assert int(after.memory.added) == COUNT
    assert float(metrics["finite"]) == 1
