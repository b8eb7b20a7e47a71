"""A check that a family's observations fit into memory, before anything is made."""

import math
import os

import numpy as np

from dreamrl.errors import UserError
from dreamrl.families.family import Family, horizon_of

AT_ONCE = 2**28
"""Bytes of observations that are held side by side where trials can as well take turns."""


def trial_bytes(family: Family, trials: int = 1, episodes: int = 1) -> int:
    """Return bytes that the observations of so many trials side by side take, at the least.

    A trial is an exploration and `episodes` exploitation episodes. Each is held twice for a
    moment, when the last observation is joined to the others. What agents make of them is not
    counted.
    """
    space = family.observation_space
    size = math.prod(space.shape) * np.dtype(space.dtype).itemsize
    lengths = horizon_of(family, exploring=True) + 1 + episodes * (family.horizon + 1)
    return 2 * trials * lengths * size


def side_by_side(family: Family, episodes: int = 1) -> int:
    """Return how many trials to play at once: all of 2,000 where observations are small."""
    return max(1, AT_ONCE // trial_bytes(family, 1, episodes))


def check_memory(
    family: Family,
    trials: int = 1,
    episodes: int = 1,
    available: int | None = None,
    replayed: int = 0,
) -> None:
    """Raise UserError if the observations of so many trials do not fit.

    Beside them `replayed` episodes are kept. `available` is in bytes, by default all the
    memory of this machine. Where that cannot be found out, nothing is raised.
    """
    size = trial_bytes(family, trials, episodes) + trial_bytes(family, replayed, 0) // 2
    shape = " x ".join(map(str, family.observation_space.shape))
    batch = "one trial" if trials == 1 else f"{trials} trials at once"
    batch += f" and {replayed} replayed episodes" if replayed else ""
    message = f"family {family.name!r}: {batch} with observations of {shape}"
    check_fits(size, message, "choose fewer, or smaller observations", available)


def check_fits(needed: int, what: str, advice: str, available: int | None = None) -> None:
    """Raise UserError, with advice, if `what` needs more bytes than are available.

    That is by default all the memory of this machine; where it cannot be found out, nothing is
    raised.
    """
    available = machine_bytes() if available is None else available
    if available is not None and needed > available:
        raise UserError(
            f"{what} would take at least {needed / 2**30:.1f} GB of memory, "
            f"of {available / 2**30:.1f} GB that there are: {advice}"
        )


def machine_bytes() -> int | None:
    """Return all the memory of this machine, used or not; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
