"""Rules that the grid families share: moves, statuses, the end of an episode."""

import enum
from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dreamrl.types import Problem

HORIZON = 20
STEP_COST = -0.1


class GridAction(enum.IntEnum):
    LEFT = 0
    UP = 1
    RIGHT = 2
    DOWN = 3
    STAY = 4
    RIDE = 5
    END = 6
    PICK_UP = 7
    DROP = 8


ACTION_NAMES = tuple(action.name.lower().replace("_", " ") for action in GridAction)


class Underfoot(enum.IntEnum):
    """The status entry of an observation: what kind of object the agent stands on."""

    NOTHING = 0
    BUS_STOP = 1
    BOWL = 2
    DRAWER = 3


class Mark(NamedTuple):
    """A place to be drawn."""

    position: tuple[int, int]
    text: str
    color: str


class Line(NamedTuple):
    """A connection to be drawn between two places."""

    start: tuple[int, int]
    end: tuple[int, int]
    color: str


class Drawing(NamedTuple):
    """A problem as figures draw it."""

    size: int
    marks: tuple[Mark, ...]
    lines: tuple[Line, ...] = ()


@runtime_checkable
class HasDrawing(Protocol):
    """A family whose observations begin with x and y on a grid, to be drawn on it."""

    def drawing(self, problem: Problem) -> Drawing:
        """Return what a problem looks like."""
        ...


class GridState(NamedTuple):
    position: Int[Array, "2"]
    steps: Int[Array, ""]


def move(position: Int[Array, "2"], action: Int[Array, ""], size: int) -> Int[Array, "2"]:
    """Return one step left, up, right or down, clipped at the border; other actions stay."""
    x = (action == GridAction.RIGHT).astype(jnp.int32) - (action == GridAction.LEFT)
    y = (action == GridAction.UP).astype(jnp.int32) - (action == GridAction.DOWN)
    return jnp.clip(position + jnp.stack([x, y]), 0, size - 1)


def standing_on(position: Int[Array, "2"], places: Int[np.ndarray, "n 2"]) -> Bool[Array, " n"]:
    return (places == position).all(-1)


def end_cost(
    action: Int[Array, ""], steps: Int[Array, ""], last: int = HORIZON
) -> Float[Array, ""]:
    """Return what ending the episode costs: a step's cost for every step that remains."""
    return jnp.where(action == GridAction.END, STEP_COST * (last - steps), 0.0)
