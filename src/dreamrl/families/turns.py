"""Episodes that take turns, however many are asked for at once."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from dreamrl.families.family import HasLimit


def at_once(family: Any) -> int | None:
    """Return how many episodes a family plays side by side at most; None for any number."""
    return family.at_once if isinstance(family, HasLimit) else None


def in_turns(play: Callable[..., PyTree], most: int | None) -> Callable[..., PyTree]:
    """Return `play`, of which however many `jax.vmap`s never run more than `most` side by side.

    Nothing is differentiated through it. What it comes to is the same as without.
    """
    return play if most is None else lambda *inputs: _hoist_constants(play, most, *inputs)


def _hoist_constants(play: Callable[..., PyTree], most: int, *inputs: PyTree) -> PyTree:
    """Make inputs of arrays that `play` knows and that are mapped over, as parameters of agents."""
    jaxpr, shapes = jax.make_jaxpr(play, return_shape=True)(*inputs)
    leaves = tuple(map(jnp.asarray, jax.tree.leaves(inputs)))
    number = len(jaxpr.consts)

    def flat(*arrays: Any) -> tuple[Any, ...]:
        consts, rest = arrays[:number], arrays[number:]
        return tuple(jax.core.eval_jaxpr(jaxpr.jaxpr, consts, *rest))

    results = _bounded(flat, most)(*map(jnp.asarray, jaxpr.consts), *leaves)
    return jax.tree.unflatten(jax.tree.structure(shapes), results)


def _bounded(play: Callable[..., tuple], most: int) -> Callable[..., tuple]:
    batcher = jax.custom_batching.custom_vmap(play)

    def rule(size: int, flags: list[bool], *arrays: Any) -> tuple[tuple, tuple[bool, ...]]:
        def many(*arrays: Any) -> tuple:
            if size <= most:
                axes = tuple(0 if m else None for m in flags)
                return jax.vmap(play, axes)(*arrays)
            # No turn smaller than the others, if that is possible: each size is compiled.
            turn = max((n for n in range(most // 2 + 1, most + 1) if not size % n), default=most)

            def one(rows: list[Any]) -> tuple:
                iterator = iter(rows)
                inputs = [next(iterator) if m else x for m, x in zip(flags, arrays, strict=True)]
                return play(*inputs)

            rows = [x for m, x in zip(flags, arrays, strict=True) if m]
            return jax.lax.map(one, rows, batch_size=turn)

        results = _bounded(many, max(1, most // size))(*arrays)
        return results, (True,) * len(results)

    batcher.def_vmap(rule)
    return batcher
