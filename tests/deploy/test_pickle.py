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
from dreamrl.errors import FamilyError, HostError, UserError
from dreamrl.families.family import plain
from dreamrl.training import Failure, Training, TrainingDiverged

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
    family = circling.family
    world = ProblemEnvironment(family, family.problem(jax.numpy.array(3)))
    circling.explore(world)
    before = _kept_program.cache_info().misses
    pickle.loads(pickle.dumps(circling)).explore(world)
    assert _kept_program.cache_info().misses == before


@pytest.mark.parametrize("way", WAYS)
def test_an_episode_goes_on_elsewhere(small_dream, way):
    """A driver in the middle of it, and its own loop untouched."""
    family, belief = small_dream.family, small_dream.explore(1)
    for driver in (small_dream.explorer(3), small_dream.exploiter(belief, 0)):
        problem = family.problem(jax.numpy.array(1))
        world = ProblemEnvironment(family, problem, jax.numpy.array(0), 3)
        driver.observe(world.reset())
        driver.observe(*world.step(driver.act()))
        again = WAYS[way](driver)
        for each in (driver, again):
            drive_on(each)
        same(again.trajectory, driver.trajectory)
        same(again.belief.held, driver.belief.held)


def drive_on(driver):
    while not driver.done:
        driver.act()
        driver.observe(np.array(0), 0.5)


@pytest.fixture(scope="module")
def returned(tmp_path_factory):
    few = dreamrl.training.Plan(chunk=1, evaluation_trials=4)
    result = dreamrl.train("random-exploration", "bandit", iterations=1, trials=4, plan=few)
    names, out = ["random-exploration:iterations=1,trials=4"], tmp_path_factory.mktemp("out")
    compared = dreamrl.compare(names, ["bandit"], seeds=1, trials=4, out=out)
    return result, dreamrl.evaluate(result.agent, trials=4), compared


def test_what_trainings_and_comparisons_return(returned, through):
    result, measured, compared = returned
    again = through(result)
    assert again.agent.fingerprint == result.agent.fingerprint
    assert again.records == result.records
    same(through(measured).returns, measured.returns)
    assert str(through(compared)) == str(compared)


@pytest.mark.parametrize(
    "error",
    [
        UserError("asked for"),
        HostError("raised there"),
        FamilyError("own", ["first", "second"]),
        TrainingDiverged(Training(None, 3, 1, (9,), 0.5, 0.1), (Failure(0, 3, "not finite"),)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_come_back_as_they_were(error, through):
    again = through(error)
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_explorations_in_other_processes(small_dream):
    """The workers know nothing but what they are sent."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        found = list(pool.map(small_dream.explore, [0, 1]))
        # What was wrong comes back, and the pool goes on.
        with pytest.raises(UserError, match="99"):
            pool.submit(small_dream.explore, 99).result()
        with pytest.raises(FamilyError, match="2 fault"):
            pool.submit(fail).result()
        assert pool.submit(abs, -3).result() == 3
    for problem_id, belief in enumerate(found):
        here = small_dream.explore(problem_id)
        np.testing.assert_array_equal(belief.trajectory.actions, here.trajectory.actions)
        np.testing.assert_allclose(belief.means, here.means, atol=1e-5)
        assert small_dream.exploit(problem_id, 0, belief).actions.shape


def fail():
    raise FamilyError("own", ["first", "second"])


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
