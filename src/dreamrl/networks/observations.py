"""Observations as vectors: tiles and images through a trunk, all else as it is."""

from typing import ClassVar, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.errors import UserError
from dreamrl.networks.layers import Dense
from dreamrl.networks.per_action import PerActionEncoder
from dreamrl.spaces import Image, PerAction, Privileged, Product, Space, Tiles, without_said
from dreamrl.types import Key, Observation

PATCH, PIXELS = 5, 32
"""Edge of the first layer's patches, in pixels, and its channels."""
BLOCK, SEEN = 2, 64
"""Edge of the second layer's patches, in patches of the first, and its channels."""
CONTRAST, FAINT = 0.3, 0.02
"""Deviation of a picture's colours, from 0 to 1, once evened; what is much below is not raised."""
TILE = 16
"""Channels of a tile."""


class FlatEncoder(eqx.Module):
    """The space's own encoding: nothing to learn."""

    tiles: ClassVar[int] = 0
    space: Space = eqx.field(static=True)

    @property
    def features(self) -> int:
        return self.space.features

    def __call__(self, observation: Observation) -> Float[Array, "... features"]:
        return self.space.encode(observation)


class PatchEncoder(eqx.Module):
    """Squares of pixels -> 32 channels -> squares of those -> 64 channels -> a vector.

    Of each channel only what differs within the picture counts: it is brought to mean 0 and to one
    contrast first, so that the light a picture was taken in does not matter (docs/lessons.md).
    Where the space says that it does, the means stand beside the vector, from -1 to 1.
    Squares do not overlap, so each layer is one matrix product: on a processor many times as fast
    as convolutions that do (docs/sign.md). What does not fill a square is left out.
    """

    tiles: ClassVar[int] = 0
    pixels: Dense
    patches: Dense
    all: Dense
    space: Image = eqx.field(static=True)

    def __init__(self, key: Key, space: Image, size: int):
        keys = jax.random.split(key, 3)
        self.space = space
        rows, columns = (n // PATCH // BLOCK for n in (space.height, space.width))
        self.pixels = Dense(keys[0], PATCH * PATCH * space.channels, PIXELS, gain=2**0.5)
        self.patches = Dense(keys[1], BLOCK * BLOCK * PIXELS, SEEN, gain=2**0.5)
        self.all = Dense(keys[2], rows * columns * SEEN, size, gain=2**0.5)

    @property
    def features(self) -> int:
        return self.all.bias.shape[0] + self.space.light * self.space.channels

    def __call__(self, observation: Observation) -> Float[Array, "... features"]:
        picture = observation.astype(jnp.float32) / 255
        x = jax.nn.relu(self.pixels(_squares(_standardised(picture), PATCH)))
        x = jax.nn.relu(self.patches(_squares(x, BLOCK)))
        x = jax.nn.relu(self.all(x.reshape(*x.shape[:-3], -1)))
        if self.space.light:
            x = jnp.concatenate([x, 2 * picture.mean((-3, -2)) - 1], axis=-1)
        return x


def check_pictures(space: Space) -> None:
    """Raise UserError for pictures in which there is not one patch."""
    smallest, space = PATCH * BLOCK, without_said(space)
    if isinstance(space, Product):
        for part in space.parts:
            check_pictures(part)
    if isinstance(space, Image) and min(space.height, space.width) < smallest:
        raise UserError(
            f"agents see pictures from {smallest} x {smallest} pixels on: "
            f"{space.height} x {space.width} are too few"
        )


class TileEncoder(eqx.Module):
    """Each tile -> `TILE` channels, by one layer for all places; what is beside them as it is.

    What a thing is does not depend on where it lies: seen once, it is known everywhere. The
    channels stand first, so that `gate_tiles` finds them.
    """

    tile: Dense
    space: Tiles = eqx.field(static=True)

    def __init__(self, key: Key, space: Tiles):
        self.space = space
        self.tile = Dense(key, sum(space.ns), TILE, gain=2**0.5)

    @property
    def tiles(self) -> int:
        return self.space.count

    @property
    def features(self) -> int:
        return self.tiles * TILE + sum(self.space.beside)

    def __call__(self, observation: Observation) -> Float[Array, "... features"]:
        x = self.space.encode(observation)
        size = self.tiles * sum(self.space.ns)
        tiles, extra = x[..., :size], x[..., size:]
        tiles = jax.nn.relu(self.tile(tiles.reshape(*x.shape[:-1], self.tiles, -1)))
        return jnp.concatenate([tiles.reshape(*x.shape[:-1], -1), extra], axis=-1)


class PrivilegedEncoder(eqx.Module):
    """An observation through its trunk, beside what is said of the problem, as it is."""

    seen: "ObservationEncoder"
    space: Privileged = eqx.field(static=True)

    @property
    def tiles(self) -> int:
        return self.seen.tiles

    @property
    def features(self) -> int:
        return self.seen.features + self.space.said

    def __call__(self, observation: Observation) -> Float[Array, "... features"]:
        view, facts = self.space.split(observation)
        return jnp.concatenate([self.seen(view), facts], axis=-1)


class Several(eqx.Module):
    """Each part of a product through its own trunk."""

    parts: "tuple[ObservationEncoder, ...]"
    space: Product = eqx.field(static=True)

    @property
    def tiles(self) -> int:
        """Of the first part: no other's channels stand in front."""
        return self.parts[0].tiles

    @property
    def features(self) -> int:
        return sum(part.features for part in self.parts)

    def __call__(self, observation: Observation) -> Float[Array, "... features"]:
        pieces = self.space.split(observation)
        vectors = [part(piece) for part, piece in zip(self.parts, pieces, strict=True)]
        return jnp.concatenate(vectors, axis=-1)


ObservationEncoder: TypeAlias = (
    FlatEncoder | PatchEncoder | TileEncoder | PerActionEncoder | PrivilegedEncoder | Several
)


def make_observation_encoder(key: Key, space: Space, size: int) -> ObservationEncoder:
    """Return how observations of a space are looked at; an image becomes a vector of `size`."""
    if isinstance(space, Privileged):
        return PrivilegedEncoder(make_observation_encoder(key, space.seen, size), space)
    if isinstance(space, Product):
        keys = jax.random.split(key, len(space.parts))
        parts = (
            make_observation_encoder(k, part, size)
            for k, part in zip(keys, space.parts, strict=True)
        )
        return Several(tuple(parts), space)
    if isinstance(space, Tiles):
        return TileEncoder(key, space)
    if isinstance(space, PerAction):
        return PerActionEncoder(key, space)
    return PatchEncoder(key, space, size) if isinstance(space, Image) else FlatEncoder(space)


def per_action(
    encoder: ObservationEncoder, observation: Observation
) -> Float[Array, "... actions channels"] | None:
    """Return what is seen of each action; None where nothing is said of them one by one."""
    if isinstance(encoder, PerActionEncoder):
        return encoder.each(observation)
    if isinstance(encoder, PrivilegedEncoder):
        return per_action(encoder.seen, encoder.space.split(observation)[0])
    if isinstance(encoder, Several):
        pairs = zip(encoder.parts, encoder.space.split(observation), strict=True)
        return next((x for x in (per_action(*pair) for pair in pairs) if x is not None), None)
    return None


def gate_tiles(
    seen: Float[Array, "... features"], tiles: int, gate: Float[Array, "... channels"]
) -> Float[Array, "... features"]:
    """Return what is seen, with the channels of all its tiles multiplied by those of the gate."""
    channels = seen[..., : tiles * TILE].reshape(*seen.shape[:-1], tiles, TILE)
    products = (channels * gate[..., None, :]).reshape(*seen.shape[:-1], -1)
    return jnp.concatenate([products, seen[..., tiles * TILE :]], axis=-1)


def _standardised(
    picture: Float[Array, "... height width channels"],
) -> Float[Array, "... height width channels"]:
    """Return each channel with mean 0 and deviation `CONTRAST`, or less where it hardly varies."""
    x = picture - picture.mean((-3, -2), keepdims=True)
    deviation = jnp.sqrt(jnp.square(x).mean((-3, -2), keepdims=True))
    return CONTRAST * x / (deviation + FAINT)


def _squares(
    x: Float[Array, "... height width channels"], edge: int
) -> Float[Array, "... rows columns square"]:
    """Return squares side by side, each as one vector."""
    *lead, height, width, channels = x.shape
    rows, columns = height // edge, width // edge
    x = x[..., : rows * edge, : columns * edge, :]
    x = x.reshape(*lead, rows, edge, columns, edge, channels)
    x = jnp.moveaxis(x, -4, -3)
    return x.reshape(*lead, rows, columns, edge * edge * channels)
