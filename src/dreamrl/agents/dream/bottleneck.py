"""The bottleneck as a constraint: as little information as possible at the best return.

The paper adds lambda I(z; mu) to the objective, with lambda tuned. Here lambda is a dual
variable: it rises while the exploitation return stays at its best and no longer improves, and
falls when the return suffers. Compression then waits until there is something to compress.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.dream.settings import DreamSettings

LAST_DUAL = 1.0
"""Where there is nothing to know, nothing else would hold it back."""


class Dual(NamedTuple):
    """The dual variable and what it watches: moving averages of the return with the true z."""

    value: Float[Array, ""]
    fast: Float[Array, ""]
    slow: Float[Array, ""]
    worst: Float[Array, ""]
    best: Float[Array, ""]
    seen: Float[Array, ""]
    """Iterations so far."""


def start(first_dual: float) -> Dual:
    zero = jnp.zeros(())
    return Dual(jnp.array(first_dual), zero, zero, jnp.array(jnp.inf), jnp.array(-jnp.inf), zero)


def adapt(
    dual: Dual,
    episode_return: Float[Array, ""],
    rate: float,
    tolerance: float,
    settled: Float[Array, ""],
    least: float,
) -> Dual:
    """One step of the dual variable, given this iteration's return with the true z.

    It never falls below `least`. `settled` is 0 while the policy is still kept random on purpose:
    nothing is judged then.
    Everything is relative to what has been learned (best - worst), so scale does not matter.
    """
    first = dual.seen == 0
    fast = jnp.where(first, episode_return, dual.fast + 0.05 * (episode_return - dual.fast))
    slow = jnp.where(first, episode_return, dual.slow + 0.015 * (episode_return - dual.slow))
    worst, best = jnp.minimum(dual.worst, fast), jnp.maximum(dual.best, fast)
    learned = jnp.maximum(best - worst, 1e-6)
    loss = (best - fast) / learned
    improving = (fast - slow) / learned
    rises = (loss < tolerance) & (improving < tolerance / 4) & (settled > 0)
    falls = loss > 2 * tolerance
    change = jnp.where(falls, -5 * rate, jnp.where(rises, rate, 0.0))
    value = jnp.clip(dual.value * jnp.exp(change), least, LAST_DUAL)
    return Dual(value, fast, slow, worst, best, dual.seen + 1)


def follow(
    settings: DreamSettings, dual: Dual, episode_return: Float[Array, ""], progress: Array
) -> Dual:
    """`adapt` as the settings have it."""
    settled = (progress >= settings.entropy_end).astype(jnp.float32)
    terms = (settings.dual_rate, settings.tolerance, settled, settings.first_dual)
    return adapt(dual, episode_return, *terms)


def weight(settings: DreamSettings, dual: Dual) -> Float[Array, ""]:
    """Lambda: adapted, fixed or none."""
    if settings.objective == "predict-dynamics":
        return jnp.zeros(())
    weights = {
        "constrained": dual.value,
        "fixed": jnp.array(settings.bottleneck_weight),
        "none": jnp.zeros(()),
    }
    return weights[settings.bottleneck]
