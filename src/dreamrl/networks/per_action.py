"""Actions that are seen one by one: the same layers for all of them, in any order."""

from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float

from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.distributions import Categorical
from dreamrl.networks.layers import Dense
from dreamrl.spaces import PerAction
from dreamrl.types import Key, Observation

CHANNELS = 32
"""Of a row, and of an action."""


class PerActionEncoder(eqx.Module):
    """Row -> channels, by two layers for all rows; their mean is an action, the mean of these all.

    So neither the order of rows nor that of actions counts (deep sets, Zaheer et al. 2017).
    """

    tiles: ClassVar[int] = 0
    row: Dense
    mixed: Dense
    space: PerAction = eqx.field(static=True)

    def __init__(self, key: Key, space: PerAction):
        keys = jax.random.split(key)
        self.space = space
        self.row = Dense(keys[0], space.numbers, CHANNELS, gain=2**0.5)
        self.mixed = Dense(keys[1], CHANNELS, CHANNELS, gain=2**0.5)

    @property
    def features(self) -> int:
        return CHANNELS

    def each(self, observation: Observation) -> Float[Array, "... actions channels"]:
        """Return what is seen of each action."""
        x = jax.nn.relu(self.mixed(jax.nn.relu(self.row(observation))))
        return x.mean(-2)

    def __call__(self, observation: Observation) -> Float[Array, "... channels"]:
        return self.each(observation).mean(-2)


class ActionScores(eqx.Module):
    """Makes actions likelier or less likely by what is seen of each: the same layers for all."""

    state: Dense
    seen: Dense
    score: Dense

    def __init__(self, key: Key, size: int):
        keys = jax.random.split(key, 3)
        self.state = Dense(keys[0], size, CHANNELS, gain=2**0.5)
        self.seen = Dense(keys[1], CHANNELS, CHANNELS, gain=2**0.5)
        self.score = Dense(keys[2], CHANNELS, 1, gain=0.1)

    def __call__(self, decision: Decision, seen: Float[Array, "... actions channels"]) -> Decision:
        """Return the decision with scores added to the first actions' logits."""
        assert isinstance(decision.policy, Categorical)
        x = jax.nn.relu(self.state(decision.features)[..., None, :] + self.seen(seen))
        logits = decision.policy.logits.at[..., : seen.shape[-2]].add(self.score(x)[..., 0])
        return decision._replace(policy=Categorical(logits))
