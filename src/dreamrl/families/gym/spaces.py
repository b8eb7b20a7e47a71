"""Gymnasium's spaces as dreamrl's: what is seen and done, in other words but the same."""

from typing import Any, NamedTuple

import gymnasium
import numpy as np

from dreamrl.errors import UserError
from dreamrl.spaces import ActionSpace, Box, Discrete, Image, MultiDiscrete, Space

SMALLEST_IMAGE = 20
"""Pixels of an edge: what is smaller is a table of numbers to agents, as in MiniGrid."""


class Seen(NamedTuple):
    """How a batch of observations becomes one of `space`: less `start`."""

    space: Space
    start: Any = 0

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        seen = batch.reshape(len(batch), *self.space.shape) - self.start
        with np.errstate(over="ignore"):
            return seen.astype(self.space.dtype)


class Done(NamedTuple):
    """How a batch of actions of `space` becomes one of the environment's own."""

    space: ActionSpace
    start: Any
    scale: Any = None
    """Of a Box: what the width 2 from -1 to 1 is stretched by."""
    dtype: Any = np.int64

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if self.scale is None:
            return batch.astype(self.dtype) + self.start
        return (self.start + (batch + 1) * self.scale).astype(self.dtype)


def observations(space: gymnasium.Space) -> Seen:
    """Raises UserError for a space that agents cannot look at."""
    match space:
        case gymnasium.spaces.Discrete():
            return Seen(Discrete(int(space.n)), int(space.start))
        case gymnasium.spaces.MultiDiscrete():
            return Seen(MultiDiscrete(tuple(space.nvec.ravel().tolist())), space.start.ravel())
        case gymnasium.spaces.MultiBinary():
            return Seen(MultiDiscrete((2,) * int(np.prod(space.shape))))
        case gymnasium.spaces.Box() if _is_image(space):
            return Seen(Image(space.shape[0], space.shape[1]))
        case gymnasium.spaces.Box():
            # Without bounds: few environments keep those that they give to the last digit.
            return Seen(Box(-np.inf, np.inf, space.shape))
    raise UserError(
        f"observation_space {space} is none that agents can look at: let make(problem_id) wrap "
        "the environment in gymnasium.wrappers.FlattenObservation"
    )


def actions(space: gymnasium.Space) -> Done:
    """A Box becomes one from -1 to 1. Raises UserError for a space that agents cannot act in."""
    match space:
        case gymnasium.spaces.Discrete():
            return Done(Discrete(int(space.n)), int(space.start))
        case gymnasium.spaces.Box() if space.is_bounded() and np.dtype(space.dtype).kind == "f":
            half = (space.high.astype(np.float64) - space.low) / 2
            return Done(Box(-1.0, 1.0, space.shape), space.low, half, space.dtype)
    raise UserError(
        f"action_space {space} is none that agents can act in: let make(problem_id) wrap the "
        "environment so that it is a Discrete, or a Box of real numbers with bounds"
    )


def _is_image(space: gymnasium.spaces.Box) -> bool:
    return (
        space.dtype == np.uint8
        and len(space.shape) == 3
        and space.shape[2] == 3
        and min(space.shape[:2]) >= SMALLEST_IMAGE
    )
