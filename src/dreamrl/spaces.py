"""What observations, actions and goals may be."""

import dataclasses
import math
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from dreamrl.types import Key


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

    def contains(self, value: Array | np.ndarray) -> bool:
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

    def contains(self, value: Array | np.ndarray) -> bool:
        value = np.asarray(value)
        integer = np.issubdtype(value.dtype, np.integer)
        if not integer or value.shape != self.shape:
            return False
        return bool(((value >= 0) & (value < np.array(self.ns))).all())

    def encode(self, value: Int[Array, "... entries"]) -> Float[Array, "... features"]:
        """One-hot vectors, one after the other."""
        # One comparison for all entries: a vector for each takes minutes to compile where there
        # are many, as the tiles of a view.
        entries = np.repeat(np.arange(len(self.ns)), self.ns)
        levels = np.concatenate([np.arange(n) for n in self.ns])
        return (value[..., entries] == levels).astype(jnp.float32)


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

    def contains(self, value: Array | np.ndarray) -> bool:
        value = np.asarray(value)
        if not np.issubdtype(value.dtype, np.floating) or value.shape != self.shape:
            return False
        return bool(((value >= self.low) & (value <= self.high)).all())

    def encode(self, value: Float[Array, "..."]) -> Float[Array, "... features"]:
        lead = value.shape[: value.ndim - len(self.shape)]
        return value.reshape(*lead, self.features).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class Image:
    """Red, green and blue of height x width pixels, 0 to 255.

    Agents look at it through a trunk that they train (`dreamrl.networks.senses`).
    """

    height: int
    width: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width, 3)

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
        return (self.height // tall) * (self.width // wide) * 3

    def sample(self, key: Key) -> UInt8[Array, "height width 3"]:
        return jax.random.bits(key, self.shape, jnp.uint8)

    def contains(self, value: Array | np.ndarray) -> bool:
        value = np.asarray(value)
        return value.dtype == np.uint8 and value.shape == self.shape

    def encode(self, value: UInt8[Array, "... height width 3"]) -> Float[Array, "... features"]:
        """A coarse picture, 0 to 1: means over squares of `COARSE` pixels or so."""
        lead, (tall, wide) = value.shape[:-3], self.blocks
        split = value.reshape(*lead, self.height // tall, tall, self.width // wide, wide, 3)
        coarse = split.astype(jnp.float32).mean((-4, -2)) / 255
        return coarse.reshape(*lead, self.features)


COARSE = 10

Space: TypeAlias = Discrete | MultiDiscrete | Box | Image
ActionSpace: TypeAlias = Discrete | Box
"""Chosen from, or vectors of real numbers, which agents may exceed: environments get the nearest
action inside."""


def inside(space: ActionSpace, action: Array) -> Array:
    """The action, or the nearest one that the space contains."""
    return jnp.clip(action, space.low, space.high) if isinstance(space, Box) else action
