"""Agents as they are asked for by name, with settings of their own: `dream:bottleneck=none`."""

import dataclasses
import typing
from typing import Any, Literal, NamedTuple

from dreamrl.agents import registry
from dreamrl.errors import UserError, unknown


class Contender(NamedTuple):
    """AGENT, or AGENT:SETTING=VALUE,SETTING=VALUE; `preset=NAME` chooses another preset."""

    name: str
    """As it is asked for."""
    agent: str
    preset: str | None
    changes: dict[str, str]
    """Settings that differ from the preset's, as they are written."""

    def settings(self, family_name: str) -> Any:
        """Its settings on a family; raises UserError for one that there is not."""
        try:
            preset = registry.settings_for(self.agent, family_name, self.preset)
            hints = typing.get_type_hints(type(preset))
            kinds = {field.name: hints[field.name] for field in dataclasses.fields(preset)}
            values = {name: _value(kinds, name, text) for name, text in self.changes.items()}
            return dataclasses.replace(preset, **values)
        except UserError as error:
            raise UserError(f"{self.name}: {error}") from None


def contender(text: str) -> Contender:
    """Reads what is asked for; raises UserError for an unknown agent or what is not SETTING=VALUE.

    What the settings may be, `Contender.settings` finds out.
    """
    agent, colon, rest = text.partition(":")
    registry.method_of(agent)
    changes: dict[str, str] = {}
    for part in rest.split(",") if colon else ():
        setting, equals, value = part.partition("=")
        if not (setting and equals and value):
            raise UserError(f"{text}: {part!r} is not SETTING=VALUE, as in dream:bottleneck=none")
        if setting in changes:
            raise UserError(f"{text}: {setting} is given twice")
        changes[setting.replace("-", "_")] = value
    return Contender(text, agent, changes.pop("preset", None), changes)


def _value(kinds: dict[str, Any], name: str, text: str) -> Any:
    if name not in kinds:
        raise unknown("setting", name, kinds)
    kind = kinds[name]
    if typing.get_origin(kind) is Literal:
        choices = {str(choice): choice for choice in typing.get_args(kind)}
    elif kind is bool:
        choices = {"true": True, "false": False}
    else:
        return _read(kind, name, text)
    if text not in choices:
        raise UserError(f"{name} is {text!r}: it must be {' or '.join(choices)}")
    return choices[text]


def _read(kind: type, name: str, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise UserError(f"{name} is {text!r}: it must be {_KINDS[kind]}") from None


_KINDS = {int: "a whole number", float: "a number"}
