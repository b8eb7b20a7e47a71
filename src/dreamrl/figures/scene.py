"""The protocol of a family's drawing of a trial."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dreamrl.story import Story


class Strip(NamedTuple):
    """Small panels beside one another, one a step, from the first observation on."""

    title: str
    steps: int
    height: float
    """Of a panel, in inches."""
    draw: Callable[[Axes, int], None]
    """Draws the panel of a step."""


@runtime_checkable
class Scene(Protocol):
    """A story as a kind of family is drawn."""

    story: Story
    one_palette: bool
    """True if few colours do for an animation."""

    def walk(self, axes: Axes, steps: int, exploring: bool) -> None:
        """Draw an episode's first steps from above: its exploration, or its exploitation."""
        ...

    def strips(self) -> list[Strip]: ...

    def frame(self, figure: Figure, explored: int, exploited: int | None) -> None:
        """Draw everything at one moment; `exploited` is None before the exploitation."""
        ...
