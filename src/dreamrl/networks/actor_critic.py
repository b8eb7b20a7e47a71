"""A policy with its value, recurrent or not."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from dreamrl.networks.distributions import Categorical, Distribution, distribution, outputs
from dreamrl.networks.layers import Dense
from dreamrl.networks.recurrent import GRU, Cell, Recurrent
from dreamrl.spaces import ActionSpace
from dreamrl.types import Key


class Decision(NamedTuple):
    """A policy, a value, and the features that both were computed from."""

    policy: Distribution
    value: Float[Array, "..."]
    features: Float[Array, "... size"]


class ActorCritic(eqx.Module):
    """features -> torso -> recurrent cell -> policy and value; the heads see torso plus cell.

    Without recurrence there is no cell, and the heads see the torso alone.
    """

    torso: Dense
    rnn: Recurrent | None
    policy: Dense
    critic: Dense
    action_space: ActionSpace = eqx.field(static=True)

    def __init__(
        self,
        key: Key,
        features: int,
        actions: ActionSpace,
        size: int,
        cell: Cell | None = GRU,
    ):
        keys = jax.random.split(key, 4)
        self.action_space = actions
        self.torso = Dense(keys[0], features, size, gain=2**0.5)
        self.rnn = None if cell is None else cell(keys[1], size, size)
        self.policy = Dense(keys[2], size, outputs(actions), gain=0.01)
        self.critic = Dense(keys[3], size, 1, gain=1.0)

    def init_carry(self) -> PyTree:
        """Return the carry before the first step."""
        return jnp.zeros(0) if self.rnn is None else self.rnn.init_carry()

    def step(
        self,
        carry: PyTree,
        features: Float[Array, " features"],
        gate: Float[Array, "... size"] | float = 1.0,
    ) -> tuple[PyTree, Decision]:
        """Return the next carry and the decision; `gate` multiplies the torso."""
        torso = jax.nn.relu(self.torso(features) * gate)
        if self.rnn is None:
            return carry, self._decide(torso)
        carry = self.rnn.step(carry, torso)
        return carry, self._decide(torso + self.rnn.output(carry))

    def unroll(
        self,
        carry: PyTree,
        features: Float[Array, "T features"],
        gate: Float[Array, "... size"] | float = 1.0,
    ) -> Decision:
        """Return the decisions of a whole episode, as `step` by step gives them."""
        torso = jax.nn.relu(self.torso(features) * gate)
        if self.rnn is None:
            return self._decide(torso)
        return self._decide(torso + self.rnn.output(self.rnn.unroll(carry, torso)))

    def _decide(self, x: Float[Array, "... size"]) -> Decision:
        policy = distribution(self.action_space, self.policy(x))
        return Decision(policy, self.critic(x)[..., 0], x)


def mask_action(decision: Decision, action: int | None) -> Decision:
    """Return the decision without one action: an episode that can be ended early learns to be.

    An exploration's end has nothing to show, and before an agent can use what it finds, everything
    else costs. If random exploitation could end the episode, it would rarely reach distant rewards.
    """
    if action is None:
        return decision
    assert isinstance(decision.policy, Categorical)
    return decision._replace(policy=decision.policy.without(action))


def allow_actions(decision: Decision, allowed: Bool[Array, "... actions"] | None) -> Decision:
    """Return the decision among the actions that are possible now: all, if that is None."""
    if allowed is None:
        return decision
    assert isinstance(decision.policy, Categorical)
    return decision._replace(policy=decision.policy.among(allowed))
