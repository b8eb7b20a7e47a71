"""The best there is: a dynamic programme over all that tests may have shown.

What is known after some tests is how often each outcome has come, in whatever order. Values here
are not divided by the probability of what was seen, so that they add up over outcomes.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dreamrl.families.diagnosis.relevance import Decision

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
    """Which tests were done."""


class Bounds(NamedTuple):
    """The return of the best there is, exactly or between bounds."""

    low: float
    high: float
    tests: float
    """The mean number of tests of a trial that returns `low`."""

    @property
    def gap(self) -> float:
        """How far the bounds are apart; 0 where the value is exact."""
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
        most = self.decision.budget if budget is None else min(budget, self.decision.budget)
        depth = min(most, len(self.layers) - 1)
        low, tests = self._backwards(depth, price, known=False)
        if depth == most or self.exact:
            return Bounds(low, low, tests)
        return Bounds(low, self._backwards(depth, 0.0, known=True)[0], tests)

    def _backwards(self, depth: int, price: float, known: bool) -> tuple[float, float]:
        decision, price = self.decision, price + NOTHING
        results = range(len(decision.owners))
        value = number = np.zeros(0)
        for layer in reversed(self.layers[: depth + 1]):
            stop = (layer.weights @ decision.payoffs.T).max(1, initial=-np.inf)
            if layer is self.layers[depth]:
                value = layer.weights @ decision.payoffs.max(0) if known else stop
                number = np.zeros(len(value))
                continue
            mass = layer.weights.sum(1)
            going = -(decision.costs + price) * mass[:, None]
            asked = np.repeat(mass[:, None], len(decision.costs), 1)
            for result in results:
                after = layer.after[:, result]
                possible = after >= 0
                going[possible, decision.owners[result]] += value[after[possible]]
                asked[possible, decision.owners[result]] += number[after[possible]]
            going[decision.barred_by(layer.done)] = -np.inf
            if not going.shape[1]:
                value, number = stop, np.zeros(len(stop))
                continue
            best = going.argmax(1)[:, None]
            gone = np.take_along_axis(going, best, 1)[:, 0]
            goes = gone > stop
            value = np.where(goes, gone, stop)
            number = np.where(goes, np.take_along_axis(asked, best, 1)[:, 0], 0.0)
        return float(value[0] + price * number[0]), float(number[0])


def _layers(decision: Decision) -> list[Layer]:
    """Return as many layers as the budget has tests, or as there is room for."""
    names = np.random.default_rng(0).integers(1, 2**62, len(decision.owners), np.uint64)
    # A state is named by the sum of its outcomes' names: two of a million states have the same
    # name once in ten million times.
    named = np.zeros(1, np.uint64)
    weights, done = decision.prior[None], np.zeros((1, len(decision.costs)), bool)
    layers: list[Layer] = []
    held = 0
    while True:
        states, results = len(weights), len(decision.owners)
        held += weights.size
        room = states * results <= MOST_GOING and held + weights.size * results <= MOST_NUMBERS
        if len(layers) == decision.budget or not room or not results or not states:
            layers.append(Layer(weights, np.zeros((states, 0), int), done))
            return layers
        possible = weights @ decision.chances.T > 0
        possible &= ~decision.barred_by(done)[:, decision.owners]
        before, result = np.nonzero(possible)
        reached = named[before] + names[result]
        named, first, inverse = np.unique(reached, return_index=True, return_inverse=True)
        after = np.full((states, results), -1)
        after[before, result] = inverse
        layers.append(Layer(weights, after, done))
        weights = weights[before[first]] * decision.chances[result[first]]
        done = done[before[first]]
        done[np.arange(len(first)), decision.owners[result[first]]] = True
