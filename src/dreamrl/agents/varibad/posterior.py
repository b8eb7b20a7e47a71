"""The posterior q(z | tau_:t) = N(m_t, s_t^2) (Zintgraf et al. 2020, section 3)."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.networks.layers import Dense
from dreamrl.types import Key

LOWEST, HIGHEST = -10.0, 4.0
"""Bounds of log s^2: beyond them gradients are of no use."""


class Posterior(eqx.Module):
    """What the reader's memory says of z."""

    mean: Dense
    log_variance: Dense

    def __init__(self, key: Key, size: int, z: int):
        keys = jax.random.split(key)
        self.mean = Dense(keys[0], size, z)
        self.log_variance = Dense(keys[1], size, z, gain=0.1)

    def __call__(self, memory: Float[Array, "... size"]) -> Float[Array, "... told"]:
        """Mean and variance, as the policy is told them; its loss trains neither."""
        mean, log_variance = self.parameters(memory)
        told = jnp.concatenate([mean, jnp.exp(log_variance)], axis=-1)
        return jax.lax.stop_gradient(told)

    def parameters(
        self, memory: Float[Array, "... size"]
    ) -> tuple[Float[Array, "... Z"], Float[Array, "... Z"]]:
        """Mean and log variance."""
        return self.mean(memory), jnp.clip(self.log_variance(memory), LOWEST, HIGHEST)


def divergence(
    mean: Float[Array, "... Z"],
    log_variance: Float[Array, "... Z"],
    before_mean: Float[Array, "... Z"],
    before_log_variance: Float[Array, "... Z"],
) -> Float[Array, "..."]:
    """KL(N(mean, exp(log_variance)) || N(before_mean, exp(before_log_variance))), in nats."""
    ratio = jnp.exp(log_variance - before_log_variance)
    moved = jnp.square(mean - before_mean) * jnp.exp(-before_log_variance)
    return (ratio + moved - 1 + before_log_variance - log_variance).sum(-1) / 2
