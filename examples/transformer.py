"""DREAM with a transformer in place of the GRU, in the exploration policy and in the decoder.

    python examples/transformer.py

A recurrent cell has four functions: `init_carry`, `step`, `output` and `unroll`. Here the carry is
a buffer of all inputs so far, and the output attends over it.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

import dreamrl
from dreamrl import Dream
from dreamrl.networks.layers import Dense

LONGEST = 32
"""Steps that are remembered; longer than the horizon."""


class Attention(eqx.Module):
    """One layer of causal self-attention with learned positions."""

    embed: Dense
    query: Dense
    key: Dense
    value: Dense
    positions: jax.Array

    def __init__(self, key, inputs, size):
        keys = jax.random.split(key, 5)
        self.embed = Dense(keys[0], inputs, size)
        self.query, self.key, self.value = (Dense(k, size, size) for k in keys[1:4])
        self.positions = 0.1 * jax.random.normal(keys[4], (LONGEST, size))

    def init_carry(self):
        """Return an empty buffer, and how many inputs are in it."""
        return jnp.zeros_like(self.positions), jnp.array(0)

    def step(self, carry, x):
        """Return the buffer with one more input."""
        buffer, count = carry
        return buffer.at[count].set(self.embed(x) + self.positions[count]), count + 1

    def output(self, carry):
        """Return what the last input finds in the buffer; any leading axes."""
        buffer, count = carry
        last = jnp.maximum(count - 1, 0)[..., None, None]
        query = self.query(jnp.take_along_axis(buffer, last, axis=-2))
        scores = (query * self.key(buffer)).sum(-1) / math.sqrt(buffer.shape[-1])
        there = jnp.arange(LONGEST) < count[..., None]
        weights = jax.nn.softmax(jnp.where(there, scores, -1e9)) * there
        return (weights[..., None] * self.value(buffer)).sum(-2)

    def unroll(self, carry, x, mask=None):
        """Return the carry after each step; a step outside `mask` changes nothing."""
        mask = jnp.ones(len(x), bool) if mask is None else mask

        def step(carry, inputs):
            now, taken = inputs
            after = self.step(carry, now)
            carry = jax.tree.map(lambda new, old: jnp.where(taken, new, old), after, carry)
            return carry, carry

        return jax.lax.scan(step, carry, (x, mask))[1]


def main(family="tabular-didactic", **changes):
    """Return the training with a transformer."""
    family = dreamrl.make(family)
    settings = dreamrl.changed(dreamrl.settings_for("dream", family.name), changes)
    return dreamrl.train(Dream(family, settings, cell=Attention))


if __name__ == "__main__":
    training = main(iterations=200)
    print(dreamrl.evaluate(training.agent).return_mean)
