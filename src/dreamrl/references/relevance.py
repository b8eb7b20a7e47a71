"""A diagnosis without what does not matter for the repair: fewer faults, fewer tests, same values.

Exact. Faults that no repair and no test of use tells apart become one, and tests are left out
whose outcomes, all of them together, say nothing about which of these it is.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dreamrl.families.diagnosis import Diagnosis
from dreamrl.references.distinct import distinct

DECIMALS = 9


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
    fixed: bool
    """Whether a test shows the same however often it is done."""


def decision_of(family: Diagnosis) -> Decision:
    """Return the decision of all faults and tests, nothing left out."""
    table = family.table
    numbers = [len(names) for names in table.outcomes]
    return Decision(
        np.arange(len(numbers)),
        np.repeat(np.arange(len(numbers)), numbers),
        table.prior,
        table.flat,
        table.costs,
        table.payoffs,
        family.budget,
        family.outcomes == "fixed",
    )


def reduced(whole: Decision) -> Decision:
    """Return the same decision with as little as matters."""
    useful = np.zeros(len(whole.tests), bool)
    while True:
        kinds = _kinds(whole, useful)
        weights = np.zeros((kinds.max() + 1, len(kinds)))
        weights[kinds, np.arange(len(kinds))] = whole.prior
        prior = weights.sum(1)
        mixed = whole.chances @ (weights / prior[:, None]).T
        tells = (np.abs(mixed - mixed[:, :1]) > 10.0**-DECIMALS).any(1)
        more = useful.copy()
        more[whole.owners[tells]] = True
        if (more == useful).all():
            break
        useful = more
    if not _independent(whole, kinds, ~useful):
        useful[:] = True
        kinds = _kinds(whole, useful)
        prior = np.bincount(kinds, whole.prior)
    first = np.unique(kinds, return_index=True)[1]
    kept = useful[whole.owners]
    return whole._replace(
        tests=whole.tests[useful],
        owners=(np.cumsum(useful) - 1)[whole.owners[kept]],
        prior=prior,
        chances=whole.chances[kept][:, first],
        costs=whole.costs[useful],
        payoffs=whole.payoffs[:, first],
    )


def _kinds(whole: Decision, useful: Bool[np.ndarray, " tests"]) -> Int[np.ndarray, " faults"]:
    """Return equal numbers where neither a payoff nor a useful test differs."""
    rows = [whole.payoffs.T, whole.chances[useful[whole.owners]].T]
    return distinct([np.round(row, DECIMALS) for row in rows])[1]


def _independent(
    whole: Decision, kinds: Int[np.ndarray, " faults"], left: Bool[np.ndarray, " tests"]
) -> bool:
    """Return whether all outcomes of the tests left are, jointly, as likely in each kind."""
    rows = distinct([np.round(whole.chances[left[whole.owners]].T, DECIMALS)])[1]
    shares = np.zeros((kinds.max() + 1, rows.max() + 1))
    np.add.at(shares, (kinds, rows), whole.prior)
    shares /= shares.sum(1, keepdims=True)
    return bool((np.abs(shares - shares[:1]) <= 10.0**-DECIMALS).all())
