"""Mistakes in a method of one's own, told where they are made and not deep within JAX."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from dreamrl.agents.algorithm import Algorithm, Loss, Metrics
from dreamrl.errors import UserError
from dreamrl.types import Trajectory


def check_parameters(algorithm: Algorithm, params: PyTree) -> None:
    """Raise UserError for parameters that cannot be trained, and for groups without a name."""
    method = type(algorithm).__name__
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if not eqx.is_array(leaf):
            place = jax.tree_util.keystr(path, simple=True, separator=".") or "they"
            raise UserError(
                f"{method}: parameters must be arrays only, and {place} is {_shown(leaf)}: keep it "
                f"in a field of its module with eqx.field(static=True)"
            )
    names, groups = set(algorithm.group_names), set(algorithm.groups(params))
    if names != groups or names != set(algorithm.optimisers()):
        raise UserError(
            f"{method}: group_names are {sorted(names)}, groups {sorted(groups)} and optimisers "
            f"{sorted(algorithm.optimisers())}: each group of parameters needs all three"
        )


def checked_loss(name: str, loss: Loss) -> Loss:
    """Return the same loss; it raises UserError for what is no scalar with its metrics."""

    def checked(params: PyTree) -> tuple[Float[Array, ""], Metrics]:
        result: Any = loss(params)
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)):
            raise UserError(
                f"the loss {name!r} must return its value and a dict of metrics, which may be "
                f"empty, and returned {_shown(result)}"
            )
        if getattr(result[0], "shape", None) != ():
            raise UserError(f"the loss {name!r} must be one number, is {_shown(result[0])}")
        return result

    return checked


def checked_reward(reward: Callable[..., Array]) -> Callable[..., Array]:
    """Return the same exploration reward; it raises UserError for other than one a step."""

    def checked(exploration: Trajectory, *inputs: Array) -> Array:
        result = reward(exploration, *inputs)
        if jnp.shape(result) != exploration.rewards.shape:
            name, steps = getattr(reward, "__name__", "it"), exploration.rewards.shape
            raise UserError(
                f"an exploration reward must return one number a step, {steps}, and {name} "
                f"returned {_shown(result)}"
            )
        return result

    return checked


def _shown(value: Any) -> str:
    if eqx.is_array(value):
        return f"an array of shape {value.shape}"
    return f"a {type(value).__name__}"
