"""DREAM's ablations and related objectives: what exploration is paid for, and what learns it."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Experience, Snapshot
from dreamrl.agents.dream.algorithm import Batch, Dream
from dreamrl.agents.dream.dynamics import Dynamics, check_dynamics
from dreamrl.agents.dream.exploration import returns_as_rewards
from dreamrl.agents.dream.objectives import LEARNED, OBJECTIVES, Explored
from dreamrl.agents.loop import State, Trainer
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.families import make, memory
from dreamrl.families.treasure import Treasure
from dreamrl.trial import play
from dreamrl.types import ProblemID, Trajectory


@pytest.mark.parametrize(("steps", "paid"), [(3, [0, 0, 0.7]), (1, [0.7, 0, 0])])
def test_end_to_end_the_last_step_is_paid_the_exploitation_return(steps, paid):
    mask = jnp.arange(3) < steps
    np.testing.assert_allclose(returns_as_rewards(mask, jnp.array(0.7)), paid)


class First(NamedTuple):
    """An algorithm before its first update, and what it makes of its first trials."""

    algorithm: Dream
    state: State
    experience: Experience
    batch: Batch

    @property
    def params(self):
        return self.state.params

    @property
    def explored(self):
        return Explored(self.experience.trial.exploration, self.experience.problem_id)

    def losses(self, params=None):
        """The loss of each group."""
        now = Snapshot(params or self.params, jnp.array(1.0), self.state.memory)
        return self.algorithm.losses(now, self.batch, self.explored, jax.random.key(0))


def first(family, settings, objective):
    """The first trials of DREAM with an objective; none explore at random."""
    settings = changed(settings, {"exploration.objective": objective, "random_share": 0.0})
    algorithm = Dream(family, settings)

    @jax.jit
    def play(key):
        trainer = Trainer(algorithm)
        state = trainer.init(key)
        now = Snapshot(state.params, jnp.array(1.0), state.memory)
        experience = trainer.play(now, jnp.array(0), jax.random.key(1))
        return state, experience, algorithm.prepare(now, experience)[0]

    return First(algorithm, *play(jax.random.key(0)))


@pytest.fixture(scope="module")
def returns(relevant_fact, small):
    """What two policies may learn from trials, where exploration is paid what follows."""
    return first(relevant_fact, small, "returns").batch


def test_paid_by_returns_trials_on_the_encoders_z_teach_exploration_nothing(returns):
    decoded = returns.exploitation.believed
    taught = returns.exploration.learner.mask.any(1)
    assert decoded.any()
    assert not decoded.all()
    np.testing.assert_array_equal(taught, decoded)


def test_paid_by_returns_an_exploration_is_worth_what_exploitation_returned(returns):
    """The values are those of a new critic, near 0, and the discount is near 1."""
    taught = returns.exploitation.believed
    first = returns.exploration.learner.targets[:, 0][taught]
    # Of an episode of one step, the exploitation's target is its return.
    after = returns.exploitation.learner.targets[:, 0][taught]
    assert float(jnp.corrcoef(first, after)[0, 1]) > 0.5


def test_paid_by_returns_explorations_are_not_stopped(returns):
    np.testing.assert_array_equal(returns.exploration.continuation, 1.0)


def largest(tree):
    """The largest entry, by size, of all arrays."""
    return max(float(jnp.abs(x).max()) for x in jax.tree.leaves(eqx.filter(tree, eqx.is_array)))


def test_end_to_end_exploitation_teaches_what_reads_the_exploration(relevant_fact, small):
    """Every episode acts on the decoder's z, the decoder learns from that alone, and f nothing."""
    found = first(relevant_fact, changed(small, {"episodes": 2}), "end-to-end")
    assert found.batch.exploitation.believed.all()
    groups, losses = found.algorithm.groups(found.params), found.losses()
    to_decoder = eqx.filter_grad(lambda decoder: losses["decoder"](decoder)[0])(groups["decoder"])
    assert largest(to_decoder) > 0
    exploit = lambda nets: losses["exploitation"](nets)[0]  # noqa: E731
    to_encoder, to_policy = eqx.filter_grad(exploit)(groups["exploitation"])
    assert largest(to_encoder) == 0
    assert largest(to_policy) > 0
    # Both losses are one, on what the decoder of now reads.
    values = [float(losses[name](groups[name])[0]) for name in ("exploitation", "decoder")]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    other = found.params._replace(decoder=jax.tree.map(lambda x: 2 * x, found.params.decoder))
    assert float(found.losses(other)["exploitation"](groups["exploitation"])[0]) != values[0]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_exploration_is_paid_for_what_an_objective_has_less_left(name, irrelevant_fact, small):
    found = first(irrelevant_fact, small, name)
    left = np.asarray(found.params.objective.left(found.explored))
    mask = np.asarray(found.experience.trial.exploration.mask)
    assert left.shape == (mask.shape[0], mask.shape[1] + 1)
    # Of the last step the target is what it is paid: values of a new critic are near 0.
    unit, last = left[:, 0].mean(), mask.sum(1) - 1
    rows = np.arange(len(last))
    gained = (left[rows, last] - left[rows, last + 1]) / unit
    share = np.clip(1 - left[:, -1].mean() / unit, 0, 1)
    targets = np.asarray(found.batch.exploration.learner.targets)[rows, last]
    cost = found.algorithm.settings.exploration.cost
    np.testing.assert_allclose(targets, gained - cost * share, atol=1e-4)


@pytest.mark.parametrize("name", LEARNED)
def test_what_an_objective_learns_it_learns_by_its_own_loss(name, irrelevant_fact, small):
    found = first(irrelevant_fact, small, name)
    assert found.algorithm.group_names[-1] == "objective"
    loss = lambda params: found.losses(params)["objective"](params.objective)[0]  # noqa: E731
    value, grads = eqx.filter_jit(eqx.filter_value_and_grad(loss))(found.params)
    assert largest(grads.objective) > 0
    assert largest(grads._replace(objective=None)) == 0
    step = lambda x, g: x if g is None else x - 0.01 * g  # noqa: E731
    arrays, rest = eqx.partition(found.params.objective, eqx.is_inexact_array)
    moved = eqx.combine(jax.tree.map(step, arrays, grads.objective), rest)
    assert float(loss(found.params._replace(objective=moved))) < float(value)


def explorations(positions):
    """Explorations of the tiny family that were at these positions."""
    positions = jnp.array(positions)
    count, steps = positions.shape[0], positions.shape[1] - 1
    observations = jnp.concatenate([positions[..., None], jnp.zeros((*positions.shape, 2), int)], 2)
    flags = jnp.zeros((count, steps), bool)
    zeros = jnp.zeros((count, steps))
    trajectory = Trajectory(observations, flags.astype(int), zeros, flags, flags, ~flags)
    return Explored(trajectory, ProblemID(jnp.zeros(count, int)))


def test_only_what_was_not_seen_before_is_new(relevant_fact):
    novelty = OBJECTIVES["novelty"](jax.random.key(0), relevant_fact, 8, 4)
    left = novelty.left(explorations([[2, 3, 2, 1, 0, 1, 1], [2, 2, 3, 4, 3, 2, 1]]))
    np.testing.assert_array_equal(left, [[6, 5, 5, 4, 3, 3, 3], [6, 6, 5, 4, 4, 4, 3]])


def test_a_belief_begins_with_all_problems_and_its_entropy_falls_as_they_are_told(relevant_fact):
    """Of eight problems, of which the explorations tell a bit, three bits and two are left."""
    belief = OBJECTIVES["belief-entropy"](jax.random.key(0), relevant_fact, 16, 4)
    belief = eqx.tree_at(lambda b: b.reader.mean.weight, belief, replace_fn=jnp.zeros_like)
    explored = explorations([[2, 3, 4, 4, 4, 4, 4]])
    np.testing.assert_allclose(belief.left(explored), np.log(8), rtol=1e-6)
    told = jnp.where(jnp.arange(8) % 2 == 0, 0.0, -100.0)
    belief = eqx.tree_at(lambda b: b.reader.mean.bias, belief, told)
    np.testing.assert_allclose(belief.left(explored), np.log(4), rtol=1e-6)
    np.testing.assert_allclose(belief.loss(explored), np.log(4), rtol=1e-6)


def test_a_belief_about_too_many_problems_is_refused():
    family = make("growth:problems=1000000")
    with pytest.raises(UserError, match="4,096 training problems"):
        OBJECTIVES["belief-entropy"](jax.random.key(0), family, 8, 4)


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
    with pytest.raises(UserError, match=r"in each of 1,000,000 .* 64.0 GB that there are"):
        make_trainer("dream", family, settings)


def test_dynamics_count_alike_however_seldom_they_are_reached():
    """Gray lines are further off than the others; one that differs is as far a way from z to z."""
    bus = make("distracting-bus")
    means = np.asarray(jax.jit(lambda key: Dynamics(key, bus, 64).means)(jax.random.key(0)))
    ends = np.array(jax.vmap(bus.problem)(jnp.array(bus.train_ids)).partners[:, jnp.r_[:4, 8:12]])
    differ = (ends[:, None] != ends).any(-1)
    lines = np.stack([differ[..., :4].sum(-1), differ[..., 4:].sum(-1)], -1).reshape(-1, 2)
    distances = np.square(means[:, None] - means).sum(-1).reshape(-1)
    (useful, gray), *_ = np.linalg.lstsq(lines, distances)
    assert useful > 0.1
    assert gray == pytest.approx(useful, rel=0.2)


class Outside(Treasure):
    """Played outside of JAX, a few episodes at once."""

    at_once = 4


def test_dynamics_are_of_states_that_can_be_set():
    with pytest.raises(UserError, match=r"predict-dynamics .* outside of JAX"):
        check_dynamics(Outside())


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
