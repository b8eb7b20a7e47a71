"""The spaces of observations, actions and goals."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped, UInt8

from dreamrl.types import Action, Key

Value: TypeAlias = Shaped[Array, "..."] | Shaped[np.ndarray, "..."]
"""A value that may be in a space."""


def _real(value: Value, shape: tuple[int, ...]) -> bool:
    """Return whether it is real numbers of this shape."""
    array = np.asarray(value)
    return array.shape == shape and bool(np.issubdtype(array.dtype, np.floating))


@dataclasses.dataclass(frozen=True)
class Discrete:
    """One of the numbers 0 .. n-1."""

    n: int

    @property
    def shape(self) -> tuple[int, ...]:
        return ()

    @property
    def dtype(self) -> Any:
        return jnp.int32

    @property
    def features(self) -> int:
        """Length of the vector that `encode` returns."""
        return self.n

    def sample(self, key: Key) -> Int[Array, ""]:
        return jax.random.randint(key, (), 0, self.n)

    def contains(self, value: Value) -> bool:
        value = np.asarray(value)
        integer = np.issubdtype(value.dtype, np.integer)
        return bool(integer and value.shape == () and 0 <= value < self.n)

    def encode(self, value: Int[Array, "..."]) -> Float[Array, "... n"]:
        return jax.nn.one_hot(value, self.n)


@dataclasses.dataclass(frozen=True)
class MultiDiscrete:
    """A vector of integers; entry i is one of 0 .. ns[i]-1."""

    ns: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.ns),)

    @property
    def dtype(self) -> Any:
        return jnp.int32

    @property
    def features(self) -> int:
        return sum(self.ns)

    def sample(self, key: Key) -> Int[Array, " entries"]:
        return jax.random.randint(key, self.shape, 0, jnp.array(self.ns))

    def contains(self, value: Value) -> bool:
        value = np.asarray(value)
        integer = np.issubdtype(value.dtype, np.integer)
        if not integer or value.shape != self.shape:
            return False
        return bool(((value >= 0) & (value < np.array(self.ns))).all())

    def encode(self, value: Int[Array, "... entries"]) -> Float[Array, "... features"]:
        """Return one-hot vectors, one after the other."""
        # One comparison for all entries: a vector for each takes minutes to compile where there
        # are many, as the tiles of a view.
        entries = np.repeat(np.arange(len(self.ns)), self.ns)
        levels = np.concatenate([np.arange(n) for n in self.ns])
        return (value[..., entries] == levels).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class Tiles:
    """A view of `count` places, each seen as the integers `ns`, and other integers `beside` it.

    A vector: place after place, whose entry i is one of 0 .. ns[i]-1, then entries of
    0 .. beside[i]-1. All places go through the same layer (`dreamrl.networks.observations`).
    """

    count: int
    ns: tuple[int, ...]
    beside: tuple[int, ...] = ()

    @property
    def entries(self) -> MultiDiscrete:
        return MultiDiscrete(self.ns * self.count + self.beside)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.entries.shape

    @property
    def dtype(self) -> Any:
        return self.entries.dtype

    @property
    def features(self) -> int:
        return self.entries.features

    def sample(self, key: Key) -> Int[Array, " entries"]:
        return self.entries.sample(key)

    def contains(self, value: Value) -> bool:
        return self.entries.contains(value)

    def encode(self, value: Int[Array, "... entries"]) -> Float[Array, "... features"]:
        """Return one-hot vectors, place after place."""
        return self.entries.encode(value)


@dataclasses.dataclass(frozen=True)
class Box:
    """Real numbers between `low` and `high`, of the given shape."""

    low: float
    high: float
    shape: tuple[int, ...]

    @property
    def dtype(self) -> Any:
        return jnp.float32

    @property
    def features(self) -> int:
        return math.prod(self.shape)

    def sample(self, key: Key) -> Float[Array, "..."]:
        return jax.random.uniform(key, self.shape, minval=self.low, maxval=self.high)

    def contains(self, value: Value) -> bool:
        value = np.asarray(value)
        return _real(value, self.shape) and bool(((value >= self.low) & (value <= self.high)).all())

    def encode(self, value: Float[Array, "..."]) -> Float[Array, "... features"]:
        lead = value.shape[: value.ndim - len(self.shape)]
        return value.reshape(*lead, self.features).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class Scaled:
    """Real numbers of the given shape, which agents see less `middle` and divided by `half`.

    Both are of the flattened entries, or one number for all. They limit nothing.
    """

    middle: tuple[float, ...]
    half: tuple[float, ...]
    shape: tuple[int, ...]

    @property
    def dtype(self) -> Any:
        return jnp.float32

    @property
    def features(self) -> int:
        return math.prod(self.shape)

    def sample(self, key: Key) -> Float[Array, "..."]:
        draw = jax.random.uniform(key, (self.features,), minval=-1.0, maxval=1.0)
        return (draw * jnp.array(self.half) + jnp.array(self.middle)).reshape(self.shape)

    def contains(self, value: Value) -> bool:
        return _real(value, self.shape) and bool(np.isfinite(value).all())

    def encode(self, value: Float[Array, "..."]) -> Float[Array, "... features"]:
        """Return about -1 to 1."""
        lead = value.shape[: value.ndim - len(self.shape)]
        flat = value.reshape(*lead, self.features).astype(jnp.float32)
        middle, half = (jnp.array(x, jnp.float32) for x in (self.middle, self.half))
        return (flat - middle) / half


@dataclasses.dataclass(frozen=True)
class PerAction:
    """An observation of each of the first `actions`: `rows` of `numbers`, about -1 to 1 each.

    The order of an action's rows says nothing: all go through the same layers, and each action is
    also chosen by what is seen of it (`dreamrl.networks.per_action`).
    """

    actions: int
    rows: int
    numbers: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.actions, self.rows, self.numbers)

    @property
    def dtype(self) -> Any:
        return jnp.float32

    @property
    def features(self) -> int:
        return math.prod(self.shape)

    def sample(self, key: Key) -> Float[Array, "actions rows numbers"]:
        return jax.random.uniform(key, self.shape, minval=-1.0, maxval=1.0)

    def contains(self, value: Value) -> bool:
        return _real(value, self.shape) and bool(np.isfinite(value).all())

    def encode(
        self, value: Float[Array, "... actions rows numbers"]
    ) -> Float[Array, "... features"]:
        return value.reshape(*value.shape[:-3], self.features).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class Image:
    """Height x width pixels of so many channels, 0 to 255; three are red, green and blue.

    It goes through a trunk that is trained (`dreamrl.networks.observations`). Agents see what
    differs within each channel and, with `light`, how bright it is on the whole.
    """

    height: int
    width: int
    channels: int = 3
    light: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width, self.channels)

    @property
    def dtype(self) -> Any:
        return jnp.uint8

    @property
    def blocks(self) -> tuple[int, int]:
        """The edges of the squares, about, that `encode` makes one value of."""
        return math.gcd(self.height, COARSE), math.gcd(self.width, COARSE)

    @property
    def features(self) -> int:
        tall, wide = self.blocks
        return (self.height // tall) * (self.width // wide) * self.channels

    def sample(self, key: Key) -> UInt8[Array, "height width channels"]:
        return jax.random.bits(key, self.shape, jnp.uint8)

    def contains(self, value: Value) -> bool:
        value = np.asarray(value)
        return value.dtype == np.uint8 and value.shape == self.shape

    def encode(
        self, value: UInt8[Array, "... height width channels"]
    ) -> Float[Array, "... features"]:
        """Return a coarse picture, 0 to 1: means over squares of `COARSE` pixels or so."""
        lead, (tall, wide) = value.shape[:-3], self.blocks
        rows, columns = self.height // tall, self.width // wide
        split = value.reshape(*lead, rows, tall, columns, wide, self.channels)
        coarse = split.astype(jnp.float32).mean((-4, -2)) / 255
        return coarse.reshape(*lead, self.features)


COARSE = 10


@dataclasses.dataclass(frozen=True)
class Privileged:
    """An observation in `seen`, as a vector, then so many numbers that describe the problem."""

    seen: "Space"
    said: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (math.prod(self.seen.shape) + self.said,)

    @property
    def dtype(self) -> Any:
        return jnp.float32

    @property
    def features(self) -> int:
        return self.seen.features + self.said

    def join(
        self, seen: Shaped[Array, "..."], said: Float[Array, "... said"]
    ) -> Float[Array, "... both"]:
        lead = said.shape[:-1]
        return jnp.concatenate([seen.reshape(*lead, -1).astype(jnp.float32), said], axis=-1)

    def split(
        self, value: Float[Array, "... both"]
    ) -> tuple[Shaped[Array, "..."], Float[Array, "... said"]]:
        length = math.prod(self.seen.shape)
        seen, said = value[..., :length], value[..., length:]
        return seen.reshape(*value.shape[:-1], *self.seen.shape).astype(self.seen.dtype), said

    def sample(self, key: Key) -> Float[Array, " both"]:
        key_seen, key_said = jax.random.split(key)
        return self.join(self.seen.sample(key_seen), jax.random.normal(key_said, (self.said,)))

    def contains(self, value: Value) -> bool:
        value = np.asarray(value)
        if not np.issubdtype(value.dtype, np.floating) or value.shape != self.shape:
            return False
        seen, said = self.split(jnp.asarray(value))
        # What the split rounds was no value of the space.
        whole = np.isfinite(value).all() and (np.asarray(self.join(seen, said)) == value).all()
        return bool(whole) and self.seen.contains(seen)

    def encode(self, value: Float[Array, "... both"]) -> Float[Array, "... features"]:
        seen, said = self.split(value)
        return jnp.concatenate([self.seen.encode(seen), said], axis=-1)


@dataclasses.dataclass(frozen=True)
class Product:
    """Values of several spaces in one vector of real numbers, one after the other."""

    parts: "tuple[Space, ...]"

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(math.prod(part.shape) for part in self.parts),)

    @property
    def dtype(self) -> Any:
        return jnp.float32

    @property
    def features(self) -> int:
        return sum(part.features for part in self.parts)

    def split(self, value: Float[Array, "... all"]) -> list[Shaped[Array, "..."]]:
        """Return the values of the parts."""
        lead, ends = value.shape[:-1], np.cumsum([math.prod(part.shape) for part in self.parts])
        pieces = jnp.split(value, ends[:-1], axis=-1)
        return [
            piece.reshape(*lead, *part.shape).astype(part.dtype)
            for part, piece in zip(self.parts, pieces, strict=True)
        ]

    def join(self, values: Sequence[Shaped[Array, "..."]]) -> Float[Array, " all"]:
        return jnp.concatenate([jnp.ravel(value).astype(jnp.float32) for value in values])

    def sample(self, key: Key) -> Float[Array, " all"]:
        keys = jax.random.split(key, len(self.parts))
        return self.join([part.sample(k) for part, k in zip(self.parts, keys, strict=True)])

    def contains(self, value: Value) -> bool:
        value = np.asarray(value)
        if not np.issubdtype(value.dtype, np.floating) or value.shape != self.shape:
            return False
        pieces = self.split(jnp.asarray(value))
        # What the split rounds was no value of the space.
        whole = np.isfinite(value).all() and (np.asarray(self.join(pieces)) == value).all()
        pairs = zip(self.parts, pieces, strict=True)
        return bool(whole) and all(part.contains(piece) for part, piece in pairs)

    def encode(self, value: Float[Array, "... all"]) -> Float[Array, "... features"]:
        pairs = zip(self.parts, self.split(value), strict=True)
        return jnp.concatenate([part.encode(piece) for part, piece in pairs], axis=-1)


Space: TypeAlias = (
    Discrete | MultiDiscrete | Tiles | Box | Scaled | PerAction | Image | Privileged | Product
)


def without_said(space: Space) -> Space:
    """Return the space of observations, without the description of the problem beside them."""
    while isinstance(space, Privileged):
        space = space.seen
    return space


ActionSpace: TypeAlias = Discrete | Box
"""Chosen from, or vectors of real numbers, which agents may exceed: environments get the nearest
action inside."""


def inside(space: ActionSpace, action: Action) -> Action:
    """Return the action, or the nearest one that the space contains."""
    return jnp.clip(action, space.low, space.high) if isinstance(space, Box) else action
