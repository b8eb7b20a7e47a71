"""Tiny families whose answers are known, and a training of seconds."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Int

from dreamrl.agents import make_algorithm
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.types import Step

LEFT, RIGHT, STAY, END = range(4)
SYMBOLS = 4


SMALL = DreamSettings(
    iterations=450,
    trials=64,
    minibatches=4,
    last_learning_rate=0.5,
    hidden=32,
    z=4,
    rho=0.2,
    # A short run: its dual variable must get there sooner, on a return less well known.
    dual_rate=0.1,
    tolerance=0.15,
    entropy_end=0.3,
    decoder_share_begin=0.2,
    decoder_share_end=0.4,
    exploration_entropy_end=0.5,
    decoder_batch=64,
    replay=1024,
)


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


@pytest.fixture(scope="session")
def small():
    """Settings under which these families are learned in seconds."""
    return SMALL


@pytest.fixture(scope="session")
def untrained():
    """(algorithm, state) before any update, and what it makes of its first trials."""
    algorithm = make_algorithm("dream", IRRELEVANT_FACT, SMALL)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    # A belief from the start, and doubts about it: nothing is 0 by accident.
    params = state.params._replace(decoder=stirred(state.params.decoder, 1))
    params = params._replace(exploration=stirred(params.exploration, 2))
    params = params._replace(exploitation=stirred(params.exploitation, 3))
    state = state._replace(params=params)
    play = jax.jit(algorithm._play)
    return Untrained(algorithm, state, play, play(params, jnp.array(1.0), jax.random.key(4)))


class Untrained(NamedTuple):
    algorithm: Any
    state: Any
    play: Any
    """(params, progress, key) -> new trials; compiled."""
    trials: Any


def stirred(part, seed):
    """The same part with noise on its parameters."""
    arrays, rest = eqx.partition(part, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    noisy = [x + 0.3 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, noisy), rest)
