"""VariBAD's networks: the posterior q(z | tau_:t) = N(m_t, s_t^2) and the ELBO's decoder.

Zintgraf et al. 2020, section 3.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.agents.varibad.settings import VaribadSettings
from dreamrl.agents.whole_trial.networks import Nets, make_nets
from dreamrl.families.family import Family
from dreamrl.networks.layers import Dense, gated
from dreamrl.networks.policy import encode_goal, goal_features
from dreamrl.spaces import ActionSpace, Space
from dreamrl.trial import Trial
from dreamrl.types import Goal, Key, Trajectory

LOWEST, HIGHEST = -10.0, 4.0
"""Bounds of log s^2: beyond them gradients are of no use."""


class Posterior(eqx.Module):
    """A belief head: the distribution of z given the trial encoder's hidden state."""

    mean: Dense
    log_variance: Dense

    def __init__(self, key: Key, size: int, z: int):
        keys = jax.random.split(key)
        self.mean = Dense(keys[0], size, z)
        self.log_variance = Dense(keys[1], size, z, gain=0.1)

    def __call__(self, hidden: Float[Array, "... size"]) -> Float[Array, "... context"]:
        """Return mean and variance, as the policy sees them; its loss trains neither."""
        mean, log_variance = self.parameters(hidden)
        context = jnp.concatenate([mean, jnp.exp(log_variance)], axis=-1)
        return jax.lax.stop_gradient(context)

    def parameters(
        self, hidden: Float[Array, "... size"]
    ) -> tuple[Float[Array, "... Z"], Float[Array, "... Z"]]:
        """Return mean and log variance."""
        return self.mean(hidden), jnp.clip(self.log_variance(hidden), LOWEST, HIGHEST)


class Transitions(NamedTuple):
    """All transitions of one trial, as features and as prediction targets."""

    given: Float[Array, "steps given"]
    """Observation, action and goal, if any."""
    arrived: Float[Array, "steps observation"]
    """The next observation, encoded: it is predicted, and rewards are predicted from it."""
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
        observation = family.observation_space.features
        inputs = observation + family.action_space.features + goal_features(family.goal_space)
        self.transition_given = Dense(keys[0], inputs, size)
        self.transition_z = Dense(keys[1], z, size)
        self.transition = Dense(keys[2], size, observation)
        self.reward_given = Dense(keys[3], inputs + observation, size)
        self.reward_z = Dense(keys[4], z, size)
        self.reward = Dense(keys[5], size, 1)

    def transitions(self, trial: Trial) -> Transitions:
        """Return those of a trial, the exploration's before the exploitation's."""
        exploration = self._episode(trial.exploration, None)
        exploitation = jax.vmap(self._episode)(trial.exploitation, trial.goals)
        exploitation = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), exploitation)
        return jax.tree.map(lambda x, y: jnp.concatenate([x, y]), exploration, exploitation)

    def errors(
        self, transitions: Transitions, z: Float[Array, "samples Z"]
    ) -> tuple[Float[Array, " samples"], Float[Array, " samples"]]:
        """Return squared errors of next observations and of rewards, summed over the trial.

        -log p up to constants, for Gaussians of variance 1/2.
        """
        inputs, arrivals, rewards, mask = transitions
        pair = jnp.concatenate([inputs, arrivals], axis=-1)
        hidden = self._hidden(self.transition_given(inputs), self.transition_z(z))
        errors = jnp.square(self.transition(hidden) - arrivals).sum(-1)
        hidden = self._hidden(self.reward_given(pair), self.reward_z(z))
        reward_errors = jnp.square(self.reward(hidden)[..., 0] - rewards)
        return (errors * mask).sum(-1), (reward_errors * mask).sum(-1)

    def _hidden(
        self, inputs: Float[Array, "steps size"], z: Float[Array, "samples size"]
    ) -> Float[Array, "samples steps size"]:
        """Return features in which z matters in some transitions and not in others."""
        inputs, z = inputs[None], z[:, None]
        return gated(inputs, z)

    def _episode(self, trajectory: Trajectory, goal: Goal) -> Transitions:
        observations = self.observation_space.encode(trajectory.observations)
        parts = [
            observations[:-1],
            self.action_space.encode(trajectory.actions),
            encode_goal(self.goal_space, goal, trajectory.rewards.shape),
        ]
        inputs = jnp.concatenate(parts, axis=-1)
        return Transitions(inputs, observations[1:], trajectory.rewards, trajectory.mask)


def varibad_nets(key: Key, family: Family, settings: VaribadSettings) -> Nets:
    """Return VariBAD's networks; the auxiliary one is the decoder."""
    key_nets, key_head, key_decoder = jax.random.split(key, 3)
    posterior = Posterior(key_head, settings.hidden, settings.z)
    decoder = Decoder(key_decoder, family, settings.hidden, settings.z)
    return make_nets(key_nets, family, settings, posterior, 2 * settings.z, decoder)
