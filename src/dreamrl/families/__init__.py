"""Families of problems. `make(name)` gives one; a file here holds each."""

import functools
from collections.abc import Callable

from dreamrl.errors import unknown
from dreamrl.families.bus import Bus
from dreamrl.families.cooking import Cooking
from dreamrl.families.family import Family

_FAMILIES: dict[str, Callable[[], Family]] = {
    "bus": functools.partial(Bus, "bus"),
    "distracting-bus": functools.partial(Bus, "distracting-bus", distractors=True),
    "map": functools.partial(Bus, "map", has_map=True),
    "cooking": Cooking,
}

NAMES: tuple[str, ...] = tuple(_FAMILIES)


def make(name: str) -> Family:
    """The built-in family of that name; `NAMES` lists them."""
    if name not in _FAMILIES:
        raise unknown("family", name, NAMES)
    return _FAMILIES[name]()
