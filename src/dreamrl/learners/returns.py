"""Returns and advantages of one episode."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def generalised_advantages(
    rewards: Float[Array, " T"],
    values: Float[Array, " T"],
    last_value: Float[Array, ""],
    terminated: Bool[Array, " T"],
    mask: Bool[Array, " T"],
    discount: float | Array,
    lambda_: float | Array,
) -> Float[Array, " T"]:
    """A_t = sum_k (discount lambda)^k delta_{t+k} (Schulman et al. 2016, eq. 16).

    `last_value` is the value of the final observation, counted unless the episode terminated
    there; steps outside `mask` have advantage 0 and pass nothing on.
    """
    after = jnp.append(values[1:], last_value)
    inside = jnp.append(mask[1:], True)
    # At the last step taken of an episode that ended early, what follows is the final value.
    after = jnp.where(inside, after, last_value)
    deltas = rewards + discount * after * ~terminated - values

    def step(advantage, inputs):
        delta, taken = inputs
        advantage = jnp.where(taken, delta + discount * lambda_ * advantage, 0.0)
        return advantage, advantage

    return jax.lax.scan(step, jnp.zeros(()), (deltas, mask), reverse=True)[1]
