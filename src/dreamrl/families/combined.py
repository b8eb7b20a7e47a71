"""Actions of several parts as one number: each combination is an action."""

import itertools
import math
from collections.abc import Sequence

from dreamrl.errors import UserError
from dreamrl.values import shown

MOST = 4096
"""Combinations that an agent chooses among."""


def combinations(ns: Sequence[int], space: object) -> int:
    """Return how many there are of parts with so many values; UserError where they are too many."""
    number = math.prod(ns)
    if number > MOST:
        raise UserError(
            f"action_space {shown(space)} has {number} combinations, and agents choose among "
            f"{MOST} at most: offer fewer values, or let an action set one part (a Discrete of "
            f"{sum(ns)})"
        )
    return number


def combined_names(
    ns: Sequence[int], names: Sequence[Sequence[str]] | None = None
) -> tuple[str, ...]:
    """Return a name for each combination, of the names of its parts or of their numbers."""
    parts = [map(str, range(n)) for n in ns] if names is None else names
    return tuple(" ".join(each) for each in itertools.product(*parts))
