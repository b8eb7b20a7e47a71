"""The smallest problem that must be explored on purpose: one action tells, one action pays.

The setting in which Liu et al. 2021 analyse how many samples it takes to learn to explore.
"""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Int, Scalar

from dreamrl.errors import UserError
from dreamrl.families.one_goal import ONE_GOAL, all_goals, the_goal
from dreamrl.spaces import Discrete
from dreamrl.types import Goal, Key, Step


@dataclasses.dataclass(frozen=True)
class TabularDidactic:
    """8 problems: which of eight actions pays; one action shows it.

    Episodes are one step. The last action shows the problem; the others show nothing. With a
    goal, the action that has the problem's number pays 1.
    """

    actions: int = 8

    name = "tabular-didactic"
    horizon = 1
    end_action = None
    goal_space = ONE_GOAL
    goals = staticmethod(all_goals)
    sample_goal = staticmethod(the_goal)

    def __post_init__(self) -> None:
        if not 2 <= self.actions <= 64:
            raise UserError(f"actions must be from 2 to 64, is {self.actions}")

    @property
    def revealing(self) -> int:
        """The action that shows the problem."""
        return self.actions - 1

    @property
    def train_ids(self) -> tuple[int, ...]:
        return tuple(range(self.actions))

    @property
    def test_ids(self) -> tuple[int, ...]:
        return self.train_ids

    @property
    def action_space(self) -> Discrete:
        return Discrete(self.actions)

    @property
    def observation_space(self) -> Discrete:
        """0 where nothing is shown, else 1 + the problem."""
        return Discrete(self.actions + 1)

    def problem(self, problem_id: Int[Scalar, ""]) -> Int[Array, ""]:
        """Return the action that pays."""
        return jnp.asarray(problem_id)

    def reset(self, key: Key, problem: Int[Array, ""]) -> tuple[Int[Array, ""], Int[Array, ""]]:
        """Return the start: the state tells nothing, as there is but one step."""
        return jnp.array(0), jnp.array(0)

    def step(
        self,
        key: Key,
        problem: Int[Array, ""],
        goal: Goal,
        state: Int[Array, ""],
        action: Int[Array, ""],
    ) -> tuple[Int[Array, ""], Step]:
        observation = jnp.where(action == self.revealing, 1 + problem, 0)
        is_right = jnp.array(False) if goal is None else action == problem
        reward = is_right.astype(jnp.float32)
        return state, Step(observation, reward, jnp.array(False), jnp.array(True))
