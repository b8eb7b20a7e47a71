"""Growth: a family with a dial for the number of problems and one for the horizon.

For measuring what more problems and longer episodes cost; nothing in it grows with either but the
number of digits that a problem has.
"""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Scalar

from dreamrl.errors import UserError
from dreamrl.families.one_goal import ONE_GOAL, all_goals, the_goal
from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.types import Goal, Key, Step

LOOK = 2
MOST = 1_000_000
SCRAMBLE = 0x9E3779B1
"""Odd, so that numbers stay apart; else unseen problems would have digits of their own."""


@dataclasses.dataclass(frozen=True)
class Growth:
    """2,000 problems by default: which binary digits open a row of doors, half of them unseen.

    Step t stands before door t, and before the first one again after the last. Without a goal,
    action 2 shows the door's digit; with one, the digit as an action pays 1 / horizon, and any
    other ends the episode. Without exploration the mean return is one door's pay; with the problem
    known it is 1.
    """

    problems: int = 1000
    """Problems of training, and as many unseen ones."""
    horizon: int = 20

    name = "growth"
    end_action = None
    goal_space = ONE_GOAL
    goals = staticmethod(all_goals)
    sample_goal = staticmethod(the_goal)
    action_space = Discrete(3)
    action_names = ("zero", "one", "look")

    def __post_init__(self) -> None:
        if not 1 <= self.problems <= MOST:
            raise UserError(f"problems must be from 1 to {MOST}, is {self.problems}")
        if self.horizon < 1:
            raise UserError(f"horizon must be at least 1, is {self.horizon}")

    @property
    def train_ids(self) -> range:
        return range(self.problems)

    @property
    def test_ids(self) -> range:
        return range(self.problems, 2 * self.problems)

    @property
    def doors(self) -> int:
        """As many as there must be for each problem to have digits of its own."""
        return (2 * self.problems - 1).bit_length()

    @property
    def observation_space(self) -> MultiDiscrete:
        """The door, and what was shown of the one before: 0 nothing, else 1 + its digit."""
        return MultiDiscrete((self.doors, 3))

    def problem(self, problem_id: Int[Scalar, ""]) -> Bool[Array, " doors"]:
        """Return the digits."""
        bits = jnp.asarray(problem_id).astype(jnp.uint32) * jnp.uint32(SCRAMBLE)
        return (bits >> jnp.arange(self.doors, dtype=jnp.uint32)) % 2 == 1

    def describe(self, problem_id: Int[Scalar, ""]) -> Float[Array, " doors"]:
        """Return the digits, as -1 and 1."""
        return jnp.where(self.problem(problem_id), 1.0, -1.0)

    def reset(
        self, key: Key, problem: Bool[Array, " doors"]
    ) -> tuple[Int[Array, ""], Int[Array, "2"]]:
        """Return the start: the state counts steps."""
        return jnp.array(0), jnp.array([0, 0])

    def step(
        self,
        key: Key,
        problem: Bool[Array, " doors"],
        goal: Goal,
        state: Int[Array, ""],
        action: Int[Array, ""],
    ) -> tuple[Int[Array, ""], Step]:
        digit = problem[state % self.doors].astype(jnp.int32)
        right = jnp.array(False) if goal is None else action == digit
        wrong = jnp.array(False) if goal is None else ~right
        reading = jnp.where(action == LOOK, 1 + digit, 0) if goal is None else jnp.array(0)
        state = state + 1
        observation = jnp.stack([state % self.doors, reading])
        reward = jnp.where(right, 1 / self.horizon, 0.0)
        return state, Step(observation, reward, wrong, (state >= self.horizon) & ~wrong)
