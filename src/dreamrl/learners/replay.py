"""A ring of the most recent items, as arrays."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from dreamrl.types import Key


class Replay(NamedTuple):
    items: PyTree[Array]
    """Every leaf [capacity, ...]."""
    added: Int[Array, ""]
    """How many items were ever added."""


def empty(example: Any, capacity: int) -> Replay:
    """Return a ring for items shaped like `example`, given as arrays or shapes."""
    items = jax.tree.map(lambda x: jnp.zeros((capacity, *x.shape), x.dtype), example)
    return Replay(items, jnp.array(0))


def add(replay: Replay, items: PyTree) -> Replay:
    """Add a batch whose size divides the capacity, over the oldest where full."""
    capacity = jax.tree.leaves(replay.items)[0].shape[0]
    count = jax.tree.leaves(items)[0].shape[0]
    start = replay.added % capacity
    merged = jax.tree.map(
        lambda ring, new: jax.lax.dynamic_update_slice_in_dim(
            ring, new.astype(ring.dtype), start, 0
        ),
        replay.items,
        items,
    )
    return Replay(merged, replay.added + count)


def sample(replay: Replay, key: Key, count: int) -> PyTree:
    """Return `count` items drawn evenly, with replacement, from those that are there."""
    capacity = jax.tree.leaves(replay.items)[0].shape[0]
    rows = jax.random.randint(key, (count,), 0, jnp.minimum(replay.added, capacity))
    return jax.tree.map(lambda ring: ring[rows], replay.items)
