"""What can be reached in a family at all: exact values to read a score against.

All are computed from the family's own step function, and so need one with finitely many states,
without chance, and with a method `goals(problem)`. Returns are undiscounted means over problems
and goals. What a policy does not know is which of the problems `ids` it is in, each being as
likely as any other; they are all of the family's, training and test, unless others are given.
"""

import functools
from collections.abc import Hashable, Sequence
from typing import NamedTuple, cast

from dreamrl.errors import UserError
from dreamrl.families.family import Family
from dreamrl.references import exploration
from dreamrl.references.exploitation import Exploitation
from dreamrl.references.exploration import Estimate

__all__ = [
    "Estimate",
    "Reference",
    "no_exploration",
    "optimum",
    "random_exploration",
    "references",
    "shortest_informative",
]


class Reference(NamedTuple):
    """The values of one family."""

    family: str
    optimum: float
    """Best return when the problem is known, over the test IDs."""
    optimum_train: float
    """The same over the training IDs."""
    no_exploration: float
    """Best return when the problem is not known, over all IDs."""
    random_exploration: Estimate
    """Best return after a random exploration of full length, over all IDs."""
    shortest_informative: int | None
    """Steps of exploration that suffice to know all that matters, whatever the problem."""


def references(family: Family, number: int = 1000, seed: int = 0) -> Reference:
    """All values; `number` random explorations are tried. Takes seconds."""
    return Reference(
        family.name,
        optimum(family, family.test_ids),
        optimum(family, family.train_ids),
        no_exploration(family),
        random_exploration(family, number=number, seed=seed),
        shortest_informative(family),
    )


def optimum(family: Family, ids: Sequence[int] | None = None) -> float:
    """The best return of a policy that is told the problem."""
    exploitation, ids = _prepared(family, ids)
    return sum(map(exploitation.optimum, ids)) / len(ids)


def no_exploration(family: Family, ids: Sequence[int] | None = None) -> float:
    """The best return of a policy that knows the goal, but of the problem only what it meets.

    It may learn within the exploitation episode: this is the Bayes-adaptive optimum.
    """
    exploitation, ids = _prepared(family, ids)
    return exploitation.value(ids)


def random_exploration(
    family: Family,
    ids: Sequence[int] | None = None,
    number: int = 1000,
    end: bool = False,
    seed: int = 0,
) -> Estimate:
    """The best return after an exploration with uniformly random actions.

    The mean over `number` explorations of the exact value of what each has shown. They last the
    whole horizon, unless `end` lets them draw the action that ends the episode too.
    """
    exploitation, ids = _prepared(family, ids)
    return exploration.random_value(exploitation, ids, number, end, seed)


def shortest_informative(family: Family, ids: Sequence[int] | None = None) -> int | None:
    """The fewest steps of exploration after which nothing more need be known.

    That is: the best exploration, in the worst case over problems, leaves a policy that can do
    as well for every goal as if it were told the problem. None if there is no such exploration.
    """
    exploitation, ids = _prepared(family, ids)
    return exploration.shortest_informative(exploitation, ids)


def _prepared(family: Family, ids: Sequence[int] | None) -> tuple[Exploitation, tuple[int, ...]]:
    every = {*family.train_ids, *family.test_ids}
    chosen = tuple(sorted(every if ids is None else set(ids)))
    if strange := set(chosen) - every:
        raise UserError(f"family {family.name!r} has no problem {min(strange)}")
    if not chosen:
        raise UserError("references need at least one problem ID")
    try:
        return _kept(cast(Hashable, family)), chosen
    except TypeError:
        # A family that cannot be hashed is worked out anew each time.
        return Exploitation(family, every), chosen


@functools.lru_cache(maxsize=1)
def _kept(family: Family) -> Exploitation:
    return Exploitation(family, {*family.train_ids, *family.test_ids})
