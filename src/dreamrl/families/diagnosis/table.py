"""The table of a machine: faults, tests and repairs, as arrays."""

import dataclasses
import functools
import hashlib

import numpy as np
from jaxtyping import Float, Int


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Faults with priors, tests with outcomes and costs, repairs with payoffs.

    Tables are equal where all they hold is. `reading.read_columns` makes one of checked columns.
    """

    faults: tuple[str, ...]
    tests: tuple[str, ...]
    outcomes: tuple[tuple[str, ...], ...]
    """Names of the outcomes of each test."""
    repairs: tuple[str, ...]
    prior: Float[np.ndarray, " faults"]
    likelihoods: Float[np.ndarray, "tests outcomes faults"]
    """P(outcome | fault); 0 after the last outcome of a test that has fewer than others."""
    costs: Float[np.ndarray, " tests"]
    payoffs: Float[np.ndarray, "repairs faults"]

    @functools.cached_property
    def digest(self) -> str:
        """A checksum of all that the table holds."""
        checksum = hashlib.sha256(
            repr((self.faults, self.tests, self.outcomes, self.repairs)).encode()
        )
        for array in (self.prior, self.likelihoods, self.costs, self.payoffs):
            checksum.update(np.ascontiguousarray(array).tobytes())
        return checksum.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @functools.cached_property
    def offsets(self) -> Int[np.ndarray, " tests"]:
        """The number of each test's first outcome, where those of all tests are counted through."""
        return np.cumsum([0, *(len(names) for names in self.outcomes)])[:-1]

    @functools.cached_property
    def results(self) -> tuple[str, ...]:
        """The outcomes of all tests, counted through, as `test: outcome`."""
        named = zip(self.tests, self.outcomes, strict=True)
        return tuple(f"{test}: {outcome}" for test, names in named for outcome in names)

    @functools.cached_property
    def flat(self) -> Float[np.ndarray, "results faults"]:
        """P(outcome | fault) of all outcomes, counted through."""
        named = enumerate(self.outcomes)
        return np.concatenate([self.likelihoods[test, : len(names)] for test, names in named])


def posterior(
    table: Table, results: Int[np.ndarray, " n"] | list[int]
) -> Float[np.ndarray, " faults"]:
    """Return P(fault | results), of outcomes counted through; uniform where they are impossible."""
    with np.errstate(divide="ignore"):
        logs = np.log(table.prior) + np.log(table.flat[list(results)]).sum(0)
    if np.isneginf(logs).all():
        return np.full(len(logs), 1 / len(logs))
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()
