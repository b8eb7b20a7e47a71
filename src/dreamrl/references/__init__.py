"""The limits of a family: exact values to read a score against.

All are computed from the family's own step function, and so need one with finitely many states,
without chance, and with a method `goals(problem)`. Returns are undiscounted means over problems
and goals. What a policy does not know is which of the problems `ids` it is in, each being as
likely as any other; they are all of the family's, training and test, unless others are given.
Of a `Diagnosis`, where chance decides and priors differ, values come from its table (`diagnosis`).
A family may state its values (`dreamrl.families.stated`): `references` then takes these.
"""

import functools
from collections.abc import Callable, Hashable
from typing import NamedTuple, cast

from dreamrl.errors import TooLarge, UserError
from dreamrl.families.adapted import adapted
from dreamrl.families.diagnosis import Diagnosis
from dreamrl.families.family import Family, GivenIDs, plain_ids
from dreamrl.families.stated import StatesValues
from dreamrl.references import diagnosis, exploration
from dreamrl.references import posterior_sampling as sampling
from dreamrl.references.diagnosis import DiagnosisReference
from dreamrl.references.exploitation import Exploitation
from dreamrl.references.exploration import Estimate

__all__ = [
    "DiagnosisReference",
    "Estimate",
    "Reference",
    "bayes_optimal",
    "no_exploration",
    "optimum",
    "random_exploration",
    "references",
    "shortest_informative",
    "thompson",
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
    bayes_optimal: float | None
    """Best return after the best exploration, over all IDs; None if it cannot be searched."""
    thompson: float | None
    """Return of Thompson sampling, over all IDs; None if there are too many states."""


def references(family: Family, number: int = 1000, seed: int = 0) -> Reference | DiagnosisReference:
    """Return all values; `number` random explorations are tried. Takes seconds to half a minute.

    Where the family states its values, these are returned.
    """
    if isinstance(family, Diagnosis):
        return diagnosis.diagnosis_references(family, number, seed)
    if isinstance(family, StatesValues):
        ceiling, blind, random, best, shortest = family.values()
        chance = Estimate(random, 0.0)
        return Reference(family.name, ceiling, ceiling, blind, chance, shortest, best, None)
    return Reference(
        family.name,
        optimum(family, family.test_ids),
        optimum(family, family.train_ids),
        no_exploration(family),
        random_exploration(family, number=number, seed=seed),
        shortest_informative(family),
        _unless_too_large(bayes_optimal, family),
        _unless_too_large(thompson, family),
    )


def optimum(family: Family, ids: GivenIDs | None = None) -> float:
    """Return the best return of a policy that is told the problem."""
    if isinstance(family, Diagnosis):
        return diagnosis.optimum(family, _problem_ids(family, ids))
    exploitation, ids = _prepared(family, ids)
    return sum(map(exploitation.optimum, ids)) / len(ids)


def no_exploration(family: Family, ids: GivenIDs | None = None) -> float:
    """Return the best return of a policy that knows the goal, and the problem as it meets it.

    It may learn within the exploitation episode: this is the Bayes-adaptive optimum.
    """
    if isinstance(family, Diagnosis):
        return diagnosis.no_test(family, _problem_ids(family, ids))
    exploitation, ids = _prepared(family, ids)
    return exploitation.value(ids)


def random_exploration(
    family: Family,
    ids: GivenIDs | None = None,
    number: int = 1000,
    end: bool = False,
    seed: int = 0,
) -> Estimate:
    """Return the best return after an exploration with uniformly random actions.

    The mean over `number` explorations of the exact value of what each has shown. They last the
    whole horizon, unless `end` lets them draw the action that ends the episode too.
    """
    exploitation, ids = _prepared(family, ids)
    return exploration.random_value(exploitation, ids, number, end, seed)


def shortest_informative(family: Family, ids: GivenIDs | None = None) -> int | None:
    """Return the fewest steps of exploration after which nothing more need be known.

    That is: the best exploration, in the worst case over problems, leaves a policy that can do
    as well for every goal as if it were told the problem. None if there is no such exploration.
    """
    exploitation, ids = _prepared(family, ids)
    return exploration.shortest_informative(exploitation, ids)


def bayes_optimal(family: Family, ids: GivenIDs | None = None) -> float:
    """Return the best return of a trial: of any exploration, and of any use of what it has shown.

    The exploration may end before the horizon, or bring anything: it is not paid. Equal to the
    optimum where an exploration can show all that matters. Raises TooLarge where there are too
    many sets of problems to search.
    """
    exploitation, ids = _prepared(family, ids)
    return exploration.bayes_optimal(exploitation, ids)


def thompson(family: Family, ids: GivenIDs | None = None) -> float:
    """Return the return of Thompson sampling with the true posterior and optimal policies; exact.

    A policy π(i, g) does, in each state and at each step, what would be best if problem i and
    goal g were the case; of equally good actions it takes the one with the lowest number.

    1. Exploration: i is drawn from the prior, g from i's goals. π(i, g) is played in the true
       problem, until an episode with goal g would end there.
    2. Posterior: all problems equally that would have shown the same observations, rewards and
       ends, times how likely they are to draw the exploitation's goal.
    3. Exploitation: i' is drawn from the posterior, once. π(i', g') is played in the true
       problem with the goal g' that was given.

    This bounds PEARL, which draws one z for an episode (Liu et al. 2021: PEARL-UB, whose
    definition is not published to this detail). States are compared across problems as `reset`
    and `step` return them. Raises TooLarge where there are too many of them.
    """
    exploitation, ids = _prepared(family, ids)
    return sampling.thompson(exploitation, ids)


def _unless_too_large(value: Callable[[Family], float], family: Family) -> float | None:
    try:
        return value(family)
    except TooLarge:
        return None


def _prepared(family: Family, ids: GivenIDs | None) -> tuple[Exploitation, tuple[int, ...]]:
    family = adapted(family)
    numbers = _problem_ids(family, ids)
    try:
        return _exploitation_of(cast(Hashable, family)), numbers
    except TypeError:
        # A family that cannot be hashed is worked out anew each time.
        return Exploitation(family, {*family.train_ids, *family.test_ids}), numbers


def _problem_ids(family: Family, ids: GivenIDs | None) -> tuple[int, ...]:
    all_ids = {*family.train_ids, *family.test_ids}
    numbers = tuple(sorted(all_ids if ids is None else set(plain_ids(ids))))
    if strange := set(numbers) - all_ids:
        raise UserError(f"family {family.name!r} has no problem {min(strange)}")
    if not numbers:
        raise UserError("references need at least one problem ID")
    return numbers


@functools.lru_cache(maxsize=1)
def _exploitation_of(family: Family) -> Exploitation:
    return Exploitation(family, {*family.train_ids, *family.test_ids})
