"""The family's rewards of an exploration, in units of the information that it is paid for.

All there is to know is worth the return at stake,

    V = E[return on the true z] - E[return on the belief before any exploration],

and information is counted as a share of it. So a reward r, in units of the return, is r / V of
all there is to know: gain - price / V is what a step is worth in shares of V. Exact where nothing
or everything is found out; in between as if each share of information were worth the same.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from dreamrl.types import Key

BLIND_SHARE = 0.125
"""Share of exploitation episodes that act on the belief before any exploration."""
RATE = 0.05
"""Of the moving averages, an iteration."""
LEAST = 1e-9


class Average(NamedTuple):
    """A moving average of episodes."""

    total: Float[Array, ""]
    weight: Float[Array, ""]

    @property
    def mean(self) -> Float[Array, ""]:
        return self.total / jnp.maximum(self.weight, LEAST)

    def follow(self, values: Float[Array, "..."], where: Bool[Array, "..."]) -> "Average":
        """Return the average with more values in it."""
        return Average(
            (1 - RATE) * self.total + (values * where).sum(),
            (1 - RATE) * self.weight + where.sum(),
        )


class Stake(NamedTuple):
    """The worth of knowing the problem, as measured so far."""

    informed: Average
    blind: Average

    @property
    def value(self) -> Float[Array, ""]:
        """Return V."""
        return self.informed.mean - self.blind.mean


def blind_beliefs(key: Key, random: Bool[Array, " B"], shape: tuple[int, ...]) -> Int[Array, "B N"]:
    """Draw which exploitation episodes act on the belief before any exploration: 0, others -1."""
    return jnp.where(jax.random.bernoulli(key, BLIND_SHARE, shape), 0, -1)


def first_stake() -> Stake:
    """Return the stake before anything was measured: nothing."""
    zero = Average(jnp.array(0.0), jnp.array(0.0))
    return Stake(zero, zero)


def in_information(rewards: Float[Array, "..."], stake: Float[Array, ""]) -> Float[Array, "..."]:
    """Return r / V, from -1 to 1: a step may cost no more than all there is to know."""
    return jnp.clip(rewards / jnp.maximum(stake, LEAST), -1.0, 1.0)
