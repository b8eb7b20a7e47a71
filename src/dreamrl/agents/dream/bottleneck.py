"""The bottleneck as a constraint: as little information as possible at the best return.

The paper adds lambda I(z; mu) to the objective, with lambda tuned. Here lambda is a dual variable:
it rises while the exploitation return stays at its best and no longer improves, and falls when the
return suffers. Compression then waits until there is something to compress.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.dream.settings import Bottleneck, Constrained, Fixed

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


def init_dual(bottleneck: Bottleneck) -> Dual:
    """Return the dual variable before training; of a bottleneck without one it stays unused."""
    first = bottleneck.first_dual if isinstance(bottleneck, Constrained) else 1e-3
    zero = jnp.zeros(())
    # Whatever comes first is the worst and the best; infinity would set off `JAX_DEBUG_INFS`.
    most = jnp.finfo(jnp.float32).max
    return Dual(jnp.array(first), zero, zero, jnp.array(most), jnp.array(-most), zero)


def adapt(
    dual: Dual,
    episode_return: Float[Array, ""],
    bottleneck: Bottleneck,
    progress: Float[Array, ""],
) -> Dual:
    """Return the dual variable after an iteration with this return on the true z.

    Before `begin`, while the policy is still kept random on purpose, nothing is judged. Everything
    is relative to what has been learned (best - worst), so scale does not matter.
    """
    if not isinstance(bottleneck, Constrained):
        return dual
    first = dual.seen == 0
    fast, slow = (
        jnp.where(first, episode_return, average + rate * (episode_return - average))
        for average, rate in ((dual.fast, bottleneck.fast), (dual.slow, bottleneck.slow))
    )
    worst, best = jnp.minimum(dual.worst, fast), jnp.maximum(dual.best, fast)
    learned = jnp.maximum(best - worst, 1e-6)
    loss = (best - fast) / learned
    improving = (fast - slow) / learned
    tolerance, rate = bottleneck.tolerance, bottleneck.dual_rate
    settled = (progress >= bottleneck.begin).astype(jnp.float32)
    rises = (loss < tolerance) & (improving < tolerance * bottleneck.improving) & (settled > 0)
    falls = loss > 2 * tolerance
    change = jnp.where(falls, -bottleneck.fall * rate, jnp.where(rises, rate, 0.0))
    value = jnp.clip(dual.value * jnp.exp(change), bottleneck.first_dual, LAST_DUAL)
    return Dual(value, fast, slow, worst, best, dual.seen + 1)


def penalty_weight(bottleneck: Bottleneck, dual: Dual) -> Float[Array, ""]:
    """Return lambda: adapted, fixed or none."""
    if isinstance(bottleneck, Constrained):
        return dual.value
    return jnp.array(bottleneck.weight if isinstance(bottleneck, Fixed) else 0.0)


def free_part(bottleneck: Bottleneck) -> float:
    """Return the part of |f|^2 that costs nothing."""
    return bottleneck.free if isinstance(bottleneck, Constrained | Fixed) else 0.0
