"""Mistakes in a method of one's own, told where they are made and not deep within JAX."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from dreamrl.agents.algorithm import Algorithm, Loss, Metrics
from dreamrl.errors import UserError


def check_parameters(
    algorithm: Algorithm, params: PyTree, groups: Mapping[str, Any], optimisers: Mapping[str, Any]
) -> None:
    """Raise UserError for parameters that cannot be trained, and for groups without a name."""
    method, names = type(algorithm).__name__, set(algorithm.group_names)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if not eqx.is_array_like(leaf):
            place = jax.tree_util.keystr(path, simple=True, separator=".") or "a leaf"
            raise UserError(
                f"{method}: parameters must be arrays only, and {place} is {kind_of(leaf)}: keep "
                f"it in a field of its module with eqx.field(static=True)"
            )
    if names != set(groups) or names != set(optimisers):
        raise UserError(
            f"{method}: group_names are {sorted(names)}, groups {sorted(groups)} and optimisers "
            f"{sorted(optimisers)}: each group of parameters needs all three"
        )


def check_losses(algorithm: Algorithm, losses: dict[str, Loss]) -> None:
    """Raise UserError unless there is a loss for each group."""
    if set(losses) != set(algorithm.group_names):
        raise UserError(
            f"{type(algorithm).__name__}: losses are of {sorted(losses)}, and group_names are "
            f"{sorted(algorithm.group_names)}: each group of parameters needs a loss"
        )


def checked_loss(name: str, loss: Loss) -> Loss:
    """Return the same loss; it raises UserError unless it returns a number and its metrics."""

    def checked(params: PyTree) -> tuple[Float[Array, ""], Metrics]:
        result: Any = loss(params)
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)):
            raise UserError(
                f"the loss {name!r} must return its value and a dict of metrics, which may be "
                f"empty, and returned {kind_of(result)}"
            )
        if not eqx.is_array_like(result[0]) or jnp.shape(result[0]) != ():
            raise UserError(f"the loss {name!r} must be one number, and is {kind_of(result[0])}")
        return jnp.asarray(result[0], jnp.float32), result[1]

    return checked


def kind_of(value: Any) -> str:
    """Return the shape or the type of a value, for messages."""
    if eqx.is_array(value):
        return f"an array of shape {value.shape}"
    return f"of type {type(value).__name__}"
