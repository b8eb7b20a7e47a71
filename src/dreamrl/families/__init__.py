"""Families of problems. `make(name)` gives one; a file here holds each."""

import dataclasses
import functools
import inspect
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from dreamrl.errors import UserError, unknown
from dreamrl.families.bandit import Bandit
from dreamrl.families.bus import Bus
from dreamrl.families.cooking import Cooking, DescribedCooking
from dreamrl.families.diagnosis import diagnosis
from dreamrl.families.family import Family
from dreamrl.families.gauges import DescribedGauges, Gauges
from dreamrl.families.growth import Growth
from dreamrl.families.paddle import Paddle
from dreamrl.families.point_robot import PointRobot
from dreamrl.families.sign import Sign
from dreamrl.families.tabular import TabularDidactic
from dreamrl.families.treasure import Treasure
from dreamrl.families.user_families import (
    import_family,
    is_own,
    lookup,
    makes_families,
    register_user_family,
)
from dreamrl.host import keep_no_results
from dreamrl.values import plain_value, shown

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
    "gauges": Gauges,
    "described-gauges": DescribedGauges,
    "described-cooking": DescribedCooking,
    "sign": Sign,
    "diagnosis": diagnosis,
    "paddle": Paddle,
}

__all__ = [
    "NAMES",
    "check_name",
    "folder_of",
    "is_own",
    "make",
    "of_run",
    "register_family",
    "register_user_family",
]

NAMES: tuple[str, ...] = tuple(_FAMILIES)


def register_family(name: str, family: Family | Callable[..., Family]) -> None:
    """Make a family known by name: to `make`, to `dreamrl.training` and to runs, in this process.

    Args:
        name: Without a colon; a family's own `name` should be the same.
        family: A family, or a function or class that makes one; its arguments are fields, as in
            `make("bandit", arms=10)`.

    Raises:
        UserError: If the name is taken, or has a colon.
    """
    if ":" in name or not name:
        raise UserError(f"a family's name has no colon: {name!r}")
    if _FAMILIES.get(name, family) is not family and name in NAMES:
        raise UserError(f"family {name!r} is built in: choose another name")
    value: Any = family
    keep_no_results()
    _FAMILIES[name] = value if makes_families(value) else lambda: value


def make(name: str, **fields: Any) -> Family:
    """Return the family of that name: built in, registered, or user-defined.

    Args:
        name: One that `dreamrl families` lists, with fields or without (`bandit:arms=10`), one
            that was registered, or `module:attribute` or `path/to/file.py:attribute` of a
            user-defined family, whose code is run.
        **fields: Fields of its class: `make("bandit", arms=10)`.

    Raises:
        UserError: For a name or a field that there is not, and for a value that a field cannot
            have.
    """
    check_name(name)
    if is_own(name):
        return import_family(name, **fields)
    name, _, spec = name.partition(":")
    build = _FAMILIES[name]
    defaults = {k: v.default for k, v in inspect.signature(build).parameters.items() if k != "name"}
    texts = {field for field, default in defaults.items() if isinstance(default, str)}
    overrides = {field: plain_value(value) for field, value in fields.items()}
    fields = _fields(name, spec, texts, tuple(defaults)) | overrides
    if strange := sorted(fields.keys() - set(defaults)):
        raise unknown(f"field of {name}", strange[0], defaults or ["none"])
    for field, value in fields.items():
        if isinstance(defaults[field], int) and isinstance(value, float):
            raise UserError(f"{name}: {field} must be a whole number, is {value}")
        if field in texts:
            fields[field] = _text(name, field, value)
    return build(**fields)


def folder_of(name: str) -> Path | None:
    """Return the folder of tables that a family's name says it is read from, if it says one."""
    first, _, spec = name.partition(":")
    if first != "diagnosis" or is_own(name):
        return None
    path = _fields(first, spec, {"path", "table", "outcomes"}).get("path")
    return None if path is None else Path(str(path))


def check_name(name: str) -> None:
    """Raise UserError for a name that there is not, as far as that is known without its code."""
    first, _, rest = name.partition(":")
    if first not in _FAMILIES:
        if not is_own(name):
            raise unknown("family", name, NAMES)
    elif is_own(name) and not (Path(first).exists() or Path(f"{first}.py").exists()):
        raise _no_field(first, rest)


def of_run(name: str, tables: Path | None = None) -> Family:
    """Return the family that a run's file names. No code is run that the user has not asked for.

    `tables` is the folder that the run keeps in place of that of `folder_of`.
    """
    if is_own(name):
        return lookup(name)
    if tables is None:
        return make(name)
    family: Any = make(name, path=tables)
    return dataclasses.replace(family, name=name)


def _fields(
    name: str, text: str, texts: set[str], known: Collection[str] = ()
) -> dict[str, int | float | str]:
    """Return FIELD=NUMBER,FIELD=NUMBER as it follows a family's name; `texts` hold text."""
    fields: dict[str, int | float | str] = {}
    for part in text.split(",") if text else ():
        field, _, value = part.partition("=")
        if field in texts and value:
            fields[field] = value
            continue
        if not re.fullmatch(r"-?\d{1,12}(\.\d+)?", value):
            if value and known and field not in known:
                raise unknown(f"field of {name}", field, known)
            raise _no_field(name, part)
        fields[field] = float(value) if "." in value else int(value)
    return fields


def _text(name: str, field: str, value: Any) -> str:
    if not isinstance(value, str | os.PathLike):
        raise UserError(f"{name}: {field} must be text, is {shown(value)}")
    return os.fspath(value)


def _no_field(name: str, part: str) -> UserError:
    return UserError(f"family {name}: {part!r} is not FIELD=NUMBER, as in sign:height=30,width=40")
