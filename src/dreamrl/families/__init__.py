"""Families of problems. `make(name)` gives one; a file here holds each."""

import functools
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dreamrl.errors import UserError, unknown
from dreamrl.families.bandit import Bandit
from dreamrl.families.bus import Bus
from dreamrl.families.cooking import Cooking
from dreamrl.families.family import Family
from dreamrl.families.growth import Growth
from dreamrl.families.point_robot import PointRobot
from dreamrl.families.sign import Sign
from dreamrl.families.tabular import TabularDidactic
from dreamrl.families.treasure import Treasure
from dreamrl.families.user_families import bring, is_own, recall, remember

_FAMILIES: dict[str, Callable[..., Family]] = {
    "bus": functools.partial(Bus, "bus"),
    "distracting-bus": functools.partial(Bus, "distracting-bus", distractors=True),
    "map": functools.partial(Bus, "map", has_map=True),
    "cooking": Cooking,
    "treasure": Treasure,
    "bandit": Bandit,
    "tabular-didactic": TabularDidactic,
    "point-robot": PointRobot,
    "growth": Growth,
    "sign": Sign,
}

__all__ = ["NAMES", "check_name", "is_own", "make", "of_run", "remember"]

NAMES: tuple[str, ...] = tuple(_FAMILIES)


def make(name: str, **fields: Any) -> Family:
    """The built-in family of that name, which `NAMES` lists, or one of one's own.

    The name of one's own is `module:attribute` or `path/to/file.py:attribute`; that code is run.
    `fields` are those of its class: `make("bandit", arms=10)`, or `make("bandit:arms=10")`. Raises
    UserError for a name or a field that there is not, and for a value that a field cannot have.
    """
    check_name(name)
    if is_own(name):
        return bring(name, **fields)
    name, _, given = name.partition(":")
    fields = _fields(name, given) | fields
    build = _FAMILIES[name]
    known = {k: v.default for k, v in inspect.signature(build).parameters.items() if k != "name"}
    if strange := sorted(fields.keys() - set(known)):
        raise unknown(f"field of {name}", strange[0], known or ["none"])
    for field, value in fields.items():
        if isinstance(known[field], int) and isinstance(value, float):
            raise UserError(f"{name}: {field} must be a whole number, is {value}")
    return build(**fields)


def check_name(name: str) -> None:
    """Raises UserError for a name that there is not, as far as that is known without its code."""
    first, _, rest = name.partition(":")
    if first not in _FAMILIES:
        if not is_own(name):
            raise unknown("family", name, NAMES)
    elif is_own(name) and not (Path(first).exists() or Path(f"{first}.py").exists()):
        raise _no_field(first, rest)


def of_run(name: str) -> Family:
    """The family that a run's file names. No code is run that the user has not asked for."""
    return recall(name) if is_own(name) else make(name)


def _fields(name: str, text: str) -> dict[str, int | float]:
    """FIELD=NUMBER,FIELD=NUMBER as it stands behind a family's name."""
    fields: dict[str, int | float] = {}
    for part in text.split(",") if text else ():
        field, _, value = part.partition("=")
        if not re.fullmatch(r"-?\d{1,12}(\.\d+)?", value):
            raise _no_field(name, part)
        fields[field] = float(value) if "." in value else int(value)
    return fields


def _no_field(name: str, part: str) -> UserError:
    return UserError(f"family {name}: {part!r} is not FIELD=NUMBER, as in sign:height=30,width=40")
