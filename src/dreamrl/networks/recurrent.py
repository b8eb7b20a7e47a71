"""Recurrent cells. What can be computed for all steps at once stays out of the recurrence."""

import math
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from dreamrl.networks.layers import Dense, product
from dreamrl.types import Key


@runtime_checkable
class Recurrent(Protocol):
    """A recurrent cell, or anything that reads a sequence step by step (a transformer)."""

    def init_carry(self) -> PyTree:
        """Return the carry before the first step."""
        ...

    def step(self, carry: Any, x: Float[Array, " inputs"]) -> Any:
        """Return the carry after one more input."""
        ...

    def output(self, carry: Any) -> Float[Array, "... size"]:
        """Return the features that a carry holds."""
        ...

    def unroll(
        self, carry: Any, x: Float[Array, "T inputs"], mask: Bool[Array, " T"] | None = None
    ) -> Any:
        """Return the carry after each step, [T, ...]; a step outside `mask` changes nothing."""
        ...


Cell = Callable[[Key, int, int], Recurrent]
"""(key, inputs, size) -> a recurrent cell: `GRU`, or another."""


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
        """Length of the hidden state."""
        return self.recurrent.shape[0]

    def init_carry(self) -> Float[Array, " size"]:
        """Return a hidden state of zeros."""
        return jnp.zeros(self.size)

    def output(self, carry: Float[Array, "... size"]) -> Float[Array, "... size"]:
        """Return the hidden state itself."""
        return carry

    def step(
        self, carry: Float[Array, "... size"], x: Float[Array, "... inputs"]
    ) -> Float[Array, "... size"]:
        """Return the hidden state after one more input."""
        return self._step(carry, self.inputs(x))

    def unroll(
        self,
        carry: Float[Array, " size"],
        x: Float[Array, "T inputs"],
        mask: Bool[Array, " T"] | None = None,
    ) -> Float[Array, "T size"]:
        """Return the hidden state after each step; a step outside `mask` changes nothing."""
        projections = self.inputs(x)
        if mask is None:
            mask = jnp.ones(x.shape[0], bool)

        def step(carry, inputs):
            gates, is_step = inputs
            carry = jnp.where(is_step, self._step(carry, gates), carry)
            return carry, carry

        # Gates are worked out again for gradients: to keep those of each step takes longer.
        step = jax.checkpoint(step, prevent_cse=False)
        return jax.lax.scan(step, carry, (projections, mask))[1]

    def _step(
        self, carry: Float[Array, "... size"], projection: Float[Array, "... gates"]
    ) -> Float[Array, "... size"]:
        reset_x, update_x, new_x = jnp.split(projection, 3, axis=-1)
        reset_h, update_h, new_h = jnp.split(product(carry, self.recurrent), 3, axis=-1)
        update = jax.nn.sigmoid(update_x + update_h)
        new = jnp.tanh(new_x + jax.nn.sigmoid(reset_x + reset_h) * new_h)
        return update * carry + (1 - update) * new
