"""Actions of several parts: agents choose the number of a combination."""

import dataclasses
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import FamilyError, UserError
from dreamrl.families.adapted import adapted
from dreamrl.families.family import action_names, has_mask
from dreamrl.families.numbered import Numbered
from dreamrl.families.one_goal import all_goals, the_goal
from dreamrl.references import references
from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.testing import check_family, replay
from dreamrl.types import Step


@dataclasses.dataclass(frozen=True)
class Locks:
    """A dial of three letters and a switch: one combination of the six opens. "Up" needs an a."""

    ns: tuple[int, ...] = (3, 2)
    end_action: int | None = None

    name = "locks"
    train_ids = test_ids = tuple(range(6))
    horizon = 1
    observation_space, goal_space = Discrete(2), Discrete(1)
    action_names = (("a", "b", "c"), ("down", "up"))
    sample_goal = staticmethod(the_goal)
    goals = staticmethod(all_goals)

    @property
    def action_space(self):
        return MultiDiscrete(self.ns)

    def problem(self, problem_id):
        return jnp.array([problem_id // 2, problem_id % 2])

    def context(self, problem):
        return problem[1:]

    def reset(self, key, problem):
        return jnp.array(0), jnp.array(0)

    def step(self, key, problem, goal, state, action):
        opens = (action == problem).all()
        done = jnp.array(True)
        return state, Step(opens.astype(jnp.int32), opens * 1.0, done, ~done)

    def action_mask(self, problem, goal, state):
        return jnp.array([[True, True], [True, False], [True, False]])

    def statistics(self, problem, exploration):
        return {"dial": exploration.actions[0, 0] * 1.0}


def test_a_number_is_a_combination():
    check_family(Locks())
    family = adapted(Locks())
    check_family(family)
    assert family.family == Numbered(Locks())
    assert family.action_space == Discrete(6)
    assert action_names(family) == ("a down", "a up", "b down", "b up", "c down", "c up")
    assert family.action(3).tolist() == [1, 1]
    for number in range(6):
        found = replay(Locks(), 4, 0, [number])
        assert found.rewards.tolist() == [number == 4]
    assert has_mask(family, exploring=True)
    mask = family.action_mask(family.problem(jnp.array(0)), None, jnp.array(0))
    assert mask.tolist() == [True, True, True, False, True, False]
    # Of the six problems b up and c up cannot be solved; of the others the switch is known.
    found = references(Locks(), number=20)
    assert found.optimum == pytest.approx(4 / 6)
    assert found.no_exploration == pytest.approx(2 / 6)


def test_the_family_counts_its_own_actions():
    family = pickle.loads(pickle.dumps(adapted(Locks())))
    episode = jax.tree.map(jnp.asarray, dreamrl.trial.blank(family))
    counted = family.statistics(jnp.array([0, 0]), episode._replace(actions=jnp.array([5])))
    np.testing.assert_array_equal(counted["dial"], 2)


def test_what_has_no_number_is_told_in_one_line():
    many = "action_space MultiDiscrete.* has 10000 combinations, and agents choose among 4096"
    for family, told in ((Locks((100, 100)), many), (Locks(end_action=1), "end_action must be")):
        with pytest.raises(FamilyError, match=told):
            check_family(family)
        with pytest.raises(UserError, match=f"family 'locks': {told}") as caught:
            dreamrl.train("rl2", family)
        assert "\n" not in str(caught.value)
