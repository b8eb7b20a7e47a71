"""Settings as nested frozen dataclasses: ranges, changes by name, and JSON.

Ranges stand beside the field and are checked when settings are made:

    clip: Annotated[float, Range(0, 1)] = 0.2
"""

import copy
import dataclasses
import functools
import re
import types
import typing
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeVar

from dreamrl.errors import UserError, nearest_path
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
        words = _literal_words(kind)
        if words and int in typing.get_args(kind):
            if value not in words:
                _check_word_or_number(field.name, value, words, limits)
        elif words:
            _check_word(field.name, value, words)
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


def _literal_words(kind: Any) -> tuple[str, ...]:
    """Return the words that a Literal allows, or one beside other types."""
    if typing.get_origin(kind) is Literal:
        return typing.get_args(kind)
    return tuple(word for member in typing.get_args(kind) for word in _literal_words(member))


def _check_word_or_number(name: str, value: Any, words: tuple[str, ...], limits: Range) -> None:
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        choices = f"{', '.join(words)}, or a whole number from {low:g} to {high:g}"
        raise UserError(f"{name} is {value!r}: it must be {choices}.")


def _check_word(name: str, value: Any, words: tuple[str, ...]) -> None:
    if value not in words:
        choices = f"{', '.join(words[:-1])} or {words[-1]}"
        raise UserError(f"{name} is {value!r}: it must be {choices}.")


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
    entries: dict[str, Any] = {}
    kind = getattr(settings, "name", None)
    if kind is not None:
        entries["kind"] = kind
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        entries[field.name] = (
            to_dict(value) if dataclasses.is_dataclass(value) else plain_value(value)
        )
    return entries


def from_dict(kind: Any, entries: dict[str, Any]) -> Any:
    """Return the settings that `to_dict` described; a missing entry has its default.

    Raises:
        UserError: For an unknown entry, or a value out of its range.
    """
    target = _kind_named(kind, entries)
    fields: dict[str, Any] = {f.name: hints(target)[f.name] for f in dataclasses.fields(target)}
    if odd := sorted(entries.keys() - fields.keys() - {"kind"}):
        raise UserError(f"unknown setting {odd[0]!r} of {target.__name__}")
    values = {}
    for name in fields.keys() & entries.keys():
        kind, value = _unwrapped(fields[name])[0], entries[name]
        nested = dataclasses.is_dataclass(kind) or bool(kinds_of(kind))
        if nested != isinstance(value, dict):
            form = "settings of its own" if nested else "a value"
            raise UserError(f"{name} is {value!r}: it must be {form}.")
        values[name] = from_dict(kind, value) if nested else value
    return target(**values)


def _kind_named(kind: Any, entries: dict[str, Any]) -> type:
    """Return the dataclass that an entry names, where several are possible."""
    kinds = kinds_of(kind)
    if "kind" not in entries or not kinds:
        return kind if isinstance(kind, type) else next(iter(kinds.values()))
    if entries["kind"] not in kinds:
        raise _no_kind("kind", entries["kind"], kinds)
    return kinds[entries["kind"]]


def _no_kind(name: str, value: Any, kinds: Iterable[str]) -> UserError:
    return UserError(f"{name} is {value!r}: it must be {' or '.join(kinds)}.")


def kinds_of(hint: Any) -> dict[str, type]:
    """Return the named kinds that a field's type allows; none of a plain type."""
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return {m.name: m for m in members if isinstance(m, type) and hasattr(m, "name")}


def paths_of(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return all settings by dotted path, `budget.iterations` and the like; kinds included."""
    paths: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value: Any = getattr(settings, field.name)
        path = f"{prefix}{field.name}"
        several = len(kinds_of(hints(type(settings))[field.name])) > 1
        if not dataclasses.is_dataclass(value) or several:
            paths[path] = value.name if several else value
        if dataclasses.is_dataclass(value):
            paths |= paths_of(value, f"{path}.")
    return paths


def resolve(settings: Any, name: str) -> str:
    """Return the dotted path of a setting, of which `name` may be the unambiguous end.

    Raises:
        UserError: Where there is none, or more than one.
    """
    paths = paths_of(settings)
    name = name.replace("-", "_")
    if name in paths:
        return name
    ends = ends_with(paths, name)
    if len(ends) > 1:
        raise UserError(f"setting {name} is one of {', '.join(ends)}: say which")
    if not ends:
        raise UnknownSetting(settings, name)
    return ends[0]


class UnknownSetting(UserError):
    """Raised for a setting that does not exist; names the nearest one."""

    def __init__(self, settings: Any, name: str):
        self.settings, self.name = settings, name
        paths = paths_of(settings)
        near = nearest_path(name, paths)
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(paths)}"
        super().__init__(f"unknown setting {name!r}: {hint}")


def kinds_with(settings: Any, name: str) -> list[tuple[str, str]]:
    """Return which choices of kind would bring a setting, as `("bottleneck", "fixed")`."""
    return [
        (field.name, kind)
        for field in dataclasses.fields(settings)
        for kind, settings_type in kinds_of(hints(type(settings))[field.name]).items()
        if ends_with(paths_of(settings_type(), f"{field.name}."), name)
    ]


def ends_with(paths: Iterable[str], name: str) -> list[str]:
    """Return the paths that are a name, or end in it."""
    return [path for path in paths if f".{path}".endswith(f".{name}")]


def changed(settings: S, changes: Mapping[str, Any]) -> S:
    """Return settings with changes by path or unambiguous end: `{"iterations": 400}`.

    A kind is chosen by its name, before the changes within it: `{"learner": "dqn"}`. Whether all
    values fit together is asked when all are changed, so their order does not matter.

    Raises:
        UserError: For a setting that there is not, and for a value that it cannot have.
    """
    result = settings
    for name, value in _kinds_first(settings, changes):
        result = _unchecked(result, resolve(result, name).split("."), value)
    return _recheck(result)


def changed_by_text(settings: S, changes: Mapping[str, str]) -> S:
    """Return settings with changes as they are written: `{"cost": "0.1"}`; see `changed`."""
    result = settings
    for name, text in _kinds_first(settings, changes):
        path = resolve(result, name).split(".")
        result = _unchecked(result, path, _read(result, path, text))
    return _recheck(result)


def with_kinds(settings: S, changes: Mapping[str, Any]) -> S:
    """Return settings of the kinds that are among some changes, of which nothing is checked yet."""
    for name, kind in _kinds_among(settings, changes).items():
        settings = _unchecked(settings, name.split("."), kind)
    return settings


def _kinds_among(settings: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    paths = paths_of(settings)
    return {
        name: value
        for name, value in changes.items()
        if name in paths and dataclasses.is_dataclass(attrgetter(name)(settings))
    }


def _kinds_first(settings: Any, changes: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [*(_kinds_among(settings, changes) | dict(changes)).items()]


def _read(settings: Any, path: list[str], text: str) -> Any:
    first, *rest = path
    if rest:
        return _read(getattr(settings, first), rest, text)
    kind, _ = _unwrapped(hints(type(settings))[first])
    if kind is bool:
        if text not in ("true", "false"):
            raise UserError(f"{first} is {text!r}: it must be true or false")
        return text == "true"
    if kind not in (int, float):
        number = int in typing.get_args(kind) and re.fullmatch(r"-?\d+", text)
        return int(text) if number else text
    try:
        return kind(text)
    except ValueError:
        form = "a whole number" if kind is int else "a number"
        raise UserError(f"{first} is {text!r}: it must be {form}") from None


def _unchecked(settings: S, path: list[str], value: Any) -> S:
    """Return a copy with one change, of which nothing is checked yet."""
    first, *rest = path
    if rest:
        value = _unchecked(getattr(settings, first), rest, value)
    elif (kinds := kinds_of(hints(type(settings))[first])) and isinstance(value, str):
        if value not in kinds:
            raise _no_kind(first, value, kinds)
        current = getattr(settings, first)
        value = current if current.name == value else kinds[value]()
    elif kinds and not isinstance(value, tuple(kinds.values())):
        raise _no_kind(first, value, kinds)
    result = copy.copy(settings)
    object.__setattr__(result, first, value)
    return result


def _recheck(settings: Any) -> Any:
    """Return the same settings, made anew from the inside out: each checks itself."""
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    nested = {name: _recheck(x) for name, x in values.items() if dataclasses.is_dataclass(x)}
    return dataclasses.replace(settings, **nested)
