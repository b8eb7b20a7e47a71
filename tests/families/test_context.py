"""What is known about a problem from the start is seen in both episodes, and tells no more."""

import dataclasses
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import FamilyError, UserError
from dreamrl.families.adapted import adapted
from dreamrl.families.context import WithContext
from dreamrl.families.one_goal import all_goals, the_goal
from dreamrl.families.repeated import Repeated
from dreamrl.networks.observations import check_pictures
from dreamrl.references import references
from dreamrl.report.boards import pictures
from dreamrl.spaces import Discrete, Image, Privileged
from dreamrl.testing import check_family, replay
from dreamrl.types import Step


@dataclasses.dataclass(frozen=True)
class Machines:
    """Four faults, two of each model; a step repairs one. The model is written on the machine."""

    known: bool = True

    name = "machines"
    train_ids = test_ids = (0, 1, 2, 3)
    horizon, end_action = 1, None
    observation_space, action_space, goal_space = Discrete(3), Discrete(4), Discrete(1)
    sample_goal = staticmethod(the_goal)
    goals = staticmethod(all_goals)

    def problem(self, problem_id):
        return jnp.asarray(problem_id)

    def context(self, problem):
        return jnp.array([problem // 2, self.known]) * self.known

    def reset(self, key, problem):
        return jnp.array(0), jnp.array(0)

    def step(self, key, problem, goal, state, action):
        right = action == problem
        done = jnp.array(True)
        return state, Step(1 + right, right * 1.0, done, ~done)

    def statistics(self, problem, exploration):
        return {"seen": exploration.observations[-1] * 1.0}

    def observe(self, problem, state):
        return jnp.array(0)


def test_it_is_behind_each_observation_of_both_episodes():
    family = adapted(Machines())
    assert family == WithContext(Machines()) == adapted(family)
    assert family.observation_space == Privileged(Discrete(3), 2)
    check_family(Machines())
    check_family(family)
    assert replay(Machines(), 2, None, [2]).observations.tolist() == [[0, 1, 1], [2, 1, 1]]
    assert replay(Machines(), 1, 0, [2]).observations.tolist() == [[0, 0, 1], [1, 0, 1]]
    twice = replay(Repeated(family, 2), 2, None, [1, 1, 2]).observations
    assert twice.tolist() == [[0, 1, 1], [1, 1, 1], [0, 1, 1], [2, 1, 1]]
    assert family.join(2, [0, 1]).tolist() == [2, 0, 1]
    with pytest.raises(UserError, match="a context is 2 numbers"):
        family.join(2, [0])


def test_it_narrows_down_what_the_problem_may_be():
    """Told the model, one of two repairs is right; else one of four."""
    assert references(Machines(), number=50).no_exploration == pytest.approx(1 / 2)
    assert references(Machines(known=False), number=50).no_exploration == pytest.approx(1 / 4)


def test_agents_are_trained_on_it_and_act_by_it(tmp_path):
    small = {"iterations": 60, "trials": 64, "minibatches": 1, "hidden": 16}
    result = dreamrl.train("no-exploration", Machines(), **small)
    agent = pickle.loads(pickle.dumps(result.agent))
    found = dreamrl.evaluate(agent, Machines(), trials=64)
    assert found.return_mean == pytest.approx(0.5)
    assert found.statistics["seen"] == 0, "the family's own observation is counted"
    # The same two actions whatever the fault: nothing but the model is told.
    belief = agent.explore(0)
    acted = [agent.exploit(i, 0, belief).actions.tolist() for i in range(4)]
    assert acted[0] == acted[1] != acted[2] == acted[3]


@dataclasses.dataclass(frozen=True)
class Wrong(Machines):
    said: object = None

    def context(self, problem):
        return self.said(problem)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (lambda problem: problem / 2, r"must return a vector of numbers.*returns float32\(\)"),
        (lambda problem: {"age": problem}, "must return a vector of numbers.*returns dict"),
        (lambda problem: jnp.zeros((0,)), r"one at least, returns float32\(0,\)"),
        (lambda problem: jnp.array(problem.age), "AttributeError.*age"),
    ],
)
def test_what_is_no_vector_is_told_in_one_line(said, fault):
    with pytest.raises(FamilyError, match=fault):
        check_family(Wrong(said=said))
    with pytest.raises(UserError, match=f"family 'machines': .*{fault}") as caught:
        dreamrl.train("rl2", Wrong(said=said))
    assert "\n" not in str(caught.value)


def test_what_is_not_finite_is_told_with_the_problem():
    with pytest.raises(FamilyError, match=r"context: problem 3: \[inf\].* is not finite"):
        check_family(Wrong(said=lambda problem: (1 / (3.0 - problem))[None]))


def test_copies_count_as_it_does():
    again = pickle.loads(pickle.dumps(adapted(Machines())))
    assert again == adapted(Machines())
    episode = jax.tree.map(jnp.asarray, dreamrl.trial.blank(again))
    episode = episode._replace(observations=jnp.array([[0, 1, 1], [2.0, 1, 1]]))
    np.testing.assert_array_equal(again.statistics(jnp.array(2), episode)["seen"], 2)


def test_pictures_with_a_context_are_still_shown():
    space, pixels = Image(10, 20), jnp.arange(600).reshape(1, 10, 20, 3).astype(jnp.uint8)
    told = Privileged(Privileged(space, 1), 2)
    joined = told.join(pixels, jnp.zeros((1, 3)))
    assert pictures(told, np.asarray(joined)) == pictures(space, np.asarray(pixels))
    with pytest.raises(UserError, match="5 x 20 are too few"):
        check_pictures(Privileged(Image(5, 20), 2))
