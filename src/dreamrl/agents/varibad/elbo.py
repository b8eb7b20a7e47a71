"""What trains the posterior: the whole trial must be predicted from it at any time in it.

ELBO_t = E_q(z|tau_:t)[log p(tau_:H | z)] - KL(q(z|tau_:t) || q(z|tau_:t-1)), with N(0, I) before
the first observation, summed over t (Zintgraf et al. 2020, eq. 8 and 9). The decoder predicts the
reward and the next observation of every transition of the trial, past and future.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.agents.policy import encode_goal, goal_features
from dreamrl.agents.varibad.posterior import Posterior, divergence
from dreamrl.agents.whole_trial.trials import Memories
from dreamrl.families.family import Family
from dreamrl.networks.layers import Dense
from dreamrl.spaces import ActionSpace, Space
from dreamrl.trial import Played
from dreamrl.types import Goal, Key, Trajectory


class Transitions(NamedTuple):
    """All transitions of one trial, as features and as what is to be predicted of them."""

    given: Float[Array, "steps given"]
    """Observation, action and goal, if any."""
    arrived: Float[Array, "steps observation"]
    """The next observation, encoded: what is predicted, and what rewards are predicted from."""
    rewards: Float[Array, " steps"]
    mask: Bool[Array, " steps"]


class Decoder(eqx.Module):
    """Two networks: p(s' | s, a, goal, z), and p(r | s, a, goal, s', z)."""

    transition_given: Dense
    transition_z: Dense
    transition: Dense
    reward_given: Dense
    reward_z: Dense
    reward: Dense
    observation_space: Space = eqx.field(static=True)
    action_space: ActionSpace = eqx.field(static=True)
    goal_space: Space = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, size: int, z: int):
        keys = jax.random.split(key, 6)
        self.observation_space = family.observation_space
        self.action_space, self.goal_space = family.action_space, family.goal_space
        seen = family.observation_space.features
        given = seen + family.action_space.features + goal_features(family.goal_space)
        self.transition_given = Dense(keys[0], given, size)
        self.transition_z = Dense(keys[1], z, size)
        self.transition = Dense(keys[2], size, seen)
        self.reward_given = Dense(keys[3], given + seen, size)
        self.reward_z = Dense(keys[4], z, size)
        self.reward = Dense(keys[5], size, 1)

    def transitions(self, played: Played) -> Transitions:
        """Those of a trial, the exploration's before the exploitation's."""
        explored = self._episode(played.exploration, None)
        exploited = jax.vmap(self._episode)(played.exploitation, played.goals)
        exploited = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), exploited)
        return jax.tree.map(lambda x, y: jnp.concatenate([x, y]), explored, exploited)

    def errors(
        self, transitions: Transitions, z: Float[Array, "samples Z"]
    ) -> tuple[Float[Array, " samples"], Float[Array, " samples"]]:
        """Squared errors of next observations and of rewards, summed over the trial.

        -log p up to constants, for Gaussians of variance 1/2.
        """
        given, arrived, rewards, mask = transitions
        both = jnp.concatenate([given, arrived], axis=-1)
        hidden = self._hidden(self.transition_given(given), self.transition_z(z))
        off = jnp.square(self.transition(hidden) - arrived).sum(-1)
        hidden = self._hidden(self.reward_given(both), self.reward_z(z))
        reward_off = jnp.square(self.reward(hidden)[..., 0] - rewards)
        return (off * mask).sum(-1), (reward_off * mask).sum(-1)

    def _hidden(
        self, given: Float[Array, "steps size"], z: Float[Array, "samples size"]
    ) -> Float[Array, "samples steps size"]:
        """Z matters in some transitions and not in others: a product beside the sum."""
        given, z = given[None], z[:, None]
        return jax.nn.relu(given + z + given * z)

    def _episode(self, trajectory: Trajectory, goal: Goal) -> Transitions:
        seen = self.observation_space.encode(trajectory.observations)
        parts = [
            seen[:-1],
            self.action_space.encode(trajectory.actions),
            encode_goal(self.goal_space, goal, trajectory.rewards.shape),
        ]
        given = jnp.concatenate(parts, axis=-1)
        return Transitions(given, seen[1:], trajectory.rewards, trajectory.mask)


class Elbo(NamedTuple):
    """Means over trials and over the times t, in nats up to constants."""

    observation: Float[Array, ""]
    reward: Float[Array, ""]
    divergence: Float[Array, ""]


def elbo(
    posterior: Posterior,
    decoder: Decoder,
    played: Played,
    memories: Memories,
    samples: int,
    key: Key,
) -> Elbo:
    """The three terms; the first two at `samples` times t of each trial, drawn evenly."""
    keys = jax.random.split(key, played.goals.shape[0])

    def one(played: Played, memories: Memories, key: Key) -> tuple[Array, Array, Array]:
        memory, there = _in_order(played, memories)
        mean, log_variance = posterior.parameters(memory)
        key_times, key_z = jax.random.split(key)
        times = jax.random.choice(key_times, memory.shape[0], (samples,), p=there / there.sum())
        chosen = jax.nn.one_hot(times, memory.shape[0])
        noise = jax.random.normal(key_z, (samples, mean.shape[-1]))
        z = chosen @ mean + jnp.exp(chosen @ log_variance / 2) * noise
        observation, reward = decoder.errors(decoder.transitions(played), z)
        return observation.mean(), reward.mean(), _moved(played, memories, posterior)

    return Elbo(*(x.mean() for x in jax.vmap(one)(played, memories, keys)))


def _in_order(played: Played, memories: Memories) -> tuple[Array, Array]:
    """The memories of one trial, one after the other, and which of them there really are."""
    exploited = memories.exploitation
    memory = jnp.concatenate([memories.exploration, exploited.reshape(-1, exploited.shape[-1])])
    there = jnp.concatenate([played.exploration.seen, played.exploitation.mask.reshape(-1)])
    return memory, there.astype(jnp.float32)


def _moved(played: Played, memories: Memories, posterior: Posterior) -> Float[Array, ""]:
    """KL of each posterior from the one before it, a mean over the times there are."""

    def steps(mean: Array, log_variance: Array, first: tuple[Array, Array], mask: Array) -> Array:
        before = [
            jnp.concatenate([one[None], all_[:-1]])
            for one, all_ in zip(first, (mean, log_variance), strict=True)
        ]
        return (divergence(mean, log_variance, *before) * mask).sum()

    explored = posterior.parameters(memories.exploration)
    prior = (jnp.zeros_like(explored[0][0]), jnp.zeros_like(explored[1][0]))
    there = played.exploration.seen
    total = steps(*explored, prior, there)
    last = (explored[0][-1], explored[1][-1])
    exploited = posterior.parameters(memories.exploitation)
    mask = played.exploitation.mask
    total += jax.vmap(lambda m, v, there: steps(m, v, last, there))(*exploited, mask).sum()
    return total / (there.sum() + mask.sum())
