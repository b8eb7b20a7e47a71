"""Distributions of a policy: over a number of actions, or over vectors of real numbers."""

import math
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from dreamrl.spaces import ActionSpace, Box
from dreamrl.types import Action, Key

MASKED = -1e9
"""The logit of an action that is not allowed."""
DEVIATION = 0.5
"""A Gaussian's standard deviation before any training, where half the space's width is 1."""
DEVIATIONS = (-4.0, 0.7)
"""Bounds of its logarithm: never quite certain, never far outside the space."""


class Categorical(eqx.Module):
    """One of a number of actions."""

    logits: Float[Array, "... actions"]

    def sample(self, key: Key) -> Action:
        return jax.random.categorical(key, self.logits)

    def mode(self) -> Action:
        return self.logits.argmax(-1)

    def log_prob(self, action: Int[Array, "..."]) -> Float[Array, "..."]:
        one_hot = jax.nn.one_hot(action, self.logits.shape[-1])
        return (jax.nn.log_softmax(self.logits) * one_hot).sum(-1)

    def entropy(self) -> Float[Array, "..."]:
        log_p = jax.nn.log_softmax(self.logits)
        return -(jnp.exp(log_p) * log_p).sum(-1)

    def barrier(self) -> Float[Array, "..."]:
        """Return -(mean over actions of log pi): what makes no allowed action ever impossible.

        The entropy's gradient vanishes where a policy has become certain; this one's does not
        (Agarwal et al. 2021, section 5).
        """
        allowed = self.logits > MASKED / 2
        return -jax.nn.log_softmax(self.logits).mean(-1, where=allowed)

    def anything(self) -> "Categorical":
        """Return the policy that takes every allowed action equally often."""
        return Categorical(jnp.where(self.logits > MASKED / 2, 0.0, MASKED))

    def without(self, action: int) -> "Categorical":
        """Return the policy that never takes this action."""
        number = jnp.arange(self.logits.shape[-1])
        return self.among(number != action)

    def among(self, allowed: Bool[Array, "... actions"]) -> "Categorical":
        """Return the policy that takes these actions alone."""
        return Categorical(jnp.where(allowed, self.logits, MASKED))


class Gaussian(eqx.Module):
    """Independent real numbers; the space's middle is 0 here, and half its width is 1."""

    mean: Float[Array, "... entries"]
    log_deviation: Float[Array, "... entries"]
    space: Box = eqx.field(static=True)

    def sample(self, key: Key) -> Action:
        noise = jax.random.normal(key, self.mean.shape)
        return self._scaled(self.mean + jnp.exp(self.log_deviation) * noise)

    def mode(self) -> Action:
        return self._scaled(jnp.clip(self.mean, -1, 1))

    def log_prob(self, action: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the log probability up to the constant that the space's scale makes."""
        middle, half = self._scale
        values = action.reshape(*action.shape[: action.ndim - len(self.space.shape)], -1)
        errors = ((values - middle) / half - self.mean) / jnp.exp(self.log_deviation)
        each = -jnp.square(errors) / 2 - self.log_deviation - math.log(2 * math.pi) / 2
        return each.sum(-1)

    def entropy(self) -> Float[Array, "..."]:
        return (self.log_deviation + math.log(2 * math.pi * math.e) / 2).sum(-1)

    def barrier(self) -> Float[Array, "..."]:
        """Return 0: the entropy's gradient never vanishes here, so nothing more is needed."""
        return jnp.zeros(self.mean.shape[:-1])

    def anything(self) -> "Gaussian":
        """Return a wide one, around the middle."""
        return Gaussian(jnp.zeros_like(self.mean), jnp.zeros_like(self.log_deviation), self.space)

    @property
    def _scale(self) -> tuple[float, float]:
        low, high = self.space.low, self.space.high
        return (low + high) / 2, (high - low) / 2

    def _scaled(self, x: Float[Array, "... entries"]) -> Action:
        middle, half = self._scale
        return (middle + half * x).reshape(*x.shape[:-1], *self.space.shape)


Distribution: TypeAlias = Categorical | Gaussian


def outputs(actions: ActionSpace) -> int:
    """Return how many numbers `distribution` needs."""
    return 2 * actions.features if isinstance(actions, Box) else actions.n


def distribution(actions: ActionSpace, x: Float[Array, "... outputs"]) -> Distribution:
    """Return what a policy's last layer says."""
    if not isinstance(actions, Box):
        return Categorical(x)
    mean, raw = jnp.split(x, 2, axis=-1)
    log_deviation = jnp.clip(raw + math.log(DEVIATION), *DEVIATIONS)
    return Gaussian(mean, log_deviation, actions)
