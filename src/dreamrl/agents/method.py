"""A method as it is asked for by name: settings, the algorithm they make, and presets."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dreamrl.families.family import Family


class Method(NamedTuple):
    """A way to train agents."""

    settings: type
    """A frozen dataclass."""
    algorithm: Callable[[Family, Any], Any]
    """(family, settings) -> an `Algorithm`, or anything `Trainable`."""
    presets: Mapping[str, Any]
    """Settings by name: `default`, and names of families that need their own."""

    def preset_of(self, family_name: str) -> str:
        """Return the preset named after a family, or `default`.

        Fields after a colon do not count. Without one of its own, a family whose problems are
        described in training has that of the same family without descriptions.
        """
        name = family_name.partition(":")[0]
        names = (name, name.removeprefix("described-"))
        return next((name for name in names if name in self.presets), "default")
