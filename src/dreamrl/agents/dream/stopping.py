"""When an exploration ends: where its continuation value no longer exceeds the step cost.

(That is the rule; a user may also say that it never ends, or after how many steps: `Stop`.)

W_t is the value of going on from step t, if one may stop later at any time:
W_t = E[gain_t - c + max(0, W_t+1)], learned from explorations of full length by the recursion of
Longstaff and Schwartz (2001). The exploration stops where W_t <= 0. The policy itself cannot end
an episode, so a wrong W never keeps it from learning what a longer exploration would show.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.errors import UserError
from dreamrl.networks.layers import Dense
from dreamrl.types import Key
from dreamrl.values import plain_value, shown

Stop: TypeAlias = Literal["rule", "never"] | int
"""By the learned rule; never before the horizon; or after so many steps, whatever the rule says."""

StopRule = Callable[[Float[Array, "... size"]], Float[Array, "..."]]
"""Features of the exploration policy -> continuation value W; stop where it is not above 0."""


class ContinuationValue(eqx.Module):
    """W of the exploration policy's features, which it reads and does not change."""

    hidden: Dense
    value: Dense

    def __init__(self, key: Key, size: int):
        keys = jax.random.split(key)
        self.hidden = Dense(keys[0], size, size, gain=2**0.5)
        value = Dense(keys[1], size, 1, gain=0.1)
        # Until it has learned better, going on has a value.
        self.value = eqx.tree_at(lambda dense: dense.bias, value, jnp.ones(1))

    def __call__(self, features: Float[Array, "... size"]) -> Float[Array, "..."]:
        """Return W; no gradient reaches the policy."""
        features = jax.lax.stop_gradient(features)
        return self.value(jax.nn.relu(self.hidden(features)))[..., 0]


def continuation_targets(
    rewards: Float[Array, " T"], values: Float[Array, " T"], mask: Bool[Array, " T"]
) -> Float[Array, " T"]:
    """Return what going on from each step was worth; `rewards` are gains less c, `values` are W."""

    def step(future, inputs):
        reward, estimate, is_step = inputs
        value = jnp.where(is_step, reward + future, 0.0)
        return jnp.where(estimate > 0, value, 0.0), value

    return jax.lax.scan(step, jnp.zeros(()), (rewards, values, mask), reverse=True)[1]


def stop_length(values: Float[Array, " T"], mask: Bool[Array, " T"]) -> Float[Array, ""]:
    """Return the steps after which the rule would have ended this exploration."""
    return jnp.cumprod((values > 0) & mask).sum().astype(jnp.float32)


def stop_from(value: Any) -> Stop:
    """Return how explorations end, from what a user says: rule, never or a number of steps.

    Raises:
        UserError: For anything else.
    """
    plain = plain_value(value)
    if isinstance(plain, str) and plain.isascii() and plain.isdigit():
        plain = int(plain)
    if plain in ("rule", "never"):
        return plain
    if isinstance(plain, bool) or not isinstance(plain, int) or plain < 0:
        raise UserError(f"stop is {shown(value)}: it must be rule, never or a number of steps")
    return plain


def with_stop(agent: Any, stop: Any) -> Any:
    """Return an agent whose explorations end otherwise; see `stop_from`. None: the same agent.

    Raises:
        UserError: For an agent that has no stop rule, as all but DREAM's.
    """
    if stop is None:
        return agent
    ends = stop_from(stop)
    if not hasattr(agent, "ends"):
        raise UserError("stop is for agents of dream: others have no stop rule")
    return dataclasses.replace(agent, ends=ends)
