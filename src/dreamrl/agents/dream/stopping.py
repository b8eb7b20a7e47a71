"""When an exploration ends: where going on is not worth what it costs.

W_t is what going on from step t is worth, if one may stop later whenever one likes:
W_t = E[gain_t - c + max(0, W_t+1)], learned from explorations of full length by the recursion of
Longstaff and Schwartz (2001). The exploration stops where W_t <= 0. The policy itself cannot end
an episode, so a wrong W never keeps it from learning what a longer exploration would show.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.networks.layers import Dense
from dreamrl.types import Key


class StopRule(eqx.Module):
    """W of the exploration policy's memory, which it reads and does not change."""

    hidden: Dense
    worth: Dense

    def __init__(self, key: Key, size: int):
        keys = jax.random.split(key)
        self.hidden = Dense(keys[0], size, size, gain=2**0.5)
        worth = Dense(keys[1], size, 1, gain=0.1)
        # Until it has learned better, going on is worth something.
        self.worth = eqx.tree_at(lambda dense: dense.bias, worth, jnp.ones(1))

    def __call__(self, memory: Float[Array, "... size"]) -> Float[Array, "..."]:
        memory = jax.lax.stop_gradient(memory)
        return self.worth(jax.nn.relu(self.hidden(memory)))[..., 0]


def going_on(
    rewards: Float[Array, " T"], worth: Float[Array, " T"], mask: Bool[Array, " T"]
) -> Float[Array, " T"]:
    """What going on from each step was worth; `rewards` are gains less c, `worth` is W."""

    def step(after, inputs):
        reward, here, taken = inputs
        value = jnp.where(taken, reward + after, 0.0)
        return jnp.where(here > 0, value, 0.0), value

    return jax.lax.scan(step, jnp.zeros(()), (rewards, worth, mask), reverse=True)[1]


def stop_length(worth: Float[Array, " T"], mask: Bool[Array, " T"]) -> Float[Array, ""]:
    """Steps after which the rule would have ended this exploration."""
    return jnp.cumprod((worth > 0) & mask).sum().astype(jnp.float32)
