"""Layers that work on any number of leading axes."""

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.types import Key

Precision = Literal["float32", "bfloat16"]
"""Of what networks multiply; parameters are always kept in float32."""

_PRECISION: ContextVar[Precision] = ContextVar("precision", default="float32")


@contextlib.contextmanager
def products_in(precision: Precision) -> Iterator[None]:
    """Let networks multiply in this precision wherever they are traced meanwhile."""
    token = _PRECISION.set(precision)
    try:
        yield
    finally:
        _PRECISION.reset(token)


def product(
    x: Float[Array, "... inputs"], weight: Float[Array, "inputs outputs"]
) -> Float[Array, "... outputs"]:
    """Return x W. In bfloat16 x, W and the product are rounded to it, and so are gradients."""
    if _PRECISION.get() == "float32":
        return x @ weight
    return (x.astype(jnp.bfloat16) @ weight.astype(jnp.bfloat16)).astype(jnp.float32)


def gated(x: Float[Array, "*shape"], y: Float[Array, "*other"]) -> Float[Array, "*both"]:
    """Return relu(x + y + x * y), broadcast: what each of the two means depends on the other."""
    return jax.nn.relu(x + y + x * y)


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
        return product(x, self.weight) + self.bias
