"""The best there is: a dynamic programme over all that tests may have shown.

What is known after some tests is how often each outcome has come, in whatever order. Values here
are not divided by the probability of what was seen, so that they add up over outcomes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dreamrl.families.diagnosis.relevance import Decision, members_of

MOST_GOING = 1_000_000
"""States times outcomes that one more test may lead to."""
MOST_NUMBERS = 40_000_000
"""Probabilities that all layers may hold."""
NOTHING = 1e-7
"""A price too small to matter, which makes the shortest of equally good explorations the best."""


class Layer(NamedTuple):
    """All that some number of tests may have shown."""

    weights: Float[np.ndarray, "states kinds"]
    """P(kind and what was seen)."""
    after: Int[np.ndarray, "states results"]
    """The state of the next layer; -1 where that is impossible. Empty in the last layer."""
    done: Bool[np.ndarray, "states tests"]
    """Flags of the tests that were done."""


class Bounds(NamedTuple):
    """The return of the best there is, exactly or between bounds."""

    low: float
    high: float
    tests: float
    """The mean number of tests of a trial that returns `low`."""

    @property
    def gap(self) -> float:
        """Distance of the bounds; 0 where the value is exact."""
        return self.high - self.low


class BeliefSearch:
    """All beliefs of a decision, as far as there is room; values for prices and budgets."""

    def __init__(self, decision: Decision):
        self.decision = decision
        self.layers = _layers(decision)
        none_left = not len(decision.owners) or not len(self.layers[-1].weights)
        self.exact = len(self.layers) > decision.budget or none_left

    def value(self, budget: int | None = None, price: float = 0.0) -> Bounds:
        """Return the best return less costs, where each test has a `price` beside its cost.

        The price is not part of the return: it makes other explorations the best. Where there are
        too many beliefs, `low` is what the first tests alone achieve, and `high` is as if the fault
        were known after them.
        """
        limit = self.decision.budget if budget is None else min(budget, self.decision.budget)
        depth = min(limit, len(self.layers) - 1)
        low, tests = self._backwards(depth, self.decision.costs + price, self._expected_return)
        if depth == limit or self.exact:
            return Bounds(low, low, tests)
        payoffs = self.decision.payoffs.max(0)
        high, _ = self._backwards(
            depth, self.decision.costs, self._expected_return, lambda w: w @ payoffs
        )
        return Bounds(low, high, tests)

    def informed(self) -> tuple[float, float]:
        """Return what the tests come to that tell most about what matters, and their number.

        Most is the least mean square error of the belief over kinds of faults that no repair tells
        apart: what DREAM's exploration is paid for, where encodings of these are equidistant. All
        there is to know is worth the return at stake, and a test its share of that, less its cost.
        Tests that are worth nothing are not done. Only where all beliefs are held (`exact`).
        """
        prior, payoffs = self.decision.prior, self.decision.payoffs
        members = members_of(payoffs)
        stake = prior @ payoffs.max(0) - (payoffs @ prior).max()
        tiny = np.finfo(float).tiny

        def knowledge(weights: np.ndarray) -> np.ndarray:
            return np.square(weights @ members).sum(1) / np.maximum(weights.sum(1), tiny)

        worth = stake / max(1 - float(knowledge(prior[None])[0]), tiny)
        return self._backwards(
            len(self.layers) - 1, self.decision.costs, lambda weights: worth * knowledge(weights)
        )

    def _expected_return(self, weights: np.ndarray) -> np.ndarray:
        return (weights @ self.decision.payoffs.T).max(1, initial=-np.inf)

    def _backwards(
        self,
        depth: int,
        costs: np.ndarray,
        score: Callable[[np.ndarray], np.ndarray],
        score_last: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> tuple[float, float]:
        """Return what the way with the best score comes to, and its number of tests.

        The score is that of the belief at the end, less `costs`; the return counts the payoff and
        the tests' own costs. At the last layer it is `score_last` that counts, in both.
        """
        decision, prices = self.decision, np.stack([costs + NOTHING, self.decision.costs])
        values = np.zeros((0, 3))
        for layer in reversed(self.layers[: depth + 1]):
            last = layer is self.layers[depth]
            if last and score_last is not None:
                stop = np.repeat(score_last(layer.weights)[:, None], 2, 1)
            else:
                stop = np.stack([score(layer.weights), self._expected_return(layer.weights)], 1)
            stop = np.concatenate([stop, np.zeros((len(stop), 1))], 1)
            if last or not len(decision.costs):
                values = stop
                continue
            mass = layer.weights.sum(1)[:, None]
            going = np.stack([-prices[0] * mass, -prices[1] * mass, np.ones_like(costs) * mass], 2)
            for result, owner in enumerate(decision.owners):
                states = layer.after[:, result]
                is_possible = states >= 0
                going[is_possible, owner] += values[states[is_possible]]
            going[decision.barred_by(layer.done), 0] = -np.inf
            best = going[np.arange(len(going)), going[..., 0].argmax(1)]
            values = np.where(best[:, :1] > stop[:, :1], best, stop)
        return float(values[0, 1]), float(values[0, 2])


def _layers(decision: Decision) -> list[Layer]:
    """Return as many layers as the budget has tests, or as there is room for."""
    names = np.random.default_rng(0).integers(1, 2**62, len(decision.owners), np.uint64)
    # A state is named by the sum of its outcomes' names: two of a million states have the same
    # name once in ten million times.
    state_names = np.zeros(1, np.uint64)
    weights, done = decision.prior[None], np.zeros((1, len(decision.costs)), bool)
    layers: list[Layer] = []
    size = 0
    while True:
        states, results = len(weights), len(decision.owners)
        size += weights.size
        room = states * results <= MOST_GOING and size + weights.size * results <= MOST_NUMBERS
        if len(layers) == decision.budget or not room or not results or not states:
            layers.append(Layer(weights, np.zeros((states, 0), int), done))
            return layers
        is_possible = weights @ decision.chances.T > 0
        is_possible &= ~decision.barred_by(done)[:, decision.owners]
        parents, result = np.nonzero(is_possible)
        sums = state_names[parents] + names[result]
        state_names, first, inverse = np.unique(sums, return_index=True, return_inverse=True)
        children = np.full((states, results), -1)
        children[parents, result] = inverse
        layers.append(Layer(weights, children, done))
        weights = weights[parents[first]] * decision.chances[result[first]]
        done = done[parents[first]]
        done[np.arange(len(first)), decision.owners[result[first]]] = True
