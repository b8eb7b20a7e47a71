"""The bottleneck: what information in z costs, and lambda, its price.

The paper minimises I(z; mu) subject to the best return, by its bound |f|^2 / (2 rho^2). That bound
shrinks everything alike; the one here lies closer, and is selective. Lambda is the constraint's
dual variable: it rises while the return stays at its best and no longer improves, and falls when
the return suffers.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.dream.settings import Bottleneck, Constrained, Unlimited
from dreamrl.learners.schedules import ramp
from dreamrl.networks.encoder import bottleneck_penalty

LAST_DUAL = 1.0
"""Where there is nothing to know, nothing else would hold it back."""
UPPER_WEIGHT = 0.2
"""Weight of the upper bound: it is the looser one, and needed only where z tells everything."""

PAIRED = 1024
"""Of a batch of more problems the lower bound takes so many: pairs of 65,536 would fill 17 GB."""


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
    largest = jnp.finfo(jnp.float32).max
    return Dual(jnp.array(first), zero, zero, jnp.array(largest), jnp.array(-largest), zero)


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
    span = jnp.maximum(best - worst, 1e-6)
    loss = (best - fast) / span
    improving = (fast - slow) / span
    tolerance, rate = bottleneck.tolerance, bottleneck.dual_rate
    active = (progress >= bottleneck.begin).astype(jnp.float32)
    rises = (loss < tolerance) & (improving < tolerance * bottleneck.improving) & (active > 0)
    falls = loss > 2 * tolerance
    change = jnp.where(falls, -bottleneck.fall * rate, jnp.where(rises, rate, 0.0))
    value = jnp.clip(dual.value * jnp.exp(change), bottleneck.least_dual, LAST_DUAL)
    return Dual(value, fast, slow, worst, best, dual.seen + 1)


def penalty_weight(
    bottleneck: Bottleneck, dual: Dual, progress: Float[Array, ""]
) -> Float[Array, ""]:
    """Return lambda: adapted, fixed or none; grown in only once there is something to compress."""
    if isinstance(bottleneck, Unlimited):
        return jnp.array(0.0)
    full = dual.value if isinstance(bottleneck, Constrained) else jnp.array(bottleneck.weight)
    return full * ramp(progress, 0.0, 1.0, bottleneck.weight_begin, bottleneck.weight_end)


def penalty(means: Float[Array, "B Z"], bottleneck: Bottleneck, rho: float) -> Float[Array, ""]:
    """Return what information in z costs, in units of lambda, for a batch of problems."""
    if isinstance(bottleneck, Unlimited):
        return jnp.array(0.0)
    if bottleneck.bound == "norm":
        return bottleneck_penalty(means, bottleneck.free).mean()
    return jnp.maximum(information(means, rho) - bottleneck.free, 0.0)


def information(means: Float[Array, "B Z"], rho: float) -> Float[Array, ""]:
    """Return I(z; mu) in nats, where z ~ N(f(mu), rho^2 I): between two bounds of it.

    The upper bound's gradient shrinks those directions in z most in which problems differ little,
    that of the lower one draws problems together that z hardly tells apart; neither moves what is
    told apart well. Problems count as often as they are in the batch.
    """
    return UPPER_WEIGHT * upper_bound(means, rho) + (1 - UPPER_WEIGHT) * lower_bound(means, rho)


def upper_bound(means: Float[Array, "B Z"], rho: float) -> Float[Array, ""]:
    """Return log det(1 + cov f / rho^2) / 2: z has no more entropy than a Gaussian like it."""
    count, size = means.shape
    deviations = means - means.mean(0)

    # Eliminated here: threads that LAPACK's Cholesky begins would wait for cores that are busy with
    # other seeds, milliseconds each.
    def eliminate(matrix: Float[Array, "Z Z"], i: Array) -> tuple[Float[Array, "Z Z"], Array]:
        pivot = matrix[i, i]
        return matrix - jnp.outer(matrix[:, i], matrix[i]) / pivot, pivot

    covariance = jnp.eye(size) + deviations.T @ deviations / (count * rho**2)
    pivots = jax.lax.scan(eliminate, covariance, jnp.arange(size))[1]
    return jnp.log(pivots).sum() / 2


def lower_bound(means: Float[Array, "B Z"], rho: float) -> Float[Array, ""]:
    """Return the mean over problems i of -log mean_j exp(-|f_i - f_j|^2 / (8 rho^2)).

    Kolchinsky and Tracey 2017, eq. 10, of the Chernoff divergence at 1/2. Of a large batch it is
    that of its first `PAIRED` problems, which are drawn as the others are.
    """
    means = means[:PAIRED]
    deviations = means - means.mean(0)
    products = deviations @ deviations.T
    squares = jnp.diagonal(products)
    distances = jnp.maximum(squares[:, None] + squares - 2 * products, 0.0)
    nearness = jax.nn.logsumexp(-distances / (8 * rho**2), axis=1)
    return jnp.log(len(means)) - nearness.mean()
