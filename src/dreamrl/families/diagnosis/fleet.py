"""A new machine each trial: many tables of one size, of which some are never trained on."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.errors import UserError
from dreamrl.families.diagnosis.family import Diagnosis
from dreamrl.families.diagnosis.table import Table
from dreamrl.families.one_goal import ONE_GOAL, the_goal
from dreamrl.spaces import Discrete, Product, Scaled
from dreamrl.types import Goal, Key, Step

LEAST = 1e-3
"""Likelihoods below are shown as this: agents see logarithms."""


class Machine(NamedTuple):
    """One machine of a fleet, and its fault."""

    fault: Int[Array, ""]
    prior: Float[Array, " faults"]
    likelihoods: Float[Array, "tests outcomes faults"]
    costs: Float[Array, " tests"]
    payoffs: Float[Array, "repairs faults"]


@dataclasses.dataclass(frozen=True)
class Fleet:
    """Which fault a machine has whose table is shown: a `Diagnosis` for each of many tables.

    Observations are the last outcome, what the table says of it (its log likelihood for each fault)
    and the whole table: prior, likelihoods, costs and payoffs. Outcomes are `fresh`.
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
        sizes = {(*t.likelihoods.shape, len(t.repairs)) for t in self.tables}
        if len(sizes) != 1:
            words = "tests, outcomes, faults and repairs"
            raise UserError(f"fleet: tables must have the same numbers of {words}, have {sizes}")
        if not 0 < self.held_out < len(self.tables):
            most = len(self.tables) - 1
            raise UserError(f"fleet: held_out must be 1 to {most}, is {self.held_out}")
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
    def observation_space(self) -> Product:
        tests, outcomes, faults = self._shape
        scale = self._scale
        told = Scaled((np.log(LEAST) / 2,) * faults, (-np.log(LEAST) / 2,) * faults, (faults,))
        shown = tests * (outcomes - 1) * faults + faults
        chances = Scaled((0.5,) * shown, (0.5,) * shown, (shown,))
        paid = tests + len(self.tables[0].repairs) * faults
        amounts = Scaled((0.0,) * paid, (scale,) * paid, (paid,))
        return Product((Discrete(1 + tests * outcomes), told, chances, amounts))

    def machine(self, number: int) -> Diagnosis:
        """Return one of the machines, as a family by itself: for references."""
        return Diagnosis(self.tables[number], self.budget)

    def prior(self, ids: Sequence[int]) -> Float[np.ndarray, " ids"]:
        """Return how likely each problem is: all machines alike, and faults by their table."""
        numbers = np.asarray(ids)
        priors = np.stack([table.prior for table in self.tables])
        return priors[numbers // self._faults, numbers % self._faults]

    def problem(self, problem_id: Int[Scalar, ""]) -> Machine:
        """Return the table and the fault."""
        own = jax.tree.map(lambda x: jnp.asarray(x)[problem_id // self._faults], self._stacked)
        return Machine(jnp.asarray(problem_id % self._faults), *own)

    def describe(self, problem_id: Int[Scalar, ""]) -> Float[Array, " repairs"]:
        """Return what each repair pays: all about the fault that matters."""
        problem = self.problem(problem_id)
        return problem.payoffs[:, problem.fault] / self._scale

    def reset(self, key: Key, problem: Machine) -> tuple[Int[Array, ""], Float[Array, " seen"]]:
        """Show the table."""
        nothing = jnp.zeros(self._faults)
        return jnp.array(0), self._seen(problem, jnp.array(0), nothing)

    def step(
        self,
        key: Key,
        problem: Machine,
        goal: Goal,
        state: Int[Array, ""],
        action: Int[Array, ""],
    ) -> tuple[Int[Array, ""], Step]:
        after = state + 1
        tests, outcomes, faults = self._shape
        if goal is not None:
            paid = problem.payoffs[action % problem.payoffs.shape[0], problem.fault]
            seen = self._seen(problem, jnp.array(0), jnp.zeros(faults))
            return after, Step(seen, paid, jnp.array(True), jnp.array(False))
        test = action % tests
        own = problem.likelihoods[test]
        chance = jax.random.uniform(key) * own[:, problem.fault].sum()
        outcome = (chance >= own[:, problem.fault].cumsum()[:-1]).sum(dtype=jnp.int32)
        logs = jnp.log(jnp.maximum(own[outcome], LEAST))
        seen = self._seen(problem, 1 + test * outcomes + outcome, logs)
        return after, Step(seen, -problem.costs[test], jnp.array(False), after >= self.budget)

    def _seen(
        self, problem: Machine, result: Int[Array, ""], logs: Float[Array, " faults"]
    ) -> Float[Array, " seen"]:
        chances = jnp.append(problem.likelihoods[:, :-1].reshape(-1), problem.prior)
        amounts = jnp.append(problem.costs, problem.payoffs.reshape(-1))
        return self.observation_space.join([result, logs, chances, amounts])

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


@functools.lru_cache(maxsize=4)
def _stacked(tables: tuple[Table, ...]) -> tuple[Float[np.ndarray, "..."], ...]:
    held = [(t.prior, t.likelihoods, t.costs, t.payoffs) for t in tables]
    return tuple(np.stack(x).astype(np.float32) for x in zip(*held, strict=True))


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
    made = []
    for _ in range(tables):
        positive = rng.beta(0.4, 0.4, (tests, faults)).clip(0.02, 0.98)
        right = rng.permutation(np.arange(faults) % repairs)
        made.append(
            Table(
                tuple(f"fault {i}" for i in range(faults)),
                tuple(f"test {i}" for i in range(tests)),
                (("negative", "positive"),) * tests,
                tuple(f"repair {i}" for i in range(repairs)),
                rng.dirichlet(np.full(faults, 4.0)),
                np.stack([1 - positive, positive], 1),
                np.zeros(tests),
                np.where(np.arange(repairs)[:, None] == right, 1.0, -1.0),
            )
        )
    return Fleet(tuple(made), held_out, budget)
