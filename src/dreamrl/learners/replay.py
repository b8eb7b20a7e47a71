"""A ring of the most recent items, as arrays."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from dreamrl.errors import UserError
from dreamrl.sharding import OWN, TRIALS, WHOLE, shares
from dreamrl.types import Key


class Replay(NamedTuple):
    items: PyTree[Array]
    """Every leaf [capacity, ...]."""
    added: Int[Array, ""]
    """Items ever added."""


def empty(example: Any, capacity: int) -> Replay:
    """Return a ring for items shaped like `example`, given as arrays or shapes."""
    items = jax.tree.map(lambda x: jnp.zeros((capacity, *x.shape), x.dtype), example)
    return Replay(items, jnp.array(0))


def add(replay: Replay, items: PyTree) -> Replay:
    """Add a batch whose size divides the capacity, over the oldest where full."""
    capacity = jax.tree.leaves(replay.items)[0].shape[0]
    count = jax.tree.leaves(items)[0].shape[0]
    place = _placed if shares() == 1 else _placed_in_shares
    ring = place(replay.added % capacity, replay.items, items)
    return Replay(ring, replay.added + count)


def _placed(start: Array, items: PyTree, new: PyTree) -> PyTree:
    return jax.tree.map(
        lambda ring, new: jax.lax.dynamic_update_slice_in_dim(
            ring, new.astype(ring.dtype), start, 0
        ),
        items,
        new,
    )


def _placed_in_shares(start: Array, items: PyTree, new: PyTree) -> PyTree:
    """Every device holds a part of the ring, and one of them gets all that is new."""
    rounds = len(jax.tree.leaves(items)[0]) // len(jax.tree.leaves(new)[0])
    if rounds % shares():
        raise UserError(
            f"devices_per_seed {shares()} does not divide the {rounds} rounds of trials that a "
            "replay keeps"
        )

    def share(start: Array, items: PyTree, new: PyTree) -> PyTree:
        new = jax.lax.all_gather(new, TRIALS, tiled=True)

        def place(ring: Array, new: Array) -> Array:
            offset = start - jax.lax.axis_index(TRIALS) * len(ring)
            fits = (offset >= 0) & (offset < len(ring))
            index = jnp.clip(offset, 0, len(ring) - len(new))
            old = jax.lax.dynamic_slice_in_dim(ring, index, len(new))
            return _placed(index, ring, jnp.where(fits, new.astype(ring.dtype), old))

        return jax.tree.map(place, items, new)

    specs = (WHOLE, OWN, OWN)
    return jax.shard_map(
        share, in_specs=specs, out_specs=OWN, axis_names={TRIALS}, check_vma=False
    )(start, items, new)


def sample(replay: Replay, key: Key, count: int) -> PyTree:
    """Return `count` items drawn evenly, with replacement, from those that are there."""
    capacity = jax.tree.leaves(replay.items)[0].shape[0]
    rows = jax.random.randint(key, (count,), 0, jnp.minimum(replay.added, capacity))
    return jax.tree.map(lambda ring: ring[rows], replay.items)
