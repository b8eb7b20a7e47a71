"""A bandit: one of several arms pays, and pulling it is all there is to do."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Int, Scalar

from dreamrl.errors import UserError
from dreamrl.families.one_goal import ONE_GOAL, all_goals, the_goal
from dreamrl.spaces import Discrete
from dreamrl.types import Goal, Key, Step


@dataclasses.dataclass(frozen=True)
class Bandit:
    """5 problems: which of five arms pays 1; the others pay nothing.

    An episode is `horizon` pulls, paid for without a goal too: only the reward tells the arms
    apart. To pull a new arm each time is all the exploration there is.
    """

    arms: int = 5
    horizon: int = 5

    name = "bandit"
    end_action = None
    goal_space = ONE_GOAL
    goals = staticmethod(all_goals)
    sample_goal = staticmethod(the_goal)
    observation_space = Discrete(1)

    def __post_init__(self) -> None:
        if self.arms < 2:
            raise UserError(f"arms must be at least 2, is {self.arms}")
        if self.horizon < 1:
            raise UserError(f"horizon must be at least 1, is {self.horizon}")

    @property
    def train_ids(self) -> tuple[int, ...]:
        return tuple(range(self.arms))

    @property
    def test_ids(self) -> tuple[int, ...]:
        return self.train_ids

    @property
    def action_space(self) -> Discrete:
        return Discrete(self.arms)

    def problem(self, problem_id: Int[Scalar, ""]) -> Int[Array, ""]:
        """Return the arm that pays."""
        return jnp.asarray(problem_id)

    def reset(self, key: Key, problem: Int[Array, ""]) -> tuple[Int[Array, ""], Int[Array, ""]]:
        """Return the start: the state counts pulls."""
        return jnp.array(0), jnp.array(0)

    def step(
        self,
        key: Key,
        problem: Int[Array, ""],
        goal: Goal,
        state: Int[Array, ""],
        action: Int[Array, ""],
    ) -> tuple[Int[Array, ""], Step]:
        reward = (action == problem).astype(jnp.float32)
        truncated = state + 1 >= self.horizon
        return state + 1, Step(jnp.array(0), reward, jnp.array(False), truncated)
