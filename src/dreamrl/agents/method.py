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

        Fields after a colon do not count, nor whether problems are described in training.
        """
        name = family_name.partition(":")[0].removeprefix("described-")
        return name if name in self.presets else "default"
