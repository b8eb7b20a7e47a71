"""Recurrent memory. What can be computed for all steps at once stays out of the recurrence."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.networks.layers import Dense
from dreamrl.types import Key


class GRU(eqx.Module):
    """Gated recurrent unit (Cho et al. 2014), its three gates fused into one product."""

    inputs: Dense
    recurrent: Float[Array, "size gates"]

    def __init__(self, key: Key, inputs: int, size: int):
        key_inputs, key_recurrent = jax.random.split(key)
        self.inputs = Dense(key_inputs, inputs, 3 * size)
        self.recurrent = jax.random.normal(key_recurrent, (size, 3 * size)) / math.sqrt(size)

    @property
    def size(self) -> int:
        return self.recurrent.shape[0]

    def start(self) -> Float[Array, " size"]:
        return jnp.zeros(self.size)

    def project(self, x: Float[Array, "... inputs"]) -> Float[Array, "... gates"]:
        """The part of the gates that does not depend on the memory."""
        return self.inputs(x)

    def step(
        self, memory: Float[Array, "... size"], projected: Float[Array, "... gates"]
    ) -> Float[Array, "... size"]:
        reset_x, update_x, new_x = jnp.split(projected, 3, axis=-1)
        reset_h, update_h, new_h = jnp.split(memory @ self.recurrent, 3, axis=-1)
        update = jax.nn.sigmoid(update_x + update_h)
        new = jnp.tanh(new_x + jax.nn.sigmoid(reset_x + reset_h) * new_h)
        return update * memory + (1 - update) * new

    def unroll(
        self,
        memory: Float[Array, " size"],
        x: Float[Array, "T inputs"],
        mask: Bool[Array, " T"] | None = None,
    ) -> Float[Array, "T size"]:
        """The memory after each step; a step that `mask` leaves out changes nothing."""
        projected = self.project(x)
        if mask is None:
            mask = jnp.ones(x.shape[0], bool)

        def step(memory, inputs):
            gates, taken = inputs
            memory = jnp.where(taken, self.step(memory, gates), memory)
            return memory, memory

        return jax.lax.scan(step, memory, (projected, mask))[1]
