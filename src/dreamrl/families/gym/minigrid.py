"""The meaning of MiniGrid's observations: tiles by codes, and a mission, which is text.

It is known by the shape of its spaces; MiniGrid itself is not needed.
"""

import itertools
import math
import sys
from typing import Any

from gymnasium import spaces

CODES = (11, 6, 4)
"""Objects, colours and states; of an agent the state is its direction."""
LARGEST = 32
"""Edge of a view, in tiles: what is larger is a picture, drawn of it."""
MISSIONS = 64
"""At the most: of more, a one-hot vector says little."""


def is_minigrid(space: Any) -> bool:
    """Return whether a space is a view of tiles with a direction and a mission beside it."""
    return (
        isinstance(space, spaces.Dict)
        and {*space.spaces} == {"image", "direction", "mission"}
        and is_view(space["image"])
        and isinstance(space["direction"], spaces.Discrete)
        and words_of(space["mission"]) is not None
    )


def is_view(space: Any) -> bool:
    """Return whether a space may be that of a view of tiles, as MiniGrid has it."""
    if not isinstance(space, spaces.Box) or space.dtype != "uint8" or len(space.shape) != 3:
        return False
    return space.shape[2] == len(CODES) and max(space.shape) < LARGEST


def codes_of() -> tuple[int, ...]:
    """Return how many objects, colours and states there are, with those that a user has added."""
    constants = sys.modules.get("minigrid.core.constants")
    if constants is None:
        return CODES
    tables = (constants.OBJECT_TO_IDX, constants.COLOR_TO_IDX, constants.STATE_TO_IDX)
    return tuple(max(n, 1 + max(codes.values())) for n, codes in zip(CODES, tables, strict=True))


def words_of(space: Any) -> tuple[str, ...] | None:
    """Return all missions of a MissionSpace, where they are a few; none where it is always one.

    A kind of its own, as BabyAI's, does not tell what it has: it counts as none. Returns None for
    what is no space of missions.
    """
    if not callable(mission := getattr(space, "mission_func", None)):
        return None
    lists = getattr(space, "ordered_placeholders", None) or []
    if type(space).__name__ != "MissionSpace" or math.prod(map(len, lists)) > MISSIONS:
        return ()
    words = tuple(dict.fromkeys(str(mission(*choice)) for choice in itertools.product(*lists)))
    return words if len(words) > 1 else ()
