"""Agents as they are asked for by name, with settings of their own: `dream:bottleneck=none`."""

from typing import Any, NamedTuple

from dreamrl.agents import registry
from dreamrl.configuration import changed_by_text, resolve, with_kinds
from dreamrl.errors import UserError
from dreamrl.runs.migration import called_now


class Contender(NamedTuple):
    """AGENT, or AGENT:SETTING=VALUE,SETTING=VALUE; `preset=NAME` chooses another preset."""

    name: str
    """As it is asked for."""
    agent: str
    preset: str | None
    changes: dict[str, str]
    """Settings that differ from the preset's, as they are written."""

    def settings(self, family_name: str) -> Any:
        """Return its settings on a family.

        Raises:
            UserError: For a setting that there is not, and for a value that it cannot have.
        """
        try:
            preset = registry.settings_for(self.agent, family_name, self.preset)
            return registry.with_changes(preset, self.changes, self._changed)
        except UserError as error:
            raise UserError(f"{self.name}: {error}") from None

    def _changed(self, preset: Any, changes: dict[str, str]) -> Any:
        """Return changed settings; results of before name some as they were called then."""
        texts: dict[str, str] = {}
        chosen = with_kinds(preset, changes)
        for name, text in changes.items():
            try:
                paths: tuple[str, ...] = (resolve(chosen, name),)
            except UserError:
                paths = called_now(type(preset), name)
                if not paths:
                    raise
            texts |= dict.fromkeys(paths, text)
        return changed_by_text(preset, texts)

    def sets(self, name: str) -> bool:
        """Tell whether a setting is among the changes, by its path or the end of it."""
        return any(path.rpartition(".")[2] == name for path in self.changes)


def contender(text: str) -> Contender:
    """Read a request; raise UserError for an unknown agent or a part that is not SETTING=VALUE.

    The settings themselves are checked by `Contender.settings`.
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
