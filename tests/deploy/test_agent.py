"""Explored and exploited as at meta-test, wherever the agent is put, told nothing about it."""

import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.cli import main
from dreamrl.configuration import changed
from dreamrl.deploy import ProblemEnvironment, TrainedAgent, prepare
from dreamrl.deploy.driver import first_steps
from dreamrl.errors import UserError
from dreamrl.trial import play
from tests.deploy.conftest import Rumour

GOAL = (8, 8)


class Robot:
    """An environment that is no more than the protocol says, and keeps its problem to itself."""

    def __init__(self, family, problem_id, goal=None):
        goal = None if goal is None else jnp.array(goal)
        self._inside = ProblemEnvironment(family, family.problem(jnp.array(problem_id)), goal)

    def reset(self):
        return self._inside.reset().tolist()

    def step(self, action):
        observation, *rest = self._inside.step(action)
        return (observation.tolist(), *rest)


def test_it_does_what_meta_test_does(circling):
    family, agent = circling.family, circling.agent
    trial = play(family, family.problem(jnp.array(3)), agent, jax.random.key(0))
    beliefs = circling.explore(3)
    steps = beliefs.steps
    assert steps == int(trial.exploration.length) == 7
    both = map(jax.tree.leaves, (beliefs.trajectory, trial.exploration))
    for mine, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(mine, theirs[: len(mine)], rtol=1e-6)
    np.testing.assert_allclose(beliefs.means, trial.beliefs.mean[: steps + 1], rtol=1e-6)
    episode = circling.exploit(3, trial.goals[0], beliefs)
    np.testing.assert_allclose(
        episode.episode_return, trial.exploitation.episode_return[0], rtol=1e-6
    )


def test_a_seed_is_a_trial_of_meta_test_where_family_and_agent_draw():
    family = Rumour()
    settings = changed(settings_for("maml"), {"trials": 4, "hidden": 4})
    trainer = make_trainer("maml", family, settings)
    agent = prepare(family, trainer, trainer.init(jax.random.key(0)))
    trial = play(family, family.problem(jnp.array(2)), agent.agent, jax.random.key(5))
    explored = agent.explore(2, seed=5)
    np.testing.assert_array_equal(explored.trajectory.observations, trial.exploration.observations)
    again = agent.explore(2, seed=6)
    assert (again.trajectory.observations != trial.exploration.observations).any()
    exploited = agent.exploit(2, 0, explored, seed=5)
    wanted = first_steps(jax.tree.map(lambda x: x[0], trial.exploitation), len(exploited.actions))
    np.testing.assert_array_equal(exploited.actions, wanted.actions)
    np.testing.assert_array_equal(exploited.rewards, wanted.rewards)


def test_the_problem_id_goes_into_the_environment_alone(circling):
    told, untold = circling.explore(3), circling.explore(Robot(circling.family, 3))
    problem = circling.explore(circling.family.problem(jnp.array(3)))
    np.testing.assert_array_equal(told.means, untold.means)
    np.testing.assert_array_equal(told.means, problem.means)
    np.testing.assert_array_equal(told.confidence, untold.confidence)
    # What was there to know is known for the ID of a training problem only.
    np.testing.assert_allclose(told.gained.sum(), 1 - told.errors[-1] / told.errors[0], rtol=1e-5)
    assert untold.gained is problem.gained is None
    told, untold = (
        circling.exploit(where, GOAL, told) for where in (3, Robot(circling.family, 3, GOAL))
    )
    jax.tree.map(np.testing.assert_array_equal, told, untold)
    assert untold.terminated[-1]


def test_how_far_steps_moved_the_belief(circling):
    beliefs = circling.explore(3)
    np.testing.assert_allclose(
        beliefs.moved[2], ((beliefs.means[3] - beliefs.means[2]) ** 2).sum(), rtol=1e-6
    )


def test_an_agent_without_an_encoder_has_no_confidence_and_says_so(circling):
    bare = TrainedAgent(circling.family, circling.agent)
    beliefs = bare.explore(3)
    assert beliefs.confidence is beliefs.gained is None
    assert "no confidence: the agent has no encoder" in str(beliefs)
    assert "most like known problem" in str(circling.explore(3))
    assert bare.exploit(3, GOAL, beliefs).terminated[-1]


def test_places_that_are_none(circling):
    with pytest.raises(UserError, match="'bus' has no problem 24"):
        circling.explore(24)
    for where in ("kitchen", None, 3.5, (1, 2)):
        with pytest.raises(UserError, match=r"reset\(\) and step\(action\); this is a"):
            circling.explore(where)
    with pytest.raises(UserError, match=r"the goal is \(9, 9\), which is not in"):
        circling.exploit(3, (9, 9), circling.explore(3))


def test_environments_that_return_something_else(circling):
    robot = Robot(circling.family, 3)
    step, robot.step = robot.step, lambda action: (*step(action), {})
    with pytest.raises(UserError, match=r"Robot\.step\(action\) must return \(observation"):
        circling.explore(robot)


@pytest.fixture
def trained(fake, tmp_path, monkeypatch):
    """Trains the fake agent on bus; gives the run's directory."""
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)

    def train(*more):
        quick = ["--chunk", "4", "--evaluation-trials", "8", "--out", str(tmp_path / "run")]
        assert main(["train", "fake", "bus", *quick, *more]) == 0
        return tmp_path / "run"

    return train


def test_load_brings_back_what_was_trained(trained):
    run = trained()
    agent = dreamrl.load(run)
    assert agent.family.name == "bus"
    assert agent.fingerprint == dreamrl.load(str(run)).fingerprint
    assert agent.exploit(3, GOAL, agent.explore(3)).episode_return > 0


def test_what_cannot_be_loaded(trained, tmp_path):
    with pytest.raises(UserError, match="nowhere does not exist"):
        dreamrl.load(tmp_path / "nowhere")
    run = trained("--seeds", "2")
    with pytest.raises(UserError, match=r"holds 2 runs: give one of them, as .*seed-0"):
        dreamrl.load(run)


def test_the_example_runs(trained, capsys):
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "robot.py"))
    # The fake agent takes the eight steps' walk to the corner.
    assert example["robot"](str(trained())) == pytest.approx(0.3)
    assert "7 steps of exploration, most like known problem" in capsys.readouterr().out
