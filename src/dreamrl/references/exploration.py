"""What explorations can show: how much random ones do, and how soon the best one shows enough."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dreamrl.references.exploitation import Exploitation
from dreamrl.references.tables import ENDED, Tables, parts


class Estimate(NamedTuple):
    mean: float
    standard_error: float


def random_value(
    exploitation: Exploitation, ids: Sequence[int], number: int, end: bool, seed: int
) -> Estimate:
    """The mean return after `number` random explorations that are made the best of.

    Actions are uniform, among all if `end`, else among those that do not end the episode.
    """
    family = exploitation.family
    actions = [a for a in range(family.action_space.n) if end or a != family.end_action]
    tables = exploitation.tabulator.tabulate(ids, None)
    generator = np.random.default_rng(seed)
    values: dict[bytes, float] = {}
    returns = np.empty(number)
    for i in range(number):
        plan = generator.choice(actions, len(tables.layers))
        known = _explore(tables, int(generator.integers(len(ids))), plan)
        key = known.tobytes()
        if key not in values:
            values[key] = exploitation.value([ids[k] for k in known])
        returns[i] = values[key]
    return Estimate(float(returns.mean()), float(returns.std(ddof=1) / np.sqrt(number)))


def shortest_informative(exploitation: Exploitation, ids: Sequence[int]) -> int | None:
    """The fewest steps after which, in the worst case, nothing more need be known.

    None if no exploration is sure to show enough within the horizon.
    """
    tables = exploitation.tabulator.tabulate(ids, None)
    search = _Search(exploitation, ids, tables)
    starts = parts(tables.first)
    for budget in range(len(tables.layers) + 1):
        if all(search.suffices(0, rows, budget) for rows in starts):
            return budget
    return None


class _Search:
    def __init__(self, exploitation: Exploitation, ids: Sequence[int], tables: Tables):
        self.exploitation = exploitation
        self.ids = ids
        self.tables = tables
        self._enough: dict[bytes, bool] = {}
        self._failed: dict[tuple[int, bytes], int] = {}
        """The largest budget that is known not to suffice."""

    def suffices(self, step: int, rows: np.ndarray, budget: int) -> bool:
        """Whether some exploration shows enough within `budget` more steps, whatever is true."""
        if self._is_enough(self.tables.layers[step].owners[rows]):
            return True
        key = step, rows.tobytes()
        if budget == 0 or self._failed.get(key, 0) >= budget:
            return False
        for action in range(self.tables.layers[step].rewards.shape[1]):
            if all(
                self._part_suffices(step, before, after, budget - 1)
                for before, after in self.tables.split(step, rows, action)
            ):
                return True
        self._failed[key] = budget
        return False

    def _part_suffices(self, step: int, before: np.ndarray, after: np.ndarray, budget: int) -> bool:
        if after[0] == ENDED:
            return self._is_enough(self.tables.layers[step].owners[before])
        return self.suffices(step + 1, after, budget)

    def _is_enough(self, owners: np.ndarray) -> bool:
        key = owners.tobytes()
        if key not in self._enough:
            self._enough[key] = self.exploitation.enough([self.ids[i] for i in owners])
        return self._enough[key]


def _explore(tables: Tables, owner: int, actions: np.ndarray) -> np.ndarray:
    """The problems that look the same as the true one, `owner`, in one exploration."""
    rows = np.flatnonzero(tables.first == tables.first[owner])
    for step, action in enumerate(actions):
        layer = tables.layers[step]
        true = np.flatnonzero(layer.owners[rows] == owner)[0]
        outcomes = layer.outcomes[rows, action]
        before = rows[outcomes == outcomes[true]]
        rows = layer.following[before, action]
        if rows[0] == ENDED:
            break
    return layer.owners[before]
