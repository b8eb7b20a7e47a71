"""Returns and advantages of one episode, as masked recursions backwards in time."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def generalised_advantages(
    rewards: Float[Array, " T"],
    values: Float[Array, " T"],
    bootstrap_value: Float[Array, ""],
    terminated: Bool[Array, " T"],
    mask: Bool[Array, " T"],
    discount: float | Float[Array, ""],
    lambda_: float | Float[Array, ""],
) -> Float[Array, " T"]:
    """Return A_t = sum_k (discount lambda)^k delta_{t+k} (Schulman et al. 2016, eq. 16).

    Args:
        values: V(s_t).
        bootstrap_value: Value of the final observation, counted unless the episode terminated.
        mask: Steps that were taken; the others have advantage 0 and pass nothing on.
    """
    next_values = jnp.append(values[1:], bootstrap_value)
    continues = jnp.append(mask[1:], True)
    # At the last step taken of an episode that ended early, the final value follows.
    next_values = jnp.where(continues, next_values, bootstrap_value)
    deltas = rewards + discount * next_values * ~terminated - values

    def step(advantage, inputs):
        delta, is_step = inputs
        advantage = jnp.where(is_step, delta + discount * lambda_ * advantage, 0.0)
        return advantage, advantage

    return jax.lax.scan(step, jnp.zeros(()), (deltas, mask), reverse=True)[1]


def lambda_returns(
    rewards: Float[Array, " T"],
    next_values: Float[Array, " T"],
    lambdas: Float[Array, " T"],
    mask: Bool[Array, " T"],
    discount: float,
) -> Float[Array, " T"]:
    """Return G_t = r_t + discount ((1 - lambda_t) V_t+1 + lambda_t G_t+1), or V_t+1 at the end.

    Lambdas may differ from step to step, as Watkins's Q(lambda) has them.
    """
    lambdas = lambdas * jnp.append(mask[1:], False)

    def step(future, inputs):
        reward, value, share = inputs
        future = reward + discount * (value + share * (future - value))
        return future, future

    inputs = (rewards, next_values, lambdas)
    return jax.lax.scan(step, jnp.zeros(()), inputs, reverse=True)[1] * mask


def n_step_returns(
    rewards: Float[Array, " T"],
    next_values: Float[Array, " T"],
    mask: Bool[Array, " T"],
    discount: float,
    n: int,
) -> Float[Array, " T"]:
    """Return G_t = r_t + .. + discount^(n-1) r_t+n-1 + discount^n V_t+n, or up to the end."""
    continues = jnp.append(mask[1:], False)
    returns = rewards + discount * next_values
    for _ in range(n - 1):
        returns = rewards + discount * jnp.where(
            continues, jnp.append(returns[1:], 0.0), next_values
        )
    return returns * mask
