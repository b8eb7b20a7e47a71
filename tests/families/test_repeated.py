"""Explorations of several episodes: after an end the problem is reset, and tried again."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.families.family import HasDescriptions, horizon_of
from dreamrl.families.memory import trial_bytes
from dreamrl.families.privileged import WithTaskInfo
from dreamrl.families.repeated import Repeated, explored_in
from dreamrl.references import references
from dreamrl.spaces import Discrete
from dreamrl.testing import check_family, replay
from dreamrl.types import Step


class DoorState(NamedTuple):
    opened: jnp.ndarray


class Doors:
    """One of three doors is right; to open one ends the episode. One exploration opens one door.

    Seen: 0 at first, 1 behind a wrong door, 2 behind the right one.
    """

    name = "doors"
    train_ids = test_ids = (0, 1, 2)
    horizon = 1
    end_action = None
    observation_space = Discrete(3)
    action_space = Discrete(3)
    goal_space = Discrete(1)
    action_names = ("left", "middle", "right")

    def problem(self, problem_id):
        return jnp.asarray(problem_id)

    def goals(self, problem):
        return jnp.array([0]), jnp.array([1.0])

    def sample_goal(self, key, problem):
        return jnp.array(0)

    def describe(self, problem_id):
        return jax.nn.one_hot(problem_id, 3)

    def reset(self, key, problem):
        return DoorState(jnp.array(False)), jnp.array(0)

    def step(self, key, problem, goal, state, action):
        right = action == problem
        done = jnp.array(True)
        reward = right.astype(jnp.float32)
        return DoorState(done), Step(1 + right, reward, done, ~done)


TWICE = Repeated(Doors(), 2)


def test_an_exploration_is_two_episodes_and_a_step_between_them():
    assert (TWICE.horizon, TWICE.exploration_horizon) == (1, 3)
    found = replay(TWICE, 1, None, [0, 2, 1])
    # The wrong door, the reset (its action opens nothing), and the right one.
    assert found.observations.tolist() == [0, 1, 0, 2]
    assert found.rewards.tolist() == [0, 0, 1]
    assert found.terminated.tolist() == [False, False, True]
    assert not found.truncated.any()
    assert found.states.episode.tolist() == [0, 0, 1, 1]
    assert found.states.over.tolist() == [False, True, False, False]
    # With a goal it is one episode, as it was.
    asked = replay(TWICE, 1, 0, [1])
    assert (asked.observations.tolist(), asked.terminated.tolist()) == ([0, 2], [True])


def test_it_is_a_family_and_has_what_its_family_has():
    check_family(TWICE)
    assert Repeated(TWICE.family, 2) == TWICE
    assert TWICE.action_names == Doors.action_names
    assert isinstance(TWICE, HasDescriptions)
    np.testing.assert_array_equal(TWICE.describe(2), [0, 0, 1])
    assert not isinstance(Repeated(dreamrl.make("bandit"), 2), HasDescriptions)
    assert explored_in(TWICE, 1) is TWICE
    assert horizon_of(WithTaskInfo(TWICE), exploring=True) == 3
    assert trial_bytes(TWICE) > trial_bytes(TWICE.family)


def test_what_more_explorations_are_worth():
    """Told apart by one door: 1/3 is right at once, else one of two is left. Two doors tell all."""
    once, twice = references(Doors(), number=50), references(TWICE, number=50)
    assert (once.optimum, once.no_exploration) == (twice.optimum, twice.no_exploration)
    assert once.bayes_optimal == pytest.approx(1 / 3 + 2 / 3 / 2)
    assert twice.bayes_optimal == pytest.approx(1)
    assert (once.shortest_informative, twice.shortest_informative) == (None, 3)


TINY = {"explorations": 2, "iterations": 2, "trials": 6}
LEARNERS = {
    "ppo": {"minibatches": 1},
    "dqn": {"learner": "dqn", "updates": 1, "learner.batch": 4, "capacity": 12},
}
CASES = {
    "dream": {"decoder.replay": 12, "decoder.batch": 6},
    "pearl": {"updates": 1, "learner.batch": 4, "capacity": 12, "replayed": 2, "contexts": 2},
}


@pytest.mark.parametrize(
    ("name", "learner"), [("dream", "ppo"), ("varibad", "ppo"), ("maml", "ppo"), ("e-rl2", "dqn")]
)
def test_each_agent_trains_on_it(name, learner):
    more = LEARNERS[learner] | CASES.get(name, {})
    _trains(name, changed(settings_for(name), TINY | more))


def test_pearl_trains_on_it():
    _trains("pearl", changed(settings_for("pearl"), TINY | CASES["pearl"]))


def _trains(name, settings):
    trainer = make_trainer(name, Doors(), settings)
    assert horizon_of(trainer.family, exploring=True) == 3
    state, metrics = jax.jit(lambda key: trainer.iterate(trainer.init(key)))(jax.random.key(0))
    assert float(metrics["finite"]) == 1
    problem = trainer.family.problem(jnp.array(1))
    trial = dreamrl.play(trainer.family, problem, trainer.agent(state), jax.random.key(1))
    assert trial.exploration.rewards.shape == (3,)
    assert trial.exploitation.rewards.shape == (1, 1)


@pytest.mark.learns
def test_a_second_try_is_made_use_of():
    """With one exploration 2/3 of the doors are right, with two all."""
    learned = [
        dreamrl.evaluate(
            dreamrl.train("e-rl2", Doors(), iterations=60, trials=128, explorations=tries).agent,
            trials=300,
        ).return_mean
        for tries in (1, 2)
    ]
    np.testing.assert_allclose(learned, [2 / 3, 1], atol=0.07)


def test_a_run_remembers_it(tmp_path, monkeypatch):
    out = tmp_path / "run"
    made = dreamrl.train(
        "random-exploration", "bandit", iterations=1, trials=4, minibatches=1, explorations=3,
        out=out,
    )  # fmt: skip
    agent = dreamrl.load(out)
    assert horizon_of(agent.family, exploring=True) == 3 * 6 - 1
    explored = agent.explore(0)
    assert len(explored.trajectory.actions) > 6
    assert explored.trajectory.actions.tolist() == made.agent.explore(0).trajectory.actions.tolist()


def test_environments_in_python_say_that_they_cannot():
    class Hosted(Doors):
        at_once = 8

    with pytest.raises(UserError, match=r"explorations must be 1 for 'doors'"):
        make_trainer("rl2", Hosted(), changed(settings_for("rl2"), {"explorations": 2}))
