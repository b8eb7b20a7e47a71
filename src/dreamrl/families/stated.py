"""Families that state their own exact values: by a formula, or worked out elsewhere."""

from typing import NamedTuple, Protocol, runtime_checkable


class Values(NamedTuple):
    """Mean returns over all problems; None where one is not known."""

    told: float
    """Of a policy that is told the problem."""
    blind: float
    """Best without exploration."""
    random: float
    """Best after a uniformly random exploration of full length."""
    best: float | None
    """Best after the best exploration."""
    shortest: int | None
    """Steps of exploration that suffice to know all that matters; None: no exploration does."""


@runtime_checkable
class StatesValues(Protocol):
    """Where `dreamrl.references` need not search, or could not."""

    def values(self) -> Values:
        """Return the family's exact values."""
        ...
