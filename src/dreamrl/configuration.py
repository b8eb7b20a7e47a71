"""Settings as nested frozen dataclasses: ranges, changes by name, and JSON.

Ranges stand beside the field and are checked when settings are made:

    clip: Annotated[float, Range(0, 1)] = 0.2
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from dreamrl.errors import UserError, unknown
from dreamrl.values import plain_value

S = TypeVar("S")


class Range(NamedTuple):
    """The least and the largest value of a number, both included."""

    low: float = 0.0
    high: float = float("inf")


SHARE = Range(0.0, 1.0)
COUNT = Range(1, 1e9)
POSITIVE = Range(1e-9, float("inf"))


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def hints(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields, with their annotations."""
    return _hints(kind)


def check_ranges(settings: Any) -> None:
    """Make plain Python numbers of NumPy's, and check every field of a frozen dataclass.

    A number without a `Range` must be 0 or more. Nested settings have checked themselves.

    Raises:
        UserError: For a number out of its range, a word that is none of a Literal's, or a value
            of another type.
    """
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        kind, limits = _unwrapped(hints(type(settings))[field.name])
        if (plain := plain_value(value)) is not value:
            value = plain
            object.__setattr__(settings, field.name, value)
        if typing.get_origin(kind) is Literal:
            _check_word(field.name, value, typing.get_args(kind))
        elif kind is bool:
            if not isinstance(value, bool):
                raise UserError(f"{field.name} is {value!r}: it must be true or false.")
        elif kind in (int, float):
            _check_number(settings, field.name, value, kind, limits)


def _unwrapped(hint: Any) -> tuple[Any, Range]:
    if typing.get_origin(hint) is not typing.Annotated:
        return hint, Range()
    kind, *rest = typing.get_args(hint)
    return kind, next((r for r in rest if isinstance(r, Range)), Range())


def _check_word(name: str, value: Any, words: tuple[str, ...]) -> None:
    if value not in words:
        said = f"{', '.join(words[:-1])} or {words[-1]}"
        raise UserError(f"{name} is {value!r}: it must be {said}.")


def _check_number(settings: Any, name: str, value: Any, kind: type, limits: Range) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{name} is {value!r}: it must be a number.")
    if kind is int and not isinstance(value, int):
        raise UserError(f"{name} is {value!r}: it must be a whole number.")
    low, high = limits
    if not low <= value <= high:
        raise UserError(f"{name} is {value}: it must be from {low:g} to {high:g}.")


def check_divides(name: str, value: int, divisor: str, by: int) -> None:
    """Raise UserError where the setting `name` is not a multiple of the setting `divisor`."""
    if value % by:
        raise UserError(f"{name} ({value}) must be a multiple of {divisor} ({by}).")


def check_order(settings: Any, first: str, second: str) -> None:
    """Raise UserError unless the setting `first` is smaller than the setting `second`."""
    if getattr(settings, first) >= getattr(settings, second):
        raise UserError(f"{first} must be smaller than {second}.")


def to_dict(settings: Any) -> dict[str, Any]:
    """Return nested settings as JSON has them; one of several kinds says its `name`."""
    found: dict[str, Any] = {}
    kind = getattr(settings, "name", None)
    if kind is not None:
        found["kind"] = kind
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        found[field.name] = (
            to_dict(value) if dataclasses.is_dataclass(value) else plain_value(value)
        )
    return found


def from_dict(kind: Any, held: dict[str, Any]) -> Any:
    """Return the settings that `to_dict` described; a missing entry has its default.

    Raises:
        UserError: For an unknown entry, or a value out of its range.
    """
    chosen = _chosen(kind, held)
    fields: dict[str, Any] = {f.name: hints(chosen)[f.name] for f in dataclasses.fields(chosen)}
    if odd := sorted(held.keys() - fields.keys() - {"kind"}):
        raise UserError(f"unknown setting {odd[0]!r} of {chosen.__name__}")
    made = {}
    for name, hint in fields.items():
        if name in held:
            nested = isinstance(held[name], dict)
            made[name] = from_dict(_unwrapped(hint)[0], held[name]) if nested else held[name]
    return chosen(**made)


def _chosen(kind: Any, held: dict[str, Any]) -> type:
    """Return the dataclass that an entry names, where several are possible."""
    kinds = kinds_of(kind)
    if "kind" not in held or not kinds:
        return kind if isinstance(kind, type) else next(iter(kinds.values()))
    if held["kind"] not in kinds:
        raise UserError(f"kind is {held['kind']!r}: it must be {' or '.join(kinds)}.")
    return kinds[held["kind"]]


def kinds_of(hint: Any) -> dict[str, type]:
    """Return the named kinds that a field's type allows; none of a plain type."""
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return {m.name: m for m in members if isinstance(m, type) and hasattr(m, "name")}


def paths_of(settings: Any) -> dict[str, Any]:
    """Return all settings by dotted path, `budget.iterations` and the like; kinds included."""
    return _flat(to_dict(settings))


def _flat(held: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in held.items():
        path = f"{before}{name}"
        if isinstance(value, dict):
            found |= ({path: value["kind"]} if "kind" in value else {}) | _flat(value, f"{path}.")
        elif name != "kind":
            found[path] = value
    return found


def resolve(settings: Any, name: str) -> str:
    """Return the dotted path of a setting, of which `name` may be the unambiguous end.

    Raises:
        UserError: Where there is none, or more than one.
    """
    return _resolve(paths_of(settings), name)


def _resolve(paths: Mapping[str, Any], name: str) -> str:
    name = name.replace("-", "_")
    if name in paths:
        return name
    ends = [path for path in paths if path.endswith(f".{name}")]
    if len(ends) > 1:
        raise UserError(f"setting {name} is one of {', '.join(ends)}: say which")
    if not ends:
        raise unknown("setting", name, paths)
    return ends[0]


def changed(settings: S, changes: Mapping[str, Any]) -> S:
    """Return settings with changes, together, by path or its unambiguous end: `{"z": 8}`.

    A kind is chosen by its name, before the changes within it: `{"learner": "dqn"}`; or the value
    itself takes the place: `{"learner": DQN(updates=10)}`.

    Raises:
        UserError: For a setting that there is not, and for a value that it cannot have.
    """
    held: Any = to_dict(settings)
    wholes = {name: value for name, value in changes.items() if _is_whole(held, name)}
    for name, value in wholes.items():
        path = _resolve(_flat(held) | held, name)
        place, last = _place(held, path)
        if dataclasses.is_dataclass(value):
            place[last] = to_dict(value)
        elif place[last]["kind"] != value:
            # Defaults of the new kind are filled in when the settings are made.
            place[last] = {"kind": value}
    _fill(type(settings), held)
    for name in changes.keys() - wholes.keys():
        place, last = _place(held, _resolve(_flat(held), name))
        place[last] = changes[name]
    return from_dict(type(settings), held)


def _fill(kind: Any, held: dict[str, Any]) -> None:
    """Give entries of a kind that was just chosen their defaults."""
    chosen = _chosen(kind, held)
    defaults: Any = {field.name: field.default for field in dataclasses.fields(chosen)}
    for name, default in defaults.items():
        if name not in held:
            held[name] = to_dict(default) if dataclasses.is_dataclass(default) else default
        elif isinstance(held[name], dict):
            _fill(_unwrapped(hints(chosen)[name])[0], held[name])


def _is_whole(held: dict[str, Any], name: str) -> bool:
    place: Any = held
    for part in name.replace("-", "_").split("."):
        place = place.get(part) if isinstance(place, dict) else None
    return isinstance(place, dict)


def _place(held: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *folders, last = path.split(".")
    for folder in folders:
        held = held[folder]
    return held, last


def changed_by_text(settings: S, changes: Mapping[str, str]) -> S:
    """Return settings with changes as they are written: `{"cost": "0.1"}`; see `changed`."""
    kinds = {name: text for name, text in changes.items() if _is_whole(to_dict(settings), name)}
    settings = changed(settings, kinds)
    rest = {resolve(settings, name): text for name, text in changes.items() if name not in kinds}
    return changed(settings, {path: _read(settings, path, text) for path, text in rest.items()})


def _read(settings: Any, path: str, text: str) -> Any:
    *folders, last = path.split(".")
    for folder in folders:
        settings = getattr(settings, folder)
    kind, _ = _unwrapped(hints(type(settings))[last])
    if kind is bool:
        if text not in ("true", "false"):
            raise UserError(f"{last} is {text!r}: it must be true or false")
        return text == "true"
    if kind not in (int, float):
        return text
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise UserError(f"{last} is {text!r}: it must be {wanted}") from None
