"""Decoder g_omega(tau): reads z off an exploration, after every step (section 4.3)."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from dreamrl.families.family import Family
from dreamrl.networks.layers import Dense
from dreamrl.networks.observations import ObservationEncoder, make_observation_encoder
from dreamrl.networks.recurrent import GRU, Cell, Recurrent
from dreamrl.spaces import ActionSpace
from dreamrl.types import Action, Key, Trajectory


class Decoder(eqx.Module):
    """(s, a, r, s') -> hidden -> recurrent cell -> the mean of q(z | tau_:t) = N(g, rho^2 I)."""

    observation: ObservationEncoder
    hidden: Dense
    rnn: Recurrent
    readout: Dense
    mean: Dense
    action_space: ActionSpace = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, size: int, z: int, cell: Cell = GRU):
        keys = jax.random.split(key, 4)
        self.action_space = family.action_space
        self.observation = make_observation_encoder(
            jax.random.fold_in(key, 4), family.observation_space, size
        )
        features = 2 * self.observation.features + family.action_space.features + 1
        self.hidden = Dense(keys[0], features, size, gain=2**0.5)
        self.rnn = cell(keys[1], size, size)
        self.readout = Dense(keys[2], size, size, gain=2**0.5)
        self.mean = Dense(keys[3], size, z, gain=0.1)

    def init_carry(self) -> PyTree:
        return self.rnn.init_carry()

    def step(
        self,
        carry: PyTree,
        seen: Float[Array, " features"],
        action: Action,
        reward: Float[Array, ""],
        following: Float[Array, " features"],
    ) -> PyTree:
        """Return the carry after one more transition, between two observations already encoded."""
        return self.rnn.step(carry, self._transition(seen, action, reward, following))

    def belief(self, carry: Any) -> Float[Array, "... Z"]:
        """Return g_omega of what the carry holds."""
        features = self.rnn.output(carry)
        return self.mean(features + jax.nn.relu(self.readout(features)))

    def unroll(self, trajectory: Trajectory) -> Float[Array, "times Z"]:
        """Return g_omega(tau_:t) for t = 0 .. T; after the end it stays the same."""
        observations = self.observation(trajectory.observations)
        hidden = self._transition(
            observations[:-1], trajectory.actions, trajectory.rewards, observations[1:]
        )
        start = self.init_carry()
        carries = self.rnn.unroll(start, hidden, trajectory.mask)
        join = lambda first, rest: jnp.concatenate([first[None], rest])  # noqa: E731
        return self.belief(jax.tree.map(join, start, carries))

    def _transition(
        self,
        observation: Float[Array, "... features"],
        action: Action,
        reward: Float[Array, "..."],
        next_observation: Float[Array, "... features"],
    ) -> Float[Array, "... size"]:
        features = [
            observation,
            self.action_space.encode(action),
            reward[..., None],
            next_observation,
        ]
        return jax.nn.relu(self.hidden(jnp.concatenate(features, axis=-1)))


def belief_error(
    mean: Float[Array, "... Z"], beliefs: Float[Array, "... Z"]
) -> Float[Array, "..."]:
    """Return |f_psi(mu) - g_omega(tau)|^2."""
    return jnp.square(mean - beliefs).sum(-1)


def decoder_loss(
    decoder: Decoder, trajectories: Trajectory, means: Float[Array, "B Z"]
) -> Float[Array, ""]:
    """Return |stop(f_psi(mu)) - g_omega(tau_:t)|^2, its mean over t = 0 .. T (eq. 4: the sum).

    After the end of an exploration its last belief stands and counts on: it is what exploitation
    acts on. Else an exploration that ends where it finds what it looked for would count least.
    """
    beliefs = jax.vmap(decoder.unroll)(trajectories)
    return belief_error(jax.lax.stop_gradient(means)[:, None], beliefs).mean()
