"""A new machine each trial: many tables of one size, of which some are never trained on."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.errors import UserError
from dreamrl.families.diagnosis.family import Diagnosis
from dreamrl.families.diagnosis.reading import read_folder
from dreamrl.families.diagnosis.table import Table, posterior
from dreamrl.families.one_goal import ONE_GOAL, the_goal
from dreamrl.spaces import Discrete, PerAction
from dreamrl.types import Goal, Key, Step
from dreamrl.values import AnyPath

SIZE = "tests, outcomes, faults and repairs"


class Machine(NamedTuple):
    """One machine of a fleet, and its fault."""

    fault: Int[Array, ""]
    prior: Float[Array, " faults"]
    likelihoods: Float[Array, "tests outcomes faults"]
    costs: Float[Array, " tests"]
    payoffs: Float[Array, "repairs faults"]


class State(NamedTuple):
    """The state of an episode."""

    steps: Int[Array, ""]
    belief: Float[Array, " faults"]
    """P(fault | outcomes so far), by the table."""


@dataclasses.dataclass(frozen=True)
class Fleet:
    """Which fault a machine has whose table is shown: a `Diagnosis` for each of many tables.

    Observations are the table, with how likely each fault is by it after the outcomes so far. An
    exploitation begins at the prior again. Outcomes are `fresh`.
    """

    tables: tuple[Table, ...]
    held_out: int
    """So many of them, the last ones, are for meta-test alone."""
    budget: int
    """At most so many tests."""
    name: str = "fleet"

    goal_space = ONE_GOAL
    end_action = None
    sample_goal = staticmethod(the_goal)

    def __post_init__(self) -> None:
        """Raise UserError for tables that cannot be one fleet."""
        sizes = {_size(table) for table in self.tables}
        if len(sizes) != 1:
            raise UserError(f"fleet: tables must have the same numbers of {SIZE}, have {sizes}")
        if not 0 < self.held_out < len(self.tables):
            largest = len(self.tables) - 1
            raise UserError(f"fleet: held_out must be 1 to {largest}, is {self.held_out}")
        if self.budget < 1:
            raise UserError(f"fleet: budget must be at least 1, is {self.budget}")

    @property
    def train_ids(self) -> range:
        return range((len(self.tables) - self.held_out) * self._faults)

    @property
    def test_ids(self) -> range:
        return range(self.train_ids.stop, len(self.tables) * self._faults)

    @property
    def horizon(self) -> int:
        return self.budget

    @property
    def exploration_weight(self) -> float:
        """Costs of tests are in units of what repairs pay, and count."""
        return float(any(table.costs.any() for table in self.tables))

    @property
    def action_space(self) -> Discrete:
        """Tests, and then repairs: action a is test a, and then repair a (mod repairs)."""
        return Discrete(max(self._shape[0], len(self.tables[0].repairs)))

    @property
    def observation_space(self) -> PerAction:
        """Of each test a row for each fault.

        P(outcome | fault), P(fault | outcomes so far), what each repair pays, what the test costs.
        """
        tests, outcomes, faults = self._shape
        return PerAction(tests, faults, outcomes + len(self.tables[0].repairs) + 1)

    def machine(self, number: int) -> Diagnosis:
        """Return one of the machines, as a family by itself: for references."""
        return Diagnosis(self.tables[number], self.budget)

    def another(self, table: Table) -> Diagnosis:
        """Return a machine that need not be of this fleet, as its agents can diagnose it.

        Raises:
            UserError: For a table of another size.
        """
        if (size := _size(table)) != (fleet_size := _size(self.tables[0])):
            raise UserError(
                f"{self.name}: its tables have {fleet_size} {SIZE}, and this one {size}"
            )
        return Diagnosis(table, self.budget)

    def prior(self, ids: Sequence[int]) -> Float[np.ndarray, " ids"]:
        """Return how likely each problem is: all machines alike, and faults by their table."""
        numbers = np.asarray(ids)
        priors = np.stack([table.prior for table in self.tables])
        return priors[numbers // self._faults, numbers % self._faults]

    def problem(self, problem_id: Int[Scalar, ""]) -> Machine:
        """Return the table and the fault."""
        arrays = jax.tree.map(lambda x: jnp.asarray(x)[problem_id // self._faults], self._stacked)
        return Machine(jnp.asarray(problem_id % self._faults), *arrays)

    def describe(self, problem_id: Int[Scalar, ""]) -> Float[Array, " repairs"]:
        """Return what each repair pays: all about the fault that matters."""
        problem = self.problem(problem_id)
        return problem.payoffs[:, problem.fault] / self._scale

    def observation(
        self, table: Table, results: Sequence[int] = ()
    ) -> Float[Array, "tests faults numbers"]:
        """Return what agents see of a machine, of this fleet or not, after some outcomes.

        For custom loops; `results` are numbers of `table.results`.
        """
        arrays = (table.prior, table.likelihoods, table.costs, table.payoffs)
        machine = Machine(jnp.array(0), *(jnp.asarray(x, jnp.float32) for x in arrays))
        belief = jnp.asarray(posterior(table, list(results)), jnp.float32)
        return self._observe(machine, State(jnp.array(len(results)), belief))

    def reset(
        self, key: Key, problem: Machine
    ) -> tuple[State, Float[Array, "tests faults numbers"]]:
        """Show the table."""
        state = State(jnp.array(0), problem.prior)
        return state, self._observe(problem, state)

    def step(
        self,
        key: Key,
        problem: Machine,
        goal: Goal,
        state: State,
        action: Int[Array, ""],
    ) -> tuple[State, Step]:
        next_state = state._replace(steps=state.steps + 1)
        if goal is not None:
            payoff = problem.payoffs[action % problem.payoffs.shape[0], problem.fault]
            return next_state, Step(
                self._observe(problem, state), payoff, jnp.array(True), jnp.array(False)
            )
        test = action % len(problem.costs)
        chances = problem.likelihoods[test]
        chance = jax.random.uniform(key) * chances[:, problem.fault].sum()
        outcome = (chance >= chances[:, problem.fault].cumsum()[:-1]).sum(dtype=jnp.int32)
        belief = state.belief * chances[outcome]
        next_state = next_state._replace(belief=belief / belief.sum())
        truncated = next_state.steps >= self.budget
        return next_state, Step(
            self._observe(problem, next_state), -problem.costs[test], jnp.array(False), truncated
        )

    def _observe(self, problem: Machine, state: State) -> Float[Array, "tests faults numbers"]:
        space = self.observation_space
        lead = space.shape[:2]
        parts = [
            2 * jnp.moveaxis(problem.likelihoods[:, :-1], 1, 2) - 1,
            jnp.broadcast_to(state.belief[None, :, None], (*lead, 1)),
            jnp.broadcast_to(problem.payoffs.T / self._scale, (*lead, problem.payoffs.shape[0])),
            jnp.broadcast_to(problem.costs[:, None, None] / self._scale, (*lead, 1)),
        ]
        return jnp.concatenate(parts, -1)

    @property
    def _shape(self) -> tuple[int, int, int]:
        tests, outcomes, faults = self.tables[0].likelihoods.shape
        return tests, outcomes, faults

    @property
    def _faults(self) -> int:
        return self._shape[2]

    @property
    def _scale(self) -> float:
        return float(max(np.abs(table.payoffs).max() for table in self.tables))

    @property
    def _stacked(self) -> tuple[Float[np.ndarray, "..."], ...]:
        return _stacked(self.tables)


def _size(table: Table) -> tuple[int, ...]:
    return (*table.likelihoods.shape, len(table.repairs))


@functools.lru_cache(maxsize=4)
def _stacked(tables: tuple[Table, ...]) -> tuple[Float[np.ndarray, "..."], ...]:
    rows = [(t.prior, t.likelihoods, t.costs, t.payoffs) for t in tables]
    return tuple(np.stack(x).astype(np.float32) for x in zip(*rows, strict=True))


def fleet_of(folder: AnyPath, held_out: int, budget: int = 0) -> Fleet:
    """Return the fleet of the machines whose tables are in the folders of a folder.

    Args:
        folder: Holds a folder a machine, as `diagnosis` takes it; in the order of their names.
        held_out: So many of them, the last ones, are for meta-test alone.
        budget: At most so many tests an episode; 0: as many as a machine has.

    Raises:
        UserError: For what is missing or wrong in a machine's files, and for machines of different
            sizes, or whose outcomes are not drawn anew at each test.
    """
    machines = sorted(path for path in Path(folder).glob("*") if path.is_dir())
    if not machines:
        raise UserError(f"{folder} holds no folders: one for each machine, with its table")
    tables = []
    for machine in machines:
        table, settings = read_folder(machine)
        if settings.outcomes != "fresh" or settings.exclusive:
            raise UserError(f"{machine}: outcomes of a fleet are fresh, and no tests exclusive")
        tables.append(table)
    return Fleet(tuple(tables), held_out, budget or len(tables[0].tests))


def fleet(
    tables: int = 1000,
    held_out: int = 100,
    faults: int = 4,
    tests: int = 4,
    repairs: int = 2,
    budget: int = 3,
    seed: int = 0,
) -> Fleet:
    """Return a fleet of random machines.

    Each fault has a repair that pays 1, where others cost 1; each test is positive with a
    probability that is drawn for each fault, rarely near one half.
    """
    rng = np.random.default_rng(seed)
    machines = []
    for _ in range(tables):
        positive = rng.beta(0.4, 0.4, (tests, faults)).clip(0.02, 0.98)
        best = rng.permutation(np.arange(faults) % repairs)
        machines.append(
            Table(
                tuple(f"fault {i}" for i in range(faults)),
                tuple(f"test {i}" for i in range(tests)),
                (("negative", "positive"),) * tests,
                tuple(f"repair {i}" for i in range(repairs)),
                rng.dirichlet(np.full(faults, 4.0)),
                np.stack([1 - positive, positive], 1),
                np.zeros(tests),
                np.where(np.arange(repairs)[:, None] == best, 1.0, -1.0),
            )
        )
    return Fleet(tuple(machines), held_out, budget)
