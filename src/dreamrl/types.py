"""The words of the field as arrays: steps, trajectories, beliefs.

Shapes are written for one trial; batches and seeds are added with `jax.vmap`.
`T` is the family's horizon, `Z` the size of the encoding z.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jaxtyping
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Scalar

Problem = PyTree[Array]
"""All that differs between the problems of a family; environments read it, agents never do."""

Goal = Array | None
"""The task of an exploitation episode; None in the exploration episode."""

State = PyTree[Array]
"""All that an environment needs to go on; agents never read it."""

Observation = Array
Action = Array
Key = PRNGKeyArray
Keys = jaxtyping.Key[Array, "..."]
"""Several, with any axes."""


class ProblemID(eqx.Module):
    """The ID of a problem. It exists in training only: nothing in meta-test takes one.

    A type of its own, and not a number, so that handing it to an agent at meta-test is an
    error that type checks find.
    """

    value: Int[Array, "*batch"]


class Step(NamedTuple):
    """The outcome of one action. `terminated` and `truncated` are never merged."""

    observation: Observation
    reward: Float[Scalar, ""]
    terminated: Bool[Scalar, ""]
    truncated: Bool[Scalar, ""]


class Percept(NamedTuple):
    """An agent's input before it acts: the observation, and the last action with its reward."""

    observation: Observation
    action: Action
    """The previous action; meaningless where `first`."""
    reward: Float[Array, "..."]
    first: Bool[Array, "..."]
    allowed: Bool[Array, "... actions"] | None = None
    """The actions that may be taken now; None where all may, always."""


class Trajectory(NamedTuple):
    """One episode in arrays of fixed length T; `mask` is True where a step was really taken.

    `observations[t]` is what was seen before `actions[t]`, `observations[t + 1]` what it led
    to, the final observation included. After the episode ends, entries are padding: the
    observation repeats and rewards are 0.
    """

    observations: Array
    """[T+1, ...]"""
    actions: Array
    """[T, ...]"""
    rewards: Float[Array, " T"]
    terminated: Bool[Array, " T"]
    truncated: Bool[Array, " T"]
    mask: Bool[Array, " T"]
    allowed: Bool[Array, "times actions"] | None = None
    """[T+1, actions]: the actions that might be taken; None where all might, always."""

    @property
    def seen(self) -> Bool[Array, "*times"]:
        """[T+1]: True for observations that were made, the final one included."""
        return jnp.concatenate([jnp.ones_like(self.mask[..., :1]), self.mask], axis=-1)

    @property
    def length(self) -> Int[Array, "*batch"]:
        """Number of steps taken."""
        return jnp.sum(self.mask, -1)

    @property
    def episode_return(self) -> Float[Array, "*batch"]:
        """Undiscounted sum of rewards."""
        return jnp.sum(self.rewards * self.mask, -1)


class Belief(NamedTuple):
    """All that an exploration leaves to the exploitation that follows it."""

    mean: Float[Array, " Z"]
    extra: Any = None
    """All that a method carries beside: hidden state, variance, an exploration to adapt on."""
