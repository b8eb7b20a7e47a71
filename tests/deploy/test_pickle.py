"""Agents and beliefs go to other processes, and come back the same."""

import concurrent.futures
import copy
import multiprocessing
import pickle

import cloudpickle
import jax
import numpy as np
import pytest

import dreamrl
from dreamrl.agents.registry import METHODS, make_trainer
from dreamrl.deploy import ProblemEnvironment, TrainedAgent, prepare
from dreamrl.deploy.agent import _kept_program
from dreamrl.families.family import plain

WAYS = {
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "cloudpickle": lambda x: pickle.loads(cloudpickle.dumps(x)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def through(request):
    """There and back again."""
    return request.param


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_agents_and_beliefs(circling, through):
    belief = circling.explore(3)
    agent, again = through(circling), through(belief)
    assert agent.fingerprint == circling.fingerprint
    same(agent.explore(3, seed=4).held, circling.explore(3, seed=4).held)
    same(again.held, belief.held)
    same(again.trajectory, belief.trajectory)
    same(again.errors, belief.errors)
    same(again.confidence, belief.confidence)
    assert str(again) == str(belief)
    same(agent.exploit(3, (8, 8), again), circling.exploit(3, (8, 8), belief))
    bare = through(TrainedAgent(circling.family, circling.agent))
    assert bare.explore(3).confidence is None


def test_what_was_fitted_goes_along(circling, through):
    belief = circling.explore(3)
    fitted = belief.known.posterior
    again = through(belief).known
    same(again.__dict__["posterior"].encodings, fitted.encodings)


def test_an_agent_that_arrives_again_is_not_compiled_again(circling):
    circling.explore(3)
    before = _kept_program.cache_info().misses
    pickle.loads(pickle.dumps(circling)).explore(3)
    assert _kept_program.cache_info().misses == before


def test_explorations_in_other_processes(small_dream):
    """The workers know nothing but what they are sent."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        found = list(pool.map(small_dream.explore, [0, 1]))
    for problem_id, belief in enumerate(found):
        here = small_dream.explore(problem_id)
        np.testing.assert_array_equal(belief.trajectory.actions, here.trajectory.actions)
        np.testing.assert_allclose(belief.means, here.means, atol=1e-5)
        assert small_dream.exploit(problem_id, 0, belief).actions.shape


@pytest.fixture(scope="module")
def small_dream():
    return untrained("dream")


def untrained(name):
    family = dreamrl.make("bandit")
    trainer = make_trainer(name, family, METHODS[name].presets["default"])
    return prepare(trainer.family, trainer, trainer.init(jax.random.key(0)))


@pytest.mark.parametrize("name", METHODS)
def test_agents_of_all_methods_and_their_settings(name):
    agent = untrained(name)
    there = pickle.dumps(agent)
    again = pickle.loads(there)
    assert again.fingerprint == agent.fingerprint
    assert jax.tree.structure(again.agent) == jax.tree.structure(agent.agent)
    for settings in METHODS[name].presets.values():
        assert pickle.loads(pickle.dumps(settings)) == settings


@pytest.mark.parametrize("name", dreamrl.families.NAMES)
def test_families(name, through):
    family = dreamrl.make(name)
    again = through(family)
    assert again == family
    problem = family.problem(jax.numpy.array(family.train_ids[0]))
    same(again.problem(jax.numpy.array(family.train_ids[0])), problem)
    where = through(ProblemEnvironment(family, problem, seed=3))
    same(where.reset(), ProblemEnvironment(family, problem, seed=3).reset())


def test_families_with_numbers_of_numpys(through):
    odd = plain(Odd("bus"))
    again = through(odd)
    assert again == odd
    assert hash(again) == hash(odd)
    assert (again.train_ids, again.horizon) == (tuple(range(20)), 20)
    assert type(again.horizon) is int


class Odd(type(dreamrl.make("bus"))):
    train_ids = test_ids = np.arange(20)
    horizon = np.int64(20)
