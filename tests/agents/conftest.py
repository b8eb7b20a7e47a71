"""Tiny families whose answers are known."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Int

from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.types import Step

LEFT, RIGHT, STAY, END = range(4)
SYMBOLS = 4


class LineProblem(NamedTuple):
    pays: Int[Array, ""]
    """The end that pays: the left (0) or the right (1) one; the other costs as much."""
    sign: Int[Array, "2"]
    """What is read at the right end: nothing (0) or a bit, nothing or a symbol."""
    problem_id: Int[Array, ""]
    """Nothing comes of it."""


class LineState(NamedTuple):
    position: Int[Array, ""]
    steps: Int[Array, ""]


@dataclasses.dataclass(frozen=True)
class Line:
    """Five cells, the agent on the middle one; one end pays 1, the other costs 1.

    Eight problems: a bit, which says what end pays if it `matters`, and a symbol that never
    matters. Explorations can read what is written at the right end; the left end ends them.
    """

    name: str
    matters: bool | Array = True
    bit_written: bool | Array = True
    symbol_written: bool | Array = False

    train_ids = test_ids = tuple(range(2 * SYMBOLS))
    horizon = 6
    end_action = END
    observation_space = MultiDiscrete((5, 3, 1 + SYMBOLS))
    action_space = Discrete(4)
    goal_space = Discrete(1)

    def problem(self, problem_id):
        bit, symbol = problem_id % 2, problem_id // 2
        written = (self.bit_written * (1 + bit), self.symbol_written * (1 + symbol))
        pays = jnp.where(self.matters, bit, 1)
        return LineProblem(pays, jnp.stack(written), problem_id)

    def sample_goal(self, key, problem):
        return jnp.array(0)

    def reset(self, key, problem):
        state = LineState(jnp.array(2), jnp.array(0))
        return state, self.observe(problem, state)

    def step(self, key, problem, goal, state, action):
        moved = (action == RIGHT).astype(jnp.int32) - (action == LEFT)
        state = LineState(jnp.clip(state.position + moved, 0, 4), state.steps + 1)
        arrived = jnp.array(False) if goal is None else state.position % 4 == 0
        paid = jnp.where(state.position == 4 * problem.pays, 1.0, -1.0)
        reward = jnp.where(arrived, paid, -0.1)
        terminated = arrived | (action == END) | (state.position == 0)
        truncated = (state.steps >= self.horizon) & ~terminated
        return state, Step(self.observe(problem, state), reward, terminated, truncated)

    def observe(self, problem, state):
        read = jnp.where(state.position == 4, problem.sign, 0)
        return jnp.concatenate([state.position[None], read]).astype(jnp.int32)


NOTHING_TO_KNOW = Line("nothing-to-know", matters=False, bit_written=False)
IRRELEVANT_FACT = Line("irrelevant-fact", symbol_written=True)
RELEVANT_FACT = Line("relevant-fact")


@pytest.fixture(scope="session")
def nothing_to_know():
    """The right end pays, whatever the ID."""
    return NOTHING_TO_KNOW


@pytest.fixture(scope="session")
def irrelevant_fact():
    """What to do is written two steps away, and something else beside it."""
    return IRRELEVANT_FACT


@pytest.fixture(scope="session")
def relevant_fact():
    """What to do is written two steps away; IDs differ in more than can be found out."""
    return RELEVANT_FACT
