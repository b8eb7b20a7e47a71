"""Families of problems. `make(name)` gives one; a file here holds each."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from dreamrl.errors import unknown
from dreamrl.families.bandit import Bandit
from dreamrl.families.bus import Bus
from dreamrl.families.cooking import Cooking
from dreamrl.families.family import Family
from dreamrl.families.tabular import TabularDidactic
from dreamrl.families.treasure import Treasure

_FAMILIES: dict[str, Callable[..., Family]] = {
    "bus": functools.partial(Bus, "bus"),
    "distracting-bus": functools.partial(Bus, "distracting-bus", distractors=True),
    "map": functools.partial(Bus, "map", has_map=True),
    "cooking": Cooking,
    "treasure": Treasure,
    "bandit": Bandit,
    "tabular-didactic": TabularDidactic,
}

NAMES: tuple[str, ...] = tuple(_FAMILIES)


def make(name: str, **fields: Any) -> Family:
    """The built-in family of that name; `NAMES` lists them.

    `fields` are those of its class: `make("bandit", arms=10)`. Raises UserError for a name or a
    field that there is not, and for a value that a field cannot have.
    """
    if name not in _FAMILIES:
        raise unknown("family", name, NAMES)
    build = _FAMILIES[name]
    known = [field for field in inspect.signature(build).parameters if field != "name"]
    if strange := sorted(fields.keys() - set(known)):
        raise unknown(f"field of {name}", strange[0], known or ["none"])
    return build(**fields)
