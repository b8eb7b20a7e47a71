"""Point robot: walk to a hidden place on a half circle, which only pays when it is near.

Rakelly et al. 2019 (PEARL), section 6.3, with the numbers of its released code: sparse 2D
navigation.
"""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.errors import UserError
from dreamrl.families.one_goal import ONE_GOAL, all_goals, the_goal
from dreamrl.spaces import Box
from dreamrl.types import Goal, Key, Step

STRIDE = 0.1
"""How far an action of 1 moves along its axis."""
REACH = 0.2
FURTHEST = 5.0


class PointState(NamedTuple):
    place: Float[Array, "2"]
    steps: Int[Array, ""]


@dataclasses.dataclass(frozen=True)
class PointRobot:
    """80 problems: which place on a half circle pays, 40 of them unseen.

    An action moves the robot by a tenth of it along each axis. A step that ends within 0.2 of the
    problem's place, at a distance of 1 from the start, pays 1 less the distance to it; any other
    pays nothing. So it is without a goal too. Nothing ends an episode before the horizon. Unseen
    places lie between those of training.
    """

    problems: int = 40
    """Problems of training, and as many unseen ones."""
    horizon: int = 20

    name = "point-robot"
    end_action = None
    goal_space = ONE_GOAL
    goals = staticmethod(all_goals)
    sample_goal = staticmethod(the_goal)
    action_space = Box(-1.0, 1.0, (2,))
    observation_space = Box(-FURTHEST, FURTHEST, (2,))

    def __post_init__(self) -> None:
        if self.problems < 1:
            raise UserError(f"problems must be at least 1, is {self.problems}")
        if not 1 <= self.horizon <= FURTHEST / STRIDE:
            largest = round(FURTHEST / STRIDE)
            raise UserError(f"horizon must be from 1 to {largest}, is {self.horizon}")

    @property
    def train_ids(self) -> range:
        return range(0, 2 * self.problems, 2)

    @property
    def test_ids(self) -> range:
        return range(1, 2 * self.problems, 2)

    def problem(self, problem_id: Int[Scalar, ""]) -> Float[Array, "2"]:
        """Return the place that pays."""
        angle = jnp.pi * (problem_id + 0.5) / (2 * self.problems)
        return jnp.stack([jnp.cos(angle), jnp.sin(angle)])

    def describe(self, problem_id: Int[Scalar, ""]) -> Float[Array, "2"]:
        """Return the place that pays: near places are to be dealt with alike."""
        return self.problem(problem_id)

    def reset(self, key: Key, problem: Float[Array, "2"]) -> tuple[PointState, Float[Array, "2"]]:
        return PointState(jnp.zeros(2), jnp.array(0)), jnp.zeros(2)

    def step(
        self,
        key: Key,
        problem: Float[Array, "2"],
        goal: Goal,
        state: PointState,
        action: Float[Array, "2"],
    ) -> tuple[PointState, Step]:
        state = PointState(state.place + STRIDE * action, state.steps + 1)
        distance = jnp.linalg.norm(state.place - problem)
        reward = jnp.where(distance <= REACH, 1 - distance, 0.0)
        truncated = state.steps >= self.horizon
        return state, Step(self.observe(problem, state), reward, jnp.array(False), truncated)

    def observe(self, problem: Float[Array, "2"], state: PointState) -> Float[Array, "2"]:
        return state.place
