"""A policy with its value, recurrent or not."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.networks.distributions import Distribution, distribution, outputs
from dreamrl.networks.layers import Dense
from dreamrl.networks.memory import GRU
from dreamrl.spaces import ActionSpace
from dreamrl.types import Key


class Decision(NamedTuple):
    policy: Distribution
    value: Float[Array, "..."]
    state: Float[Array, "... size"]
    """What the heads saw."""


class ActorCritic(eqx.Module):
    """features -> hidden -> GRU -> what to do, and value; the heads see hidden and memory.

    Without recurrence there is no GRU, and the heads see hidden alone.
    """

    hidden: Dense
    memory: GRU | None
    policy: Dense
    critic: Dense
    action_space: ActionSpace = eqx.field(static=True)

    def __init__(
        self,
        key: Key,
        features: int,
        actions: ActionSpace,
        size: int,
        recurrent: bool = True,
    ):
        keys = jax.random.split(key, 4)
        self.action_space = actions
        self.hidden = Dense(keys[0], features, size, gain=2**0.5)
        self.memory = GRU(keys[1], size, size) if recurrent else None
        self.policy = Dense(keys[2], size, outputs(actions), gain=0.01)
        self.critic = Dense(keys[3], size, 1, gain=1.0)

    def start(self) -> Float[Array, " memory"]:
        return jnp.zeros(0) if self.memory is None else self.memory.start()

    def step(
        self,
        memory: Float[Array, " memory"],
        features: Float[Array, " features"],
        gate: Float[Array, "... size"] | float = 1.0,
    ) -> tuple[Float[Array, " memory"], Decision]:
        hidden = jax.nn.relu(self.hidden(features) * gate)
        if self.memory is None:
            return memory, self._decide(hidden)
        memory = self.memory.step(memory, self.memory.project(hidden))
        return memory, self._decide(hidden + memory)

    def unroll(
        self,
        memory: Float[Array, " memory"],
        features: Float[Array, "T features"],
        gate: Float[Array, "... size"] | float = 1.0,
    ) -> Decision:
        """Decisions of a whole episode, as `step` by step gives them."""
        hidden = jax.nn.relu(self.hidden(features) * gate)
        if self.memory is None:
            return self._decide(hidden)
        return self._decide(hidden + self.memory.unroll(memory, hidden))

    def _decide(self, x: Array) -> Decision:
        policy = distribution(self.action_space, self.policy(x))
        return Decision(policy, self.critic(x)[..., 0], x)
