"""Which problems are held out; and of these, which are to choose by, and which results are of."""

from collections.abc import Collection

import numpy as np

from dreamrl.families.family import Family, holds_out, plain_ids

ENOUGH = 50
"""Held-out problems of which a part can be spared."""
EVERY = 10


def drawn(number: int, count: int) -> tuple[int, ...]:
    """Return `count` of the problems 0, 1, ... below `number`, drawn at random, always the same."""
    return tuple(sorted(np.random.default_rng(0).permutation(number)[:count].tolist()))


def others(number: int, ids: Collection[int]) -> tuple[int, ...]:
    """Return the problems below `number` that are not among these."""
    members = set(ids)
    return tuple(i for i in range(number) if i not in members)


def validation_ids(family: Family) -> tuple[int, ...] | range:
    """Return the held-out problems to watch a training by, and to choose settings: a tenth.

    Where fewer than 50 are held out, or none, they are the same as `unseen_ids`.
    """
    ids = plain_ids(family.test_ids)
    return ids[EVERY - 1 :: EVERY] if _has_validation_split(family) else ids


def unseen_ids(family: Family) -> tuple[int, ...] | range:
    """Return the held-out problems that results are of: nothing is chosen by them.

    Where none is held out, they are those of training.
    """
    ids = plain_ids(family.test_ids)
    if not _has_validation_split(family):
        return ids
    return tuple(problem for i, problem in enumerate(ids) if i % EVERY != EVERY - 1)


def _has_validation_split(family: Family) -> bool:
    return len(plain_ids(family.test_ids)) >= ENOUGH and holds_out(family)
