"""DREAM's ablations: what exploration is paid for, and whether it is learned."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.dream.algorithm import Dream
from dreamrl.agents.dream.dynamics import Dynamics
from dreamrl.agents.dream.exploration import returns_as_rewards
from dreamrl.agents.loop import Trainer
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.families import make, memory
from dreamrl.trial import play
from dreamrl.types import ProblemID


@pytest.mark.parametrize(("steps", "paid"), [(3, [0, 0, 0.7]), (1, [0.7, 0, 0])])
def test_end_to_end_the_last_step_is_paid_the_exploitation_return(steps, paid):
    mask = jnp.arange(3) < steps
    np.testing.assert_allclose(returns_as_rewards(mask, jnp.array(0.7)), paid)


@pytest.fixture(scope="module")
def end_to_end(relevant_fact, small):
    """What two policies may learn from trials."""
    settings = changed(small, {"exploration.objective": "end-to-end", "random_share": 0.0})
    algorithm = Dream(relevant_fact, settings)

    @jax.jit
    def batch(key):
        trainer = Trainer(algorithm)
        state = trainer.init(key)
        now = Snapshot(state.params, jnp.array(1.0), state.memory)
        return algorithm.prepare(now, trainer.play(now, jnp.array(0), jax.random.key(1)))[0]

    return batch(jax.random.key(0))


def test_end_to_end_trials_on_the_encoders_z_teach_exploration_nothing(end_to_end):
    decoded = end_to_end.exploitation.decoded
    taught = end_to_end.exploration.learner.mask.any(1)
    assert decoded.any()
    assert not decoded.all()
    np.testing.assert_array_equal(taught, decoded)


def test_end_to_end_an_exploration_is_worth_what_exploitation_returned(end_to_end):
    """The values are those of a new critic, near 0, and the discount is near 1."""
    taught = end_to_end.exploitation.decoded
    first = end_to_end.exploration.learner.targets[:, 0][taught]
    # Of an episode of one step, the exploitation's target is its return.
    returns = end_to_end.exploitation.learner.targets[:, 0][taught]
    assert float(jnp.corrcoef(first, returns)[0, 1]) > 0.5


def test_end_to_end_explorations_are_not_stopped(end_to_end):
    np.testing.assert_array_equal(end_to_end.exploration.continuation, 1.0)


def test_dynamics_are_alike_where_nothing_can_tell_problems_apart(relevant_fact):
    """IDs of the tiny family differ in a bit, which is written, and in a symbol, which is not."""
    dynamics = Dynamics(jax.random.key(0), relevant_fact, 8)
    means = dynamics(ProblemID(jnp.array(relevant_fact.train_ids)))
    same, other = means[0::2], means[1::2]
    np.testing.assert_allclose(same, jnp.broadcast_to(same[0], same.shape), atol=1e-5)
    np.testing.assert_allclose(other, jnp.broadcast_to(other[0], other.shape), atol=1e-5)
    assert float(jnp.square(same[0] - other[0]).sum()) > 0.5
    np.testing.assert_allclose(jnp.square(means).sum(-1).mean(), 1.0, rtol=1e-5)


def test_dynamics_of_too_many_problems_are_refused_at_once(monkeypatch):
    monkeypatch.setattr(memory, "machine_bytes", lambda: 2**36)
    family = make("growth:problems=1000000")
    settings = settings_for("dream", family.name)
    make_trainer("dream", family, settings)
    settings = changed(settings, {"exploration.objective": "predict-dynamics"})
    with pytest.raises(UserError, match=r"256 .* 64.0 GB that there are"):
        make_trainer("dream", family, settings)


def test_dynamics_are_not_learned(relevant_fact):
    dynamics = Dynamics(jax.random.key(0), relevant_fact, 8)
    ids = ProblemID(jnp.array(relevant_fact.train_ids))
    grads = eqx.filter_grad(lambda d: jnp.square(d(ids) - 1).sum())(dynamics)
    np.testing.assert_array_equal(grads.means, 0)


@pytest.mark.parametrize("learner", ["ppo", "dqn"])
def test_a_random_explorer_does_anything_but_end(learner, relevant_fact, small, small_dqn):
    settings = changed(small if learner == "ppo" else small_dqn, {"exploration.policy": "random"})
    algorithm = Dream(relevant_fact, settings)

    @jax.jit
    def trials(key):
        trainer, keys = Trainer(algorithm), jax.random.split(jax.random.key(2), 60)
        state = trainer.init(key)
        now = Snapshot(state.params, jnp.array(0.0), state.memory)
        new = trainer.play(now, jnp.array(0), jax.random.key(1))
        agent, problem = algorithm.agent(state.params), relevant_fact.problem(jnp.array(0))
        tested = jax.vmap(lambda key: play(relevant_fact, problem, agent, key))(keys)
        return new.trial.exploration, tested.exploration

    explored, tested = trials(jax.random.key(0))
    taken = np.asarray(explored.actions)[np.asarray(explored.mask)]
    shares = np.bincount(taken, minlength=4) / len(taken)
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 1 / 3, 0], atol=0.1)
    # At meta-test it is as random, and does not stop.
    first = np.asarray(tested.actions[:, 0])
    assert set(first.tolist()) == {0, 1, 2}
    assert tested.mask[:, 0].all()
