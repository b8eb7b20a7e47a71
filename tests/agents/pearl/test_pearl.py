"""What PEARL learns from, and what meta-test gets of it."""

import inspect
import typing

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl import make
from dreamrl.agents.algorithm import Agent
from dreamrl.agents.loop import Trainable
from dreamrl.agents.pearl.contexts import Task
from dreamrl.agents.pearl.losses import pearl_loss
from dreamrl.agents.pearl.networks import PearlAgent
from dreamrl.agents.pearl.settings import PearlSettings
from dreamrl.agents.registry import make_trainer
from dreamrl.configuration import changed
from dreamrl.evaluation import outcome
from dreamrl.trial import percepts, play
from dreamrl.types import ProblemID

TINY = changed(
    PearlSettings(),
    {
        "iterations": 150,
        "trials": 32,
        "updates": 4,
        "batch": 64,
        "replayed": 4,
        "contexts": 2,
        "recent": 256,
        "capacity": 1024,
        "learning_rate": 1e-2,
        "target_rate": 0.1,
        "hidden": 16,
        "z": 4,
    },
)


@pytest.fixture(scope="module")
def untrained(relevant_fact):
    algorithm = make_trainer("pearl", relevant_fact, TINY)
    return algorithm, jax.jit(algorithm.init)(jax.random.key(0))


@pytest.fixture(scope="module")
def iterated(untrained):
    algorithm, state = untrained
    return jax.jit(algorithm.iterate)(state)


def test_it_is_an_algorithm_with_an_agent(untrained):
    algorithm, state = untrained
    assert isinstance(algorithm, Trainable)
    assert isinstance(algorithm.agent(state), Agent)
    assert algorithm.encode(state, ProblemID(jnp.array(0))) is None


@pytest.mark.parametrize(
    "function", ["init_exploration", "explore", "beliefs", "init_exploitation", "exploit"]
)
def test_no_function_of_the_agent_takes_a_problem_id(function):
    hints = typing.get_type_hints(getattr(PearlAgent, function))
    assert set(inspect.signature(getattr(PearlAgent, function)).parameters) - {"self"} <= set(hints)
    assert ProblemID not in hints.values()


def test_an_iteration_changes_what_is_trained_and_follows_with_the_target(untrained, iterated):
    _, before = untrained
    after, metrics = iterated

    def distance(a, b):
        return sum(
            float(jnp.abs(x - y).sum()) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True)
        )

    assert distance(before.params.encoder, after.params.encoder) > 0
    moved = distance(before.params.policy, after.params.policy)
    assert 0 < distance(before.target, after.target) < moved
    assert float(metrics["finite"]) == 1
    assert float(metrics["bad_policy"]) == 0
    kept = after.replay.items.trial
    steps = kept.exploration.mask.sum() + kept.exploitation.mask.sum()
    assert float(metrics["steps"]) == int(steps)


def test_trials_are_played_in_the_problems_that_their_numbers_say(iterated, relevant_fact):
    """Episodes that arrive are paid as their problem says: odd ones at the right end."""
    episodes = iterated[0].replay.items.trial.exploitation
    arrived = np.asarray(episodes.terminated)[: TINY.budget.trials, 0]
    where = np.asarray(episodes.observations)[: TINY.budget.trials, 0, 1:, 0]
    paid = np.asarray(episodes.rewards)[: TINY.budget.trials, 0]
    number = np.arange(TINY.budget.trials)[:, None] * np.ones_like(where)
    ends = arrived & (where % 4 == 0)
    assert ends.sum() > 4
    expected = np.where((where == 4) == (number % 2 == 1), 1.0, -1.0)
    np.testing.assert_array_equal(paid[ends], expected[ends])


def test_explorations_do_not_end_themselves(iterated, relevant_fact):
    explored = iterated[0].replay.items.trial.exploration
    taken = np.asarray(explored.actions)[np.asarray(explored.mask)]
    assert len(taken) > 20
    assert relevant_fact.end_action not in taken


def test_the_error_of_q_reaches_the_encoder_and_not_the_target(untrained, iterated):
    _, state = untrained
    items = iterated[0].replay.items.trial
    task = jax.tree.map(lambda x: x[:8], items)
    contexts = jax.tree.map(lambda x: x[:, None], task.exploration)
    tasks = Task(contexts, task.goals, task.exploitation)

    def loss(nets, target):
        return pearl_loss(nets, target, tasks, TINY, jnp.array(0.0), jax.random.key(0))[0]

    nets = (state.params.encoder, state.params.policy)
    to_encoder = eqx.filter_jit(eqx.filter_grad(loss))(nets, state.target)[0]
    assert all(jnp.abs(x).max() > 0 for x in jax.tree.leaves(to_encoder))
    to_target = eqx.filter_jit(eqx.filter_grad(lambda t: loss(nets, t)))(state.target)
    assert all((x == 0).all() for x in jax.tree.leaves(to_target))


@pytest.mark.parametrize("act_on_mean", [False, True])
def test_z_is_drawn_once_an_episode(untrained, relevant_fact, act_on_mean):
    _, state = untrained
    agent = PearlAgent(state.params, act_on_mean)
    key = jax.random.key(1)
    trial = play(relevant_fact, relevant_fact.problem(jnp.array(0)), agent, key)
    belief = jax.tree.map(lambda x: x[3], trial.beliefs)
    seen = percepts(trial.exploration)
    first = jax.tree.map(lambda x: x[0], seen)
    later = jax.tree.map(lambda x: x[1], seen)
    one, other = jax.random.split(key)
    drawn, _ = agent.explore(agent.init_exploration(), first, one)
    assert (agent.explore(drawn, later, other)[0].z == drawn.z).all()
    assert (agent.explore(agent.init_exploration(), first, other)[0].z != drawn.z).all()
    carry, _ = agent.exploit(agent.init_exploitation(belief, 0, one), first, jnp.array(0), one)
    assert (carry.z == belief.mean).all() == act_on_mean
    assert (agent.exploit(carry, later, jnp.array(0), other)[0].z == carry.z).all()
    again = agent.init_exploitation(belief, 0, other)
    assert (again.z == carry.z).all() == act_on_mean


@pytest.mark.learns
def test_a_bandit_is_played_as_well_as_thompson_sampling_can(well_compiled):
    """One pull explores: 1/3 finds the arm that pays; else one of the two others is drawn."""
    family = make("bandit", arms=3, horizon=1)
    settings = changed(TINY, {"iterations": 300})
    algorithm = make_trainer("pearl", family, settings)

    @jax.vmap
    def learn(key):
        def iterate(state, _):
            return algorithm.iterate(state)[0], None

        state, _ = jax.lax.scan(iterate, algorithm.init(key), None, settings.budget.iterations)
        agent = algorithm.agent(state)
        ids = jnp.arange(999) % 3
        many = jax.vmap(lambda i, key: outcome(family, agent, i, key).returns)
        return many(ids, jax.random.split(key, len(ids))).mean()

    returns = well_compiled(learn, jax.random.split(jax.random.key(0), 2))
    bound = 1 / 3 + 2 / 3 / 2
    assert (returns > 0.95 * bound).all()
