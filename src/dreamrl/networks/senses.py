"""What is seen, as a vector: observations as they are, images through a trunk."""

from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.networks.layers import Dense
from dreamrl.spaces import Image, Space
from dreamrl.types import Key, Observation

PATCH, PIXELS = 5, 32
"""Edge of the first layer's patches, in pixels, and its channels."""
BLOCK, SEEN = 2, 64
"""Edge of the second layer's patches, in patches of the first, and its channels."""
CONTRAST, FAINT = 0.3, 0.02
"""Deviation of a picture's colours, from 0 to 1, once evened; what is much below is not raised."""


class Plain(eqx.Module):
    """The space's own encoding: nothing to learn."""

    space: Space = eqx.field(static=True)

    @property
    def features(self) -> int:
        return self.space.features

    def __call__(self, observation: Observation) -> Float[Array, "... features"]:
        return self.space.encode(observation)


class Patches(eqx.Module):
    """Squares of pixels -> 32 channels -> squares of those -> 64 channels -> a vector.

    Of each colour only what differs within the picture counts: it is brought to mean 0 and to one
    contrast first, so that the light a picture was taken in does not matter (docs/lessons.md).
    Squares do not overlap, so each layer is one matrix product: on a processor seven times as
    fast as convolutions that do (docs/lessons.md). What does not fill a square is left out.
    """

    pixels: Dense
    patches: Dense
    all: Dense
    space: Image = eqx.field(static=True)

    def __init__(self, key: Key, space: Image, size: int):
        keys = jax.random.split(key, 3)
        self.space = space
        rows, columns = (n // PATCH // BLOCK for n in (space.height, space.width))
        self.pixels = Dense(keys[0], PATCH * PATCH * 3, PIXELS, gain=2**0.5)
        self.patches = Dense(keys[1], BLOCK * BLOCK * PIXELS, SEEN, gain=2**0.5)
        self.all = Dense(keys[2], rows * columns * SEEN, size, gain=2**0.5)

    @property
    def features(self) -> int:
        return self.all.bias.shape[0]

    def __call__(self, observation: Observation) -> Float[Array, "... features"]:
        x = _evened(observation.astype(jnp.float32) / 255)
        x = jax.nn.relu(self.pixels(_squares(x, PATCH)))
        x = jax.nn.relu(self.patches(_squares(x, BLOCK)))
        return jax.nn.relu(self.all(x.reshape(*x.shape[:-3], -1)))


Look: TypeAlias = Plain | Patches


def look(key: Key, space: Space, size: int) -> Look:
    """How observations of a space are looked at; an image becomes a vector of `size`."""
    return Patches(key, space, size) if isinstance(space, Image) else Plain(space)


def _evened(picture: Float[Array, "... height width 3"]) -> Float[Array, "... height width 3"]:
    """Each colour with mean 0 and standard deviation `CONTRAST`, or less where it hardly varies."""
    x = picture - picture.mean((-3, -2), keepdims=True)
    deviation = jnp.sqrt(jnp.square(x).mean((-3, -2), keepdims=True))
    return CONTRAST * x / (deviation + FAINT)


def _squares(
    x: Float[Array, "... height width channels"], edge: int
) -> Float[Array, "... rows columns square"]:
    """Squares side by side, each as one vector."""
    *lead, height, width, channels = x.shape
    rows, columns = height // edge, width // edge
    x = x[..., : rows * edge, : columns * edge, :]
    x = x.reshape(*lead, rows, edge, columns, edge, channels)
    x = jnp.moveaxis(x, -4, -3)
    return x.reshape(*lead, rows, columns, edge * edge * channels)
