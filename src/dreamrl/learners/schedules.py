"""Schedules: quantities that change during training."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float


def ramp(
    progress: Float[Array, ""], start: float, end: float, begin: float, finish: float
) -> Float[Array, ""]:
    """Go from `start` to `end` while progress goes from `begin` to `finish`; flat outside."""
    share = jnp.clip((progress - begin) / (finish - begin), 0.0, 1.0)
    return start + (end - start) * share


def adam(
    rate: float, last_share: float, updates: int, max_norm: float = 1.0
) -> optax.GradientTransformation:
    """Return Adam whose rate falls to `last_share` of itself, on gradients of norm <= `max_norm`.

    It works on all parameters as one vector: a tenth of the operations to compile and to start.
    """
    schedule = optax.linear_schedule(rate, rate * last_share, updates)
    return optax.flatten(
        optax.chain(optax.clip_by_global_norm(max_norm), optax.adam(schedule, eps=1e-5))
    )
