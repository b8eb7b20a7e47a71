"""Treasure: a hidden cell of a 5×5 grid pays for every step spent on it.

Zintgraf et al. 2020 (VariBAD), section 5.1, with the cells of its released code: the start is a
corner, and the treasure lies in any cell but the start and the three around it.
"""

import dataclasses
import itertools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Scalar

from dreamrl.families.family import Symmetry
from dreamrl.families.grid import (
    ACTION_NAMES,
    STEP_COST,
    Drawing,
    GridAction,
    GridState,
    Mark,
    move,
)
from dreamrl.families.one_goal import ONE_GOAL, all_goals, the_goal
from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.types import Goal, Key, Step

SIZE = 5
START = (0, 0)
CELLS = np.array([cell for cell in itertools.product(range(SIZE), repeat=2) if max(cell) > 1])


class TreasureProblem(NamedTuple):
    cell: Int[Array, "2"]
    """The cell of the treasure."""


@dataclasses.dataclass(frozen=True)
class Treasure:
    """21 problems: which cell of a 5×5 grid pays.

    Being on it after a step pays 1, being anywhere else costs 0.1, without a goal too: only the
    reward shows the treasure. Nothing ends an episode before the horizon.
    """

    name = "treasure"
    train_ids = test_ids = tuple(range(len(CELLS)))
    horizon = 15
    end_action = None
    action_space = Discrete(GridAction.STAY + 1)
    action_names = ACTION_NAMES[: GridAction.STAY + 1]
    goal_space = ONE_GOAL
    goals = staticmethod(all_goals)
    sample_goal = staticmethod(the_goal)
    observation_space = MultiDiscrete((SIZE, SIZE))

    def problem(self, problem_id: Int[Scalar, ""]) -> TreasureProblem:
        return TreasureProblem(jnp.asarray(CELLS)[jnp.asarray(problem_id)])

    def symmetries(self) -> list[Symmetry]:
        """Return the two sides of the diagonal."""
        identity, mirror = np.arange(len(CELLS)), (CELLS[:, None, ::-1] == CELLS).all(-1).argmax(-1)
        return [
            Symmetry(identity, lambda goal: goal),
            Symmetry(mirror, lambda goal: goal, keeps_actions=False),
        ]

    def reset(self, key: Key, problem: TreasureProblem) -> tuple[GridState, Int[Array, "2"]]:
        state = GridState(jnp.array(START), jnp.array(0))
        return state, self.observe(problem, state)

    def step(
        self,
        key: Key,
        problem: TreasureProblem,
        goal: Goal,
        state: GridState,
        action: Int[Array, ""],
    ) -> tuple[GridState, Step]:
        position = move(state.position, action, SIZE)
        reward = jnp.where((position == problem.cell).all(), 1.0, STEP_COST)
        state = GridState(position, state.steps + 1)
        truncated = state.steps >= self.horizon
        return state, Step(self.observe(problem, state), reward, jnp.array(False), truncated)

    def observe(self, problem: TreasureProblem, state: GridState) -> Int[Array, "2"]:
        return state.position.astype(jnp.int32)

    def drawing(self, problem: TreasureProblem) -> Drawing:
        x, y = np.asarray(problem.cell).tolist()
        return Drawing(SIZE, (Mark((x, y), "", "gold"),))
