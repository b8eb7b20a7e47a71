"""Real numbers as actions, and problems that describe themselves: a dial to be set right."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.evaluation import outcome
from dreamrl.families.one_goal import ONE_GOAL, the_goal
from dreamrl.spaces import Box
from dreamrl.testing import check_family
from dreamrl.types import Step

PROBLEMS = 1000
BLIND = -0.5
"""The best that can be returned without knowing where the dial should be."""


@dataclasses.dataclass(frozen=True)
class Dial:
    """Targets from -1 to 1; a step shows how far off it was, and costs as much."""

    name = "dial"
    horizon = 1
    end_action = None
    train_ids = range(0, PROBLEMS, 2)
    test_ids = range(1, PROBLEMS, 2)
    observation_space = Box(-4.0, 4.0, (1,))
    action_space = Box(-2.0, 2.0, (1,))
    goal_space = ONE_GOAL
    sample_goal = staticmethod(the_goal)

    def problem(self, problem_id):
        return jnp.asarray(problem_id) * (2 / (PROBLEMS - 1)) - 1

    def describe(self, problem_id):
        return self.problem(problem_id)[None]

    def reset(self, key, problem):
        return jnp.array(0), jnp.zeros(1)

    def step(self, key, problem, goal, state, action):
        off = problem - action
        return state + 1, Step(off, -jnp.abs(off[0]), jnp.array(False), jnp.array(True))


SHARED = {
    "iterations": 150,
    "trials": 64,
    "minibatches": 2,
    "learning_rate": 3e-3,
    "learner.exploitation.entropy": 0.01,
    "learner.exploration.entropy": 0.01,
}
CHANGES = {
    "dream": {
        "exploitation.hidden": 32,
        "exploration.hidden": 32,
        "z": 4,
        "decoder.replay": 1024,
        "decoder.batch": 64,
    },
    "oracle": {"hidden": 32},
    "e-rl2": {"hidden": 32},
    "varibad": {"hidden": 32, "z": 4},
    "import": {"hidden": 32, "z": 4},
}


def unseen_return(agent, run):
    settings = changed(settings_for(agent, "dial"), SHARED | CHANGES[agent])
    trainer = make_trainer(agent, Dial(), settings)

    def train_and_try(key):
        state = trainer.init(key)
        state, _ = jax.lax.scan(lambda s, _: trainer.iterate(s), state, None, length=150)
        ids = jnp.array(Dial.test_ids)[::2]
        keys = jax.random.split(jax.random.key(0), len(ids))
        agent = trainer.agent(state)
        return jax.vmap(lambda i, k: outcome(trainer.family, agent, i, k))(ids, keys).returns

    return float(np.mean(run(train_and_try, jax.random.key(0))))


def test_the_family_is_one():
    check_family(Dial())


@pytest.mark.parametrize("agent", CHANGES)
def test_targets_never_seen_are_hit(agent, well_compiled):
    assert unseen_return(agent, well_compiled) > -0.15


def test_pearl_says_that_it_cannot():
    with pytest.raises(UserError, match=r"pearl compares numbered actions.*'dial' are continuous"):
        make_trainer("pearl", Dial(), settings_for("pearl", "dial"))
