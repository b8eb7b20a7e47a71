"""The worth of explorations: of random ones, and of the shortest one that shows enough."""

import bisect
import functools
from collections.abc import Sequence
from typing import NamedTuple, no_type_check

import numpy as np

from dreamrl.errors import TooLarge
from dreamrl.references.exploitation import TOLERANCE, Exploitation
from dreamrl.references.tables import ENDED, Tables, number_of_actions, parts

MOST_SETS = 200_000
"""Sets of problems that a search may meet."""


class Estimate(NamedTuple):
    mean: float
    standard_error: float


def random_value(
    exploitation: Exploitation, ids: Sequence[int], number: int, end: bool, seed: int
) -> Estimate:
    """Return the mean return after `number` random explorations that are made the best of.

    Actions are uniform, among all if `end`, else among those that do not end the episode.
    """
    family = exploitation.family
    actions = [a for a in range(number_of_actions(family)) if end or a != family.end_action]
    tables = exploitation.tabulator.tabulate(ids, None)
    generator = np.random.default_rng(seed)
    values: dict[bytes, float] = {}
    returns = np.empty(number)
    for i in range(number):
        plan = generator.choice(actions, len(tables.layers))
        candidates = _explore(
            tables, int(generator.integers(len(ids))), plan, np.array(actions), generator
        )
        key = candidates.tobytes()
        if key not in values:
            values[key] = exploitation.value([ids[k] for k in candidates])
        returns[i] = values[key]
    return Estimate(float(returns.mean()), float(returns.std(ddof=1) / np.sqrt(number)))


@functools.lru_cache(maxsize=1)
def shortest_informative(exploitation: Exploitation, ids: tuple[int, ...]) -> int | None:
    """Return the fewest steps after which, in the worst case, nothing more need be known.

    None if no exploration is sure to show enough within the horizon.
    """
    search = _Search(exploitation, ids)

    def suffices(budget: int) -> bool:
        return search.least_loss(budget, limit=TOLERANCE) < TOLERANCE

    fewest = bisect.bisect_left(range(search.horizon + 1), True, key=suffices)
    return None if fewest > search.horizon else fewest


def bayes_optimal(exploitation: Exploitation, ids: tuple[int, ...]) -> float:
    """Return the mean return after the best exploration within the horizon, made the best of."""
    total = sum(map(exploitation.optimum, ids))
    if shortest_informative(exploitation, ids) is not None:
        return total / len(ids)
    search = _Search(exploitation, ids)
    return (total - search.least_loss(search.horizon)) / len(ids)


class _Search:
    """The loss that explorations leave: return that only a policy that knows the problem gets.

    Losses are sums over problems. Knowing less never loses less, so that the loss of a set of
    problems bounds those of all sets around it, at the same step.
    """

    def __init__(self, exploitation: Exploitation, ids: Sequence[int]):
        self.exploitation = exploitation
        self.ids = ids
        self.tables = exploitation.tabulator.tabulate(ids, None)
        self.horizon = len(self.tables.layers)
        self._enough: dict[bytes, bool] = {}
        self._final_losses: dict[bytes, float] = {}
        self._losses: dict[tuple[int, bytes], tuple[float, bool]] = {}
        """Losses of sets that were met, and whether they are exact or but bounds."""
        self._bounds: dict[tuple[int, int], list[tuple[int, float]]] = {}
        """For a step and the first row of a set: sets as bits, and bounds of their losses."""

    def least_loss(self, budget: int, limit: float = np.inf) -> float:
        """Return the loss after the best exploration of at most so many steps; see `_loss`."""
        self._losses, self._bounds, loss = {}, {}, 0.0
        for rows in parts(self.tables.first):
            loss += self._loss(0, rows, budget, limit - loss)
            if loss >= limit:
                break
        return loss

    # Called a hundred thousand times: see `tables.Tables.split`.
    @no_type_check
    def _loss(self, step: int, rows: np.ndarray, budget: int, limit: float) -> float:
        """Return the least loss of a set if it is below `limit`, else a bound of it that is not."""
        layer = self.tables.layers[step]
        if budget == 0 or self._is_enough(layer.owners[rows]):
            return self._final_loss(layer.owners[rows], limit)
        key = step, rows.tobytes()
        loss, exact = self._losses.get(key, (0.0, False))
        if exact or loss >= limit:
            return loss
        bits = sum(1 << row for row in rows.tolist())
        if (bound := self._bound(step, rows, bits, limit)) >= limit:
            return bound
        best = np.inf
        for action in self._promising(step, rows):
            target = min(best, limit)
            total = 0.0
            for part, children in self.tables.split(step, rows, action):
                if children[0] == ENDED:
                    total += self._final_loss(layer.owners[part], target - total)
                else:
                    total += self._loss(step + 1, children, budget - 1, target - total)
                if total >= target:
                    break
            best = min(best, total)
            if best < TOLERANCE:
                break
        self._losses[key] = best, best < limit
        self._bounds.setdefault((step, int(rows[0])), []).append((bits, best))
        if len(self._losses) > MOST_SETS:
            name = self.exploitation.family.name
            raise TooLarge(f"{name!r} has too many sets of problems to search all explorations")
        return best

    @no_type_check
    def _bound(self, step: int, rows: np.ndarray, bits: int, limit: float) -> float:
        """Return a bound from the sets within this one, `limit` or more if they give so much."""
        highest = 0.0
        for row in rows.tolist():
            for subset, loss in self._bounds.get((step, row), ()):
                if loss > highest and subset & bits == subset:
                    highest = loss
                    if highest >= limit:
                        return highest
        return highest

    @no_type_check
    def _promising(self, step: int, rows: np.ndarray) -> list[int]:
        """Return all actions that are possible, those that tell more apart first."""
        layer = self.tables.layers[step]
        outcomes = np.sort(layer.outcomes[rows], axis=0)
        told_apart = (outcomes[1:] != outcomes[:-1]).sum(0)
        order = np.argsort(-told_apart, kind="stable")
        # The mask is seen, so it is the same for all that have looked the same.
        return order[layer.possible(rows[0], order)].tolist()

    @no_type_check
    def _final_loss(self, owners: np.ndarray, limit: float) -> float:
        """Return the loss where exploration ends with a set, or `limit` if that is exceeded."""
        if self._is_enough(owners):
            return 0.0
        if limit <= TOLERANCE:
            return limit
        key = owners.tobytes()
        if key not in self._final_losses:
            ids = [self.ids[i] for i in owners]
            total = sum(map(self.exploitation.optimum, ids))
            self._final_losses[key] = total - len(ids) * self.exploitation.value(ids)
        return self._final_losses[key]

    @no_type_check
    def _is_enough(self, owners: np.ndarray) -> bool:
        key = owners.tobytes()
        if key not in self._enough:
            self._enough[key] = self.exploitation.enough([self.ids[i] for i in owners])
        return self._enough[key]


def _explore(
    tables: Tables,
    owner: int,
    actions: np.ndarray,
    choices: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the problems that look the same as the true one, `owner`, in one exploration.

    An action that is not possible is drawn again, among those of `choices` that are.
    """
    rows = np.flatnonzero(tables.first == tables.first[owner])
    for step, action in enumerate(actions):
        layer = tables.layers[step]
        place = np.flatnonzero(layer.owners[rows] == owner)[0]
        if not layer.possible(rows[place], action):
            action = generator.choice(choices[layer.possible(rows[place], choices)])
        outcomes = layer.outcomes[rows, action]
        part = rows[outcomes == outcomes[place]]
        rows = layer.following[part, action]
        if rows[0] == ENDED:
            break
    return layer.owners[part]
