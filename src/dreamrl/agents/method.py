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
