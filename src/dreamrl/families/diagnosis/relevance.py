"""A diagnosis without what does not matter for the repair: fewer faults, fewer tests, same values.

Exact. Faults that no repair and no test of use tells apart become one, and tests are left out
whose outcomes, all of them together, say nothing about which of these it is.
"""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dreamrl.families.diagnosis.table import Table

DECIMALS = 9
MOST = 10_000_000
"""Pairs of a kind of fault and what the tests left show of it; beyond, no test is left out."""


class Decision(NamedTuple):
    """All that the values of a diagnosis depend on."""

    tests: Int[np.ndarray, " tests"]
    """Which of the table's tests are left."""
    owners: Int[np.ndarray, " results"]
    """Whose outcome each result is: a position in `tests`."""
    prior: Float[np.ndarray, " kinds"]
    chances: Float[np.ndarray, "results kinds"]
    costs: Float[np.ndarray, " tests"]
    payoffs: Float[np.ndarray, "repairs kinds"]
    budget: int
    barred: Bool[np.ndarray, "tests tests"]
    """Which tests, the second, cannot be done once another was, or the same."""

    def barred_by(self, done: Bool[np.ndarray, "states tests"]) -> Bool[np.ndarray, "states tests"]:
        """Return which tests cannot be done after those that were."""
        return (done.astype(np.float32) @ self.barred.astype(np.float32)) > 0


def members_of(
    payoffs: Float[np.ndarray, "repairs faults"],
) -> Float[np.ndarray, "faults groups"]:
    """Return which group each fault is of, one-hot: faults that no repair tells apart are one."""
    groups = groups_of(payoffs)
    return np.eye(groups.max() + 1)[groups]


def groups_of(payoffs: Float[np.ndarray, "repairs faults"]) -> Int[np.ndarray, " faults"]:
    """Return the number of the group that each fault is of."""
    return np.unique(payoffs.T, axis=0, return_inverse=True)[1].reshape(-1)


def decision_of(table: Table, budget: int, barred: Bool[np.ndarray, "tests tests"]) -> Decision:
    """Return the decision of all faults and tests, nothing left out."""
    numbers = [len(names) for names in table.outcomes]
    return Decision(
        np.arange(len(numbers)),
        np.repeat(np.arange(len(numbers)), numbers),
        table.prior,
        table.flat,
        table.costs,
        table.payoffs,
        budget,
        barred,
    )


@functools.lru_cache(maxsize=4)
def useful(table: Table) -> Bool[np.ndarray, " tests"]:
    """Return which tests say anything about the repair, if only beside others."""
    tests = np.arange(len(table.tests))
    free = np.zeros((len(tests), len(tests)), bool)
    return np.isin(tests, reduced(decision_of(table, 1, free)).tests)


def reduced(whole: Decision) -> Decision:
    """Return the same decision with as little as matters."""
    relevant = np.zeros(len(whole.tests), bool)
    while True:
        kinds = _kinds(whole, relevant)
        prior = np.bincount(kinds, whole.prior)
        means = np.zeros((len(whole.chances), len(prior)))
        np.add.at(means.T, kinds, (whole.chances * whole.prior).T)
        means /= prior
        informative = (np.abs(means - means[:, :1]) > 10.0**-DECIMALS).any(1)
        candidate = relevant.copy()
        candidate[whole.owners[informative]] = True
        if (candidate == relevant).all():
            break
        relevant = candidate
    if not _independent(whole, kinds, ~relevant):
        relevant = np.ones_like(relevant)
        kinds = _kinds(whole, relevant)
        prior = np.bincount(kinds, whole.prior)
    first = np.unique(kinds, return_index=True)[1]
    mask = relevant[whole.owners]
    return whole._replace(
        tests=whole.tests[relevant],
        owners=(np.cumsum(relevant) - 1)[whole.owners[mask]],
        prior=prior,
        chances=whole.chances[mask][:, first],
        costs=whole.costs[relevant],
        payoffs=whole.payoffs[:, first],
        barred=whole.barred[np.ix_(relevant, relevant)],
    )


def _kinds(whole: Decision, relevant: Bool[np.ndarray, " tests"]) -> Int[np.ndarray, " faults"]:
    """Return equal numbers where neither a payoff nor a test that tells something differs."""
    rows = [whole.payoffs.T, whole.chances[relevant[whole.owners]].T]
    return _distinct(np.concatenate(rows, 1))


def _independent(
    whole: Decision, kinds: Int[np.ndarray, " faults"], rest: Bool[np.ndarray, " tests"]
) -> bool:
    """Return whether all outcomes of the tests left are, jointly, as likely in each kind."""
    rows = _distinct(whole.chances[rest[whole.owners]].T)
    if (kinds.max() + 1) * (rows.max() + 1) > MOST:
        return not rest.any()
    shares = np.zeros((kinds.max() + 1, rows.max() + 1))
    np.add.at(shares, (kinds, rows), whole.prior)
    shares /= shares.sum(1, keepdims=True)
    return bool((np.abs(shares - shares[:1]) <= 10.0**-DECIMALS).all())


def _distinct(rows: Float[np.ndarray, "faults numbers"]) -> Int[np.ndarray, " faults"]:
    """Return equal numbers for equal rows."""
    return np.unique(np.round(rows, DECIMALS), axis=0, return_inverse=True)[1].reshape(-1)
