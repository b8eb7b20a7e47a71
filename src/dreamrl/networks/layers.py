"""Layers that work on any number of leading axes."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.types import Key


class Dense(eqx.Module):
    """x W + b; W starts normal with variance gain^2 / inputs, b at 0.

    Not orthogonal: batched QR inside a jitted program can deadlock a small thread pool (XLA on CPU,
    jaxlib 0.10).
    """

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, key: Key, inputs: int, outputs: int, gain: float = 1.0):
        self.weight = jax.random.normal(key, (inputs, outputs)) * (gain / math.sqrt(inputs))
        self.bias = jnp.zeros(outputs)

    def __call__(self, x: Float[Array, "... inputs"]) -> Float[Array, "... outputs"]:
        return x @ self.weight + self.bias
