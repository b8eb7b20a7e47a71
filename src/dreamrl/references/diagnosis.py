"""The limits of a diagnosis: the best there is, and simple ways to choose tests.

Exact where nothing else is said, and from the table alone. Returns are payoffs less costs of
tests; faults count by their prior.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dreamrl.families.diagnosis import Diagnosis
from dreamrl.families.diagnosis.relevance import Decision, reduced
from dreamrl.references.belief_search import BeliefSearch, Bounds

MOST = 5_000_000
"""Numbers that the beliefs after some tests may take; beyond, a sample of them goes on."""
REPEATS = 8
SURE = 4
"""Standard errors below a sampled mean that a bound lies."""
STOP = -1
PRICES = (0.001, 0.003, 0.01, 0.03, 0.1)
"""Prices of a test, as shares of what knowing the fault is worth."""

Choose = Callable[
    [int, Float[np.ndarray, "states faults"], Bool[np.ndarray, "states tests"]],
    Int[np.ndarray, " states"],
]
"""(number of tests, P(fault and what was seen), tests done) -> tests, or STOP."""


class Way(NamedTuple):
    """The values of a way to choose tests."""

    mean: float
    tests: float
    """Mean number of tests."""
    error: float = 0.0
    """Standard error of the mean return; 0 where it is exact."""


class Point(NamedTuple):
    """The best return at a price, and how many tests that takes: on the frontier of the two."""

    price: float
    """Of a test, in units of return; not part of the mean."""
    mean: float
    tests: float


class DiagnosisReference(NamedTuple):
    """The values of one diagnosis."""

    family: str
    optimum: float
    """Told the fault."""
    bayes_optimal: Bounds
    informed: Way | None
    """The tests that leave the least uncertainty about what matters, less what they cost: the most
    that an explorer paid in information can reach. None where it is not exact."""
    greedy_information: Way
    """Each test is the one that tells most about the fault, to the last test."""
    greedy_value: Way
    """Each test is the one that is worth most if it were the last; none that is worth nothing."""
    fixed_order: Way
    """All tests in the table's order, and again."""
    random: Way
    """Every test that can be done as likely as any other, each time."""
    no_test: float
    by_budget: tuple[Bounds, ...]
    """The best return of at most 0, 1, 2, ... tests."""
    frontier: tuple[Point, ...]
    """The best return at some prices of a test; empty where it is not exact."""
    useless: tuple[str, ...]
    """Tests that say nothing about which repair is right, whatever others have shown."""


def diagnosis_references(
    family: Diagnosis, number: int = 1000, seed: int = 0
) -> DiagnosisReference:
    """Return all values; `number` random explorations are tried."""
    decision = family.decision
    search = best_of(family)
    known_value, blind = optimum(family, family.train_ids), no_test(family, family.train_ids)
    information, value = greedy_information(decision, seed), greedy_value(decision, seed)
    budgets = tuple(search.value(budget) for budget in range(family.horizon + 1))
    best = budgets[-1]
    for way in (information, value):
        # Where it is sampled, no more than it is sure to be.
        floor = way.mean - SURE * way.error
        if best.gap and floor > best.low:
            best = Bounds(floor, best.high, way.tests)
    prices = [share * (known_value - blind) for share in PRICES] if search.exact else []
    return DiagnosisReference(
        family.name,
        known_value,
        best,
        Way(*search.informed()) if search.exact else None,
        information,
        value,
        walk(decision, _in_order(decision), seed),
        random_tests(decision, number, seed),
        blind,
        (*budgets[:-1], best),
        tuple(Point(price, *_point(search, price)) for price in prices),
        tuple(t for i, t in enumerate(family.table.tests) if i not in search.decision.tests),
    )


@functools.lru_cache(maxsize=2)
def best_of(family: Diagnosis) -> BeliefSearch:
    """Return the search for the best explorations of a diagnosis."""
    return BeliefSearch(reduced(family.decision))


def optimum(family: Diagnosis, ids: Sequence[int]) -> float:
    """Return the best return if the fault is known."""
    return float(family.table.payoffs[:, list(ids)].max(0) @ _shares(family, ids))


def no_test(family: Diagnosis, ids: Sequence[int]) -> float:
    """Return the best return of one repair for all faults."""
    return float((family.table.payoffs[:, list(ids)] @ _shares(family, ids)).max())


def greedy_information(decision: Decision, seed: int = 0) -> Way:
    """Choose the test with the most mutual information with the fault; return the `Way`."""
    return walk(decision, functools.partial(_most_informative, decision), seed)


def greedy_value(decision: Decision, seed: int = 0) -> Way:
    """Choose the test that is worth most, if it is worth its cost; return the `Way`."""
    return walk(decision, functools.partial(_most_valuable, decision), seed)


def walk(decision: Decision, choose: Choose, seed: int = 0) -> Way:
    """Return what a way to choose tests comes to, exactly or, with too many beliefs, sampled."""
    mean, tests, is_sample = _walk(decision, choose, seed)
    if not is_sample:
        return Way(mean, tests)
    repeats = [_walk(decision, choose, seed + i)[:2] for i in range(1, REPEATS)]
    means, numbers = zip((mean, tests), *repeats, strict=True)
    error = float(np.std(means, ddof=1) / np.sqrt(REPEATS))
    return Way(float(np.mean(means)), float(np.mean(numbers)), error)


def random_tests(decision: Decision, number: int, seed: int = 0) -> Way:
    """Return the best return after tests at random, as many as can be done: a sample."""
    rng = np.random.default_rng(seed)
    faults = rng.choice(len(decision.prior), number, p=decision.prior)
    weights = np.repeat(decision.prior[None], number, 0)
    rows, costs = np.arange(number), np.zeros(number)
    done = np.zeros((number, len(decision.costs)), bool)
    tests = 0
    for _ in range(decision.budget):
        is_barred = decision.barred_by(done)
        test = np.where(is_barred, -1.0, rng.random(is_barred.shape)).argmax(1)
        is_outcome = decision.owners == test[:, None]
        chances = np.where(is_outcome, decision.chances[:, faults].T, 0.0).cumsum(1)
        points = rng.random(number)[:, None] * chances[:, -1:]
        result = (chances <= points).sum(1)
        active = ~is_barred.all(1)
        weights[active] *= decision.chances[result[active]]
        weights /= weights.sum(1, keepdims=True)
        costs += decision.costs[test] * active
        done[rows[active], test[active]] = True
        tests += active.sum()
    returns = (weights @ decision.payoffs.T).max(1) - costs
    error = float(returns.std(ddof=1) / np.sqrt(number))
    return Way(float(returns.mean()), float(tests / number), error)


def _shares(family: Diagnosis, ids: Sequence[int]) -> Float[np.ndarray, " ids"]:
    prior = family.prior(ids)
    return prior / prior.sum()


def _point(search: BeliefSearch, price: float) -> tuple[float, float]:
    bounds = search.value(price=price)
    return bounds.low, bounds.tests


def _in_order(decision: Decision) -> Choose:
    def choose(step, weights, done):
        order = (step + np.arange(len(decision.costs))) % len(decision.costs)
        free = ~decision.barred_by(done)[:, order]
        return np.where(free.any(1), order[free.argmax(1)], STOP)

    return choose


def _most_informative(
    decision: Decision, step: int, weights: np.ndarray, done: np.ndarray
) -> np.ndarray:
    """Choose the highest H(outcome) - E H(outcome | fault)."""
    belief = weights / weights.sum(1, keepdims=True)
    owners = np.eye(len(decision.costs))[decision.owners]
    gain = _entropies(belief @ decision.chances.T) @ owners
    gain -= belief @ (_entropies(decision.chances).T @ owners)
    return _best_test(decision, np.maximum(gain, 0.0), done)


def _most_valuable(
    decision: Decision, step: int, weights: np.ndarray, done: np.ndarray
) -> np.ndarray:
    """Choose what makes the decision after it worth most, less its cost."""
    belief = weights / weights.sum(1, keepdims=True)
    gain = np.repeat(-(belief @ decision.payoffs.T).max(1)[:, None], len(decision.costs), 1)
    for chance, owner in zip(decision.chances, decision.owners, strict=True):
        gain[:, owner] += ((belief * chance) @ decision.payoffs.T).max(1)
    return _best_test(decision, gain - decision.costs, done)


def _best_test(decision: Decision, gain: np.ndarray, done: np.ndarray) -> np.ndarray:
    gain = np.where(decision.barred_by(done), -np.inf, gain)
    return np.where(gain.max(1) > 1e-12, gain.argmax(1), STOP)


def _entropies(chances: np.ndarray) -> np.ndarray:
    return -chances * np.log(np.where(chances > 0, chances, 1.0))


def _walk(decision: Decision, choose: Choose, seed: int) -> tuple[float, float, bool]:
    """Return the mean return, the mean number of tests, and whether beliefs were sampled."""
    rng = np.random.default_rng(seed)
    names = rng.integers(1, 2**62, len(decision.owners), np.uint64)
    state_names = np.zeros(1, np.uint64)
    weights, done = decision.prior[None], np.zeros((1, len(decision.costs)), bool)
    value, tests, is_sample = 0.0, 0.0, False
    for step in range(decision.budget):
        choice = choose(step, weights, done)
        stop = choice == STOP
        value += (weights[stop] @ decision.payoffs.T).max(1, initial=-np.inf).sum()
        weights, done, state_names, choice = (
            x[~stop] for x in (weights, done, state_names, choice)
        )
        if not len(weights):
            return float(value), float(tests), is_sample
        mass = weights.sum(1)
        value -= mass @ decision.costs[choice]
        tests += mass.sum()
        parents, result = np.nonzero(decision.owners == choice[:, None])
        sums = state_names[parents] + names[result]
        is_possible = (weights[parents] * decision.chances[result]).any(1)
        state_names, first = np.unique(sums[is_possible], return_index=True)
        # Ways that lead to the same belief are joined.
        parents, result, sums = (x[is_possible] for x in (parents, result, sums))
        moves = weights[parents] * decision.chances[result]
        weights = np.add.reduceat(moves[np.argsort(sums, kind="stable")], _first_of_each(sums))
        done = done[parents[first]]
        done[np.arange(len(first)), decision.owners[result[first]]] = True
        limit = max(1, MOST // (len(decision.prior) * len(decision.owners)))
        if len(weights) > limit:
            is_sample, mass = True, weights.sum(1)
            places = (np.arange(limit) + rng.random()) / limit
            sample = np.searchsorted(mass.cumsum() / mass.sum(), places, side="right")
            sample = np.minimum(sample, len(mass) - 1)
            weights = weights[sample] * (mass.sum() / limit / mass[sample])[:, None]
            done, state_names = done[sample], state_names[sample]
    value += (weights @ decision.payoffs.T).max(1, initial=-np.inf).sum()
    return float(value), float(tests), is_sample


def _first_of_each(names: np.ndarray) -> np.ndarray:
    """Return where each distinct name begins, once they are sorted."""
    return np.unique(np.sort(names), return_index=True)[1]
