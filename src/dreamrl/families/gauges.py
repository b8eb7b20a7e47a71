"""Gauges: a family with a dial for each thing that may decide which method works.

For measuring which part of a method matters when (`benchmarks.studies.phases`). Its values are
known exactly, whatever the dials.
"""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.errors import UserError
from dreamrl.families.family import Facts
from dreamrl.families.splits import drawn, others
from dreamrl.families.stated import Values
from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.types import Goal, Key, Step, Trajectory

DIGITS = 4
MOST = 8
"""Gauges: 65,536 problems."""


class GaugesState(NamedTuple):
    gauge: Int[Array, ""]
    """The gauge whose button was pressed last; `MOST` where none was."""
    presses: Int[Array, ""]
    """Presses of it in a row: of an exploitation, right digits so far."""
    steps: Int[Array, ""]


@dataclasses.dataclass(frozen=True)
class Gauges:
    """Gauges that show one of four digits each, of which some matter.

    In the exploration, action i presses the button of gauge i; after so many presses in a row it
    shows its digit. Exploitation names one of the gauges that matter: its digit is to be entered
    so many times. Then 1 is paid; a wrong digit ends the episode with nothing.

    Args:
        relevant: Gauges that exploitation asks for.
        irrelevant: Other gauges.
        relevant_presses: Steps to see a gauge that matters.
        irrelevant_presses: Steps to see another one.
        exploration: Steps of an exploration; 0: just enough to see all gauges that matter.
        entries: Steps of an exploitation: chance is paid once in 4^entries times.
        training: How many problems are for training, drawn at random; 0: all, and none is held out.
    """

    name = "gauges"
    relevant: int = 2
    irrelevant: int = 2
    relevant_presses: int = 1
    irrelevant_presses: int = 1
    exploration: int = 0
    entries: int = 2
    training: int = 0

    def __post_init__(self) -> None:
        """Raise UserError for numbers that make no sense."""
        limits = {"irrelevant": 0, "exploration": 0, "training": 0}
        for field in dataclasses.fields(self):
            value, lowest = getattr(self, field.name), limits.get(field.name, 1)
            if value < lowest:
                raise UserError(f"gauges: {field.name} must be at least {lowest}, is {value}")
        if self._number > MOST:
            rule = f"relevant and irrelevant ones must be {MOST} at most together"
            raise UserError(f"gauges: {rule}, are {self._number}")
        if self.training > self.problems:
            bound = f"at most {self.problems}, as there are no more problems"
            raise UserError(f"gauges: training must be {bound}, is {self.training}")

    end_action = None

    @property
    def _number(self) -> int:
        return self.relevant + self.irrelevant

    @property
    def horizon(self) -> int:
        return self.entries

    @property
    def exploration_horizon(self) -> int:
        return self.exploration or self.relevant * self.relevant_presses

    @property
    def problems(self) -> int:
        return DIGITS**self._number

    @functools.cached_property
    def train_ids(self) -> tuple[int, ...] | range:
        return drawn(self.problems, self.training) if self.training else range(self.problems)

    @functools.cached_property
    def test_ids(self) -> tuple[int, ...] | range:
        return others(self.problems, self.train_ids) or self.train_ids

    @property
    def action_space(self) -> Discrete:
        return Discrete(max(self._number, DIGITS))

    @property
    def goal_space(self) -> Discrete:
        return Discrete(self.relevant)

    @property
    def observation_space(self) -> MultiDiscrete:
        """The gauge, presses in a row, and what is shown: 0 nothing, else 1 + the digit."""
        presses = max(self.relevant_presses, self.irrelevant_presses, self.entries)
        return MultiDiscrete((MOST + 1, presses + 1, DIGITS + 1))

    def problem(self, problem_id: Int[Scalar, ""]) -> Int[Array, " gauges"]:
        """Return the digits, of the gauges that matter first."""
        return jnp.asarray(problem_id) // DIGITS ** jnp.arange(self._number) % DIGITS

    def goals(
        self, problem: Int[Array, " gauges"]
    ) -> tuple[Int[Array, " goals"], Float[Array, " goals"]]:
        """Return all goals that `sample_goal` may draw, and how likely they are."""
        return jnp.arange(self.relevant), jnp.full(self.relevant, 1 / self.relevant)

    def sample_goal(self, key: Key, problem: Int[Array, " gauges"]) -> Int[Array, ""]:
        return jax.random.randint(key, (), 0, self.relevant)

    def reset(
        self, key: Key, problem: Int[Array, " gauges"]
    ) -> tuple[GaugesState, Int[Array, "3"]]:
        return GaugesState(jnp.array(MOST), jnp.array(0), jnp.array(0)), jnp.array([MOST, 0, 0])

    def step(
        self,
        key: Key,
        problem: Int[Array, " gauges"],
        goal: Goal,
        state: GaugesState,
        action: Int[Array, ""],
    ) -> tuple[GaugesState, Step]:
        steps = state.steps + 1
        if goal is not None:
            right = action == problem[goal]
            payoff = right & (steps >= self.entries)
            observation = jnp.stack([jnp.array(MOST), jnp.where(right, steps, 0), jnp.array(0)])
            state = GaugesState(state.gauge, steps, steps)
            is_over = ~right | (steps >= self.entries)
            return state, Step(observation, payoff.astype(jnp.float32), is_over, jnp.array(False))
        is_gauge = action < self._number
        gauge = jnp.where(is_gauge, action, MOST)
        presses = jnp.where(gauge == state.gauge, state.presses, 0) + is_gauge
        shows = is_gauge & (presses >= self._needed(gauge))
        digit = problem[jnp.minimum(gauge, self._number - 1)]
        observation = jnp.stack([gauge, presses, jnp.where(shows, 1 + digit, 0)])
        # It counts anew once it has shown its digit.
        state = GaugesState(gauge, jnp.where(shows, 0, presses), steps)
        is_over = steps >= self.exploration_horizon
        return state, Step(observation.astype(jnp.int32), jnp.array(0.0), jnp.array(False), is_over)

    def _needed(self, gauge: Int[Array, "*times"]) -> Int[Array, "*times"]:
        matters = gauge < self.relevant
        return jnp.where(matters, self.relevant_presses, self.irrelevant_presses)

    def statistics(
        self, problem: Int[Array, " gauges"], exploration: Trajectory
    ) -> dict[str, Float[Array, ""]]:
        """Return how many gauges of each kind the exploration has seen."""
        observations = exploration.observations
        readings = (observations[:, :1] == jnp.arange(self._number)) & (observations[:, 2:] > 0)
        each = readings.any(0).astype(jnp.float32)
        kinds = {"relevant_seen": each[: self.relevant], "irrelevant_seen": each[self.relevant :]}
        return {name: values.sum() for name, values in kinds.items()}

    def facts(self, problem: Int[Array, " gauges"]) -> Facts:
        """Return the digits."""
        kinds = range(self.relevant), range(self.relevant, self._number)
        return Facts(*({f"gauge {i}": problem[i] for i in kind} for kind in kinds))

    def values(self) -> Values:
        """Return exact values over all problems there are.

        Gauges say nothing of each other, and each that matters is asked for as often; so a return
        is linear in how many of these are known.
        """
        count = min(self.relevant, self.exploration_horizon // self.relevant_presses)
        steps = self.relevant * self.relevant_presses
        return Values(
            told=1.0,
            blind=1 / DIGITS,
            random=self._worth(self._seen_at_random()),
            best=self._worth(count / self.relevant),
            shortest=steps if steps <= self.exploration_horizon else None,
        )

    def _worth(self, share: float) -> float:
        """Return the best return if that share of the gauges that matter is known."""
        return share + (1 - share) / DIGITS

    def _seen_at_random(self) -> float:
        """Return how likely a gauge that matters is seen by chance."""
        chance = 1 / self.action_space.n
        chances = np.zeros(self.relevant_presses)
        chances[0] = 1.0
        for _ in range(self.exploration_horizon):
            next_chances = np.append(0.0, chance * chances[:-1])
            next_chances[0] = (1 - chance) * chances.sum()
            chances = next_chances
        return float(1 - chances.sum())


@dataclasses.dataclass(frozen=True)
class DescribedGauges(Gauges):
    """Gauges whose problems are described in training: all digits, of either kind alike."""

    name = "described-gauges"

    def describe(self, problem_id: Int[Scalar, ""]) -> Float[Array, " features"]:
        """Return each digit as a one-hot vector."""
        return jax.nn.one_hot(self.problem(problem_id), DIGITS).reshape(-1)
