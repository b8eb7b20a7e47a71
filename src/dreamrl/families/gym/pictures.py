"""Pictures among Gymnasium's boxes: gray or of many channels, stacked, channels first or last."""

from typing import NamedTuple

import numpy as np
from gymnasium import spaces
from jaxtyping import Shaped, UInt8

from dreamrl.spaces import Image

SMALLEST, SMALL = 20, 10
"""Pixels of a picture's longer and shorter edge, at the least: what is smaller is a table of
numbers, as in MiniGrid."""
CHANNELS = 32
"""At the most."""


class Picture(NamedTuple):
    """The conversion of a batch of arrays into pictures."""

    space: Image
    axes: tuple[int, ...]
    """The axes of an array in the order height, width, channels."""
    bottom: float
    top: float
    """Values that become 0 in a picture, and 255."""

    def __call__(
        self, batch: Shaped[np.ndarray, "batch ..."]
    ) -> UInt8[np.ndarray, "batch height width channels"]:
        batch = batch.transpose(0, *(axis + 1 for axis in self.axes))
        batch = batch.reshape(*batch.shape[:3], -1)
        padding = [(0, n - m) for n, m in zip(self.space.shape, batch.shape[1:], strict=True)]
        if any(pad for _, pad in padding):
            batch = np.pad(batch, [(0, 0), *padding], "edge")
        if batch.dtype == np.uint8 and (self.bottom, self.top) == (0, 255):
            return batch
        values = (batch.astype(np.float32) - self.bottom) * (255 / (self.top - self.bottom))
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def picture_of(space: spaces.Box) -> Picture | None:
    """Return how to see a box as a picture; None where it is none.

    That is one with the axes of a picture and whole numbers of up to 256 levels, or real ones
    from 0 to 1 or to 255.
    """
    axes = _axes(space.shape)
    if axes is None:
        return None
    bottom, top = float(space.low.flat[0]), float(space.high.flat[0])
    if (space.low != space.low.flat[0]).any() or (space.high != space.high.flat[0]).any():
        return None
    is_whole = np.dtype(space.dtype).kind in "biu"
    if not (0 < top - bottom <= 255 if is_whole else bottom == 0 and top in (1, 255)):
        return None
    height, width, *rest = (space.shape[axis] for axis in axes)
    channels = int(np.prod(rest))
    image = Image(max(height, SMALLEST), max(width, SMALLEST), channels, light=True)
    return Picture(image, axes, bottom, top)


def _axes(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return height, width, then all axes that are channels: none, the last, the first, or both."""
    orders: dict[int, list[tuple[int, ...]]] = {
        2: [(0, 1)],
        3: [(0, 1, 2), (1, 2, 0)],
        4: [(1, 2, 0, 3), (2, 3, 0, 1), (0, 1, 2, 3)],
    }
    for order in orders.get(len(shape), []):
        height, width, *rest = (shape[axis] for axis in order)
        edges = min(height, width), max(height, width)
        if edges[0] >= SMALL and edges[1] >= SMALLEST and 1 <= np.prod(rest) <= CHANNELS:
            return order
    return None
