"""Diagnosis: test a machine, then repair it, not knowing which fault it has."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Scalar

from dreamrl.errors import UserError, unknown
from dreamrl.families.diagnosis.reading import (
    Groups,
    checked_settings,
    read_columns,
    read_folder,
    read_network_table,
)
from dreamrl.families.diagnosis.relevance import Decision, decision_of, groups_of, useful
from dreamrl.families.diagnosis.table import Table
from dreamrl.families.family import Facts
from dreamrl.families.one_goal import ONE_GOAL, all_goals, the_goal
from dreamrl.spaces import Discrete
from dreamrl.types import Goal, Key, Step, Trajectory

PUMP = Path(__file__).parent / "pump"
"""The table that is read where no other is given."""
ASIA = Path(__file__).parent / "asia"
BUILT_IN = {
    "pump": PUMP,
    "asia": ASIA,
    "alarm": PUMP.parent / "alarm",
    "insurance": PUMP.parent / "insurance",
}


class Machine(NamedTuple):
    """The state of an episode."""

    steps: Int[Array, ""]
    drawn: Int[Array, " fixed"]
    """The outcome of each test, where they are drawn once an episode; else empty."""
    done: Bool[Array, " barring"]
    """Which tests were done, where some then cannot be done any more; else empty."""


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """8 problems by default, a pump's: which fault a machine has; tests before repairs.

    Exploration: an action is a test; its cost is a negative reward, which counts in the return of
    the trial. Exploitation: the one action is a repair, which pays by the fault. Actions count
    through both: action a is test a (mod tests), then repair a (mod repairs). Where some test costs
    something, one more action ends an episode: no more tests, or no repair, which pays as little as
    the worst one.
    """

    table: Table
    budget: int
    """At most so many tests."""
    outcomes: str = "fresh"
    """`fresh`: drawn anew at each test; `fixed`: once an episode, so no test is done twice."""
    name: str = "diagnosis"
    exclusive: Groups = ()
    """Groups of tests: where one was done in an episode, the others cannot be."""

    goal_space = ONE_GOAL
    goals = staticmethod(all_goals)
    sample_goal = staticmethod(the_goal)

    def __post_init__(self) -> None:
        checked_settings("diagnosis", self.budget, self.outcomes, self.exclusive, self.table.tests)
        if self.budget < 1:
            raise UserError("diagnosis: tests must be at least 1, is 0")

    @property
    def train_ids(self) -> tuple[int, ...]:
        """The faults. A table knows no others, so none are held out."""
        return tuple(range(len(self.table.faults)))

    @property
    def test_ids(self) -> tuple[int, ...]:
        return self.train_ids

    @property
    def horizon(self) -> int:
        return min(self.budget, len(self.table.tests)) if self._fixed else self.budget

    @property
    def end_action(self) -> int | None:
        return self._numbered if self.table.costs.any() else None

    @property
    def exploration_weight(self) -> float:
        """Costs of tests are in units of what repairs pay, and count."""
        return float(self.table.costs.any())

    @property
    def action_space(self) -> Discrete:
        return Discrete(self._numbered + (self.end_action is not None))

    @property
    def observation_space(self) -> Discrete:
        """0 before any test, then 1 + the outcome, those of all tests counted through."""
        return Discrete(1 + len(self.table.results))

    @property
    def action_names(self) -> tuple[str, ...]:
        return self._names(self.table.tests, "end")

    @property
    def exploitation_names(self) -> tuple[str, ...]:
        return self._names(self.table.repairs, "no repair")

    def prior(self, ids: Sequence[int]) -> Float[np.ndarray, " ids"]:
        """Return how likely each fault is."""
        return self.table.prior[np.asarray(ids)]

    def problem(self, problem_id: Int[Scalar, ""]) -> Int[Array, ""]:
        """Return the fault."""
        return jnp.asarray(problem_id)

    def reset(self, key: Key, problem: Int[Array, ""]) -> tuple[Machine, Int[Array, ""]]:
        """Show nothing before the first test."""
        outcomes = jnp.zeros(0, jnp.int32)
        if self._fixed:
            chance = jax.random.uniform(key, (len(self.table.tests),))
            outcomes = (chance[:, None] >= self._cumulated[problem]).sum(-1, dtype=jnp.int32)
        done = jnp.zeros(len(self.table.tests) * self._barring, bool)
        return Machine(jnp.array(0), outcomes, done), jnp.array(0)

    def step(
        self,
        key: Key,
        problem: Int[Array, ""],
        goal: Goal,
        state: Machine,
        action: Int[Array, ""],
    ) -> tuple[Machine, Step]:
        ends = jnp.array(False) if self.end_action is None else action == self.end_action
        next_state = state._replace(steps=state.steps + 1)
        truncated = next_state.steps >= self.horizon
        if goal is not None:
            repair = action % len(self.table.repairs)
            payoffs = jnp.asarray(self.table.payoffs.T, jnp.float32)[problem]
            reward = jnp.where(ends, payoffs.min(), payoffs[repair])
            return next_state, Step(jnp.array(0), reward, jnp.array(True), jnp.array(False))
        test = action % len(self.table.tests)
        if self._barring:
            next_state = next_state._replace(done=state.done.at[test].set(True))
            truncated = truncated | ~self.tests_after(next_state.done).any()
        if self._fixed:
            outcome = state.drawn[test]
        else:
            chance = jax.random.uniform(key)
            outcome = (chance >= self._cumulated[problem, test]).sum(dtype=jnp.int32)
        number = 1 + jnp.asarray(self.table.offsets, jnp.int32)[test] + outcome
        cost = jnp.asarray(self.table.costs, jnp.float32)[test]
        observation, reward = jnp.where(ends, 0, number), jnp.where(ends, 0.0, -cost)
        return next_state, Step(observation, reward, ends, truncated & ~ends)

    def action_mask(
        self, problem: Int[Array, ""], goal: Goal, state: Machine
    ) -> Bool[Array, " actions"] | None:
        """Return which tests can still be done; None where all always can."""
        return None if goal is not None else self.actions_after(state.done)

    def actions_after(self, done: Bool[Array, " barring"]) -> Bool[Array, " actions"] | None:
        """Return which actions of an exploration are possible; None where all always are."""
        if not self._barring:
            return None
        mask = self.tests_after(done)[jnp.arange(self._numbered) % len(self.table.tests)]
        return mask if self.end_action is None else jnp.append(mask, True)

    def tests_after(self, done: Bool[Array, " tests"]) -> Bool[Array, " tests"]:
        """Return which tests can still be done after those that were."""
        return ~(done[:, None] & jnp.asarray(self._barred)).any(0)

    def facts(self, problem: Int[Array, ""]) -> Facts:
        """Return what matters for the repair; what kind of it the fault is, matters to nobody."""
        groups = groups_of(self.table.payoffs)
        rest = {"fault": problem} if groups.max() + 1 < len(groups) else {}
        return Facts({"repair": jnp.asarray(groups)[problem]}, rest)

    def statistics(
        self, problem: Int[Array, ""], exploration: Trajectory
    ) -> dict[str, Float[Array, ""]]:
        """Return what tests cost, and how many of them say nothing about the repair."""
        useless = jnp.asarray(~useful(self.table))[exploration.actions % len(self.table.tests)]
        done = exploration.mask & ~exploration.terminated
        return {
            "test_cost": -exploration.episode_return,
            "useless_tests": (useless & done).sum().astype(jnp.float32),
        }

    @property
    def decision(self) -> Decision:
        """All that the values of the best tests and repairs depend on."""
        return decision_of(self.table, self.horizon, self._barred)

    @property
    def _fixed(self) -> bool:
        return self.outcomes == "fixed"

    @property
    def _barring(self) -> bool:
        """True if some test, once done, makes some test impossible."""
        return self._fixed or bool(self.exclusive)

    @property
    def _barred(self) -> Bool[np.ndarray, "tests tests"]:
        """Which tests, the second, cannot be done once another was, or the same."""
        matrix = np.eye(len(self.table.tests), dtype=bool) & self._fixed
        for group in self.exclusive:
            places = [self.table.tests.index(test) for test in group]
            matrix[np.ix_(places, places)] |= ~np.eye(len(places), dtype=bool)
        return matrix

    @property
    def _numbered(self) -> int:
        return max(len(self.table.tests), len(self.table.repairs))

    def _names(self, names: tuple[str, ...], end: str) -> tuple[str, ...]:
        labels = tuple(names[action % len(names)] for action in range(self._numbered))
        return labels if self.end_action is None else (*labels, end)

    @property
    def _cumulated(self) -> Float[Array, "faults tests outcomes"]:
        """P(an outcome with this number or a lower one | fault), without the last number."""
        return jnp.asarray(_cumulated(self.table))


@functools.lru_cache(maxsize=4)
def _cumulated(table: Table) -> Float[np.ndarray, "faults tests outcomes"]:
    # In double precision, so that an impossible last outcome stays impossible.
    sums = np.cumsum(table.likelihoods, 1)[:, :-1]
    return np.ascontiguousarray(sums.transpose(2, 0, 1), np.float32)


def diagnosis(
    path: str = "",
    tests: int = 0,
    outcomes: str = "",
    table: str = "",
) -> Diagnosis:
    """Return the family of the table in a folder; without one, of a built-in table.

    Args:
        path: Holds faults.csv, tests.csv, repairs.csv and, if it is to say more, settings.json.
        tests: At most so many tests an episode; 0: as settings.json says, or as there are.
        outcomes: `fresh` or `fixed`; as settings.json says, or fresh, if not given.
        table: A built-in table: `pump`, which it is if nothing is given, `asia`, `alarm` or
            `insurance`.

    Raises:
        UserError: For what is missing or wrong in the files, with file, row and column.
    """
    if table and table not in BUILT_IN:
        raise unknown("table of diagnosis", table, BUILT_IN)
    if table and path:
        raise UserError("diagnosis: path and table are both given: it is one of them")
    contents, settings = read_folder(path or BUILT_IN[table or "pump"])
    exclusive = settings.exclusive
    settings = checked_settings("diagnosis", tests or settings.tests, outcomes or settings.outcomes)
    arguments = {"path": path, "table": table, "tests": tests, "outcomes": outcomes}
    fields = ",".join(f"{field}={value}" for field, value in arguments.items() if value)
    name = f"diagnosis:{fields}" if fields else "diagnosis"
    budget = settings.tests or len(contents.tests)
    return Diagnosis(contents, budget, settings.outcomes, name, exclusive)


def from_columns(
    faults: Any,
    tests: Any,
    repairs: Any,
    *,
    budget: int = 0,
    outcomes: str = "fresh",
    exclusive: Sequence[Sequence[str]] = (),
) -> Diagnosis:
    """Return the family of three pandas frames, or mappings of columns, named as in the files.

    Args:
        faults: Columns `fault` and `prior`.
        tests: `test`, `cost`, `outcome` if any test has more than two, and one for each fault.
        repairs: `repair`, and one for each fault with what the repair pays.
        budget: At most so many tests an episode; 0: as many as there are tests.
        outcomes: `fresh`: drawn anew at each test; `fixed`: once an episode.
        exclusive: Groups of tests, by name, of which an episode can have but one.

    Raises:
        UserError: For what is missing or wrong, with table, row (counted from 0) and column.
    """
    table = read_columns(faults, tests, repairs)
    return _from_table(table, budget, outcomes, exclusive)


def _from_table(
    table: Table, budget: int, outcomes: str, exclusive: Sequence[Sequence[str]]
) -> Diagnosis:
    settings = checked_settings("diagnosis", budget, outcomes, exclusive, table.tests)
    limits = settings.tests or len(table.tests), settings.outcomes
    return Diagnosis(table, *limits, exclusive=settings.exclusive)


def from_network(
    network: Any,
    faults: Sequence[str],
    tests: Mapping[str, float | int],
    repairs: Any,
    *,
    given: Mapping[str, str] | None = None,
    budget: int = 0,
    exclusive: Sequence[Sequence[str]] = (),
) -> Diagnosis:
    """Return the family of a Bayesian network: outcomes are `fixed`, and jointly as it has them.

    Args:
        network: A BIF file, read with pgmpy, or one of pgmpy's networks.
        faults: Variables whose joint states are the faults, named as `lung=yes & bronc=no`.
        tests: Variables that can be looked at, and what each costs.
        repairs: A frame or mapping with the column `repair` and one for each fault.
        given: Variables whose state is known from the start.
        budget: At most so many tests an episode; 0: as many as there are tests.
        exclusive: Groups of tests, by name, of which an episode can have but one.

    Where tests depend on one another beyond the faults, some of them become part of the faults'
    names: see docs/diagnosis.md.

    Raises:
        UserError: For what is missing or wrong, and without pgmpy, if there is a file to read.
    """
    table = read_network_table(network, faults, tests, repairs, given or {})
    return _from_table(table, budget, "fixed", exclusive)
