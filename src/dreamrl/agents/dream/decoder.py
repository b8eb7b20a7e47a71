"""Decoder g_omega(tau): reads z off an exploration, after every step (section 4.3)."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.networks.layers import Dense
from dreamrl.networks.memory import GRU
from dreamrl.networks.senses import Look, look
from dreamrl.spaces import ActionSpace, Space
from dreamrl.types import Key, Trajectory


class Decoder(eqx.Module):
    """(s, a, r, s') -> hidden -> GRU -> the mean of q(z | tau_:t) = N(g, rho^2 I)."""

    look: Look
    hidden: Dense
    memory: GRU
    readout: Dense
    mean: Dense
    action_space: ActionSpace = eqx.field(static=True)

    def __init__(self, key: Key, observations: Space, actions: ActionSpace, size: int, z: int):
        keys = jax.random.split(key, 4)
        self.action_space = actions
        self.look = look(jax.random.fold_in(key, 4), observations, size)
        features = 2 * self.look.features + actions.features + 1
        self.hidden = Dense(keys[0], features, size, gain=2**0.5)
        self.memory = GRU(keys[1], size, size)
        self.readout = Dense(keys[2], size, size, gain=2**0.5)
        self.mean = Dense(keys[3], size, z, gain=0.1)

    def start(self) -> Float[Array, " size"]:
        return self.memory.start()

    def step(
        self,
        memory: Float[Array, " size"],
        seen: Float[Array, " features"],
        action: Array,
        reward: Array,
        following: Float[Array, " features"],
    ) -> Float[Array, " size"]:
        """The memory after one more transition, between two observations as `look` sees them."""
        hidden = self._transition(seen, action, reward, following)
        return self.memory.step(memory, self.memory.project(hidden))

    def belief(self, memory: Float[Array, "... size"]) -> Float[Array, "... Z"]:
        """g_omega of what the memory holds."""
        return self.mean(memory + jax.nn.relu(self.readout(memory)))

    def unroll(self, trajectory: Trajectory) -> Float[Array, "times Z"]:
        """[T+1, Z]: g_omega(tau_:t) for t = 0 .. T; behind the end it stays what it was."""
        seen = self.look(trajectory.observations)
        hidden = self._transition(seen[:-1], trajectory.actions, trajectory.rewards, seen[1:])
        start = self.start()
        memories = self.memory.unroll(start, hidden, trajectory.mask)
        return self.belief(jnp.concatenate([start[None], memories]))

    def _transition(
        self, seen: Array, action: Array, reward: Array, following: Array
    ) -> Float[Array, "... size"]:
        features = [seen, self.action_space.encode(action), reward[..., None], following]
        return jax.nn.relu(self.hidden(jnp.concatenate(features, axis=-1)))


def belief_error(
    mean: Float[Array, "... Z"], beliefs: Float[Array, "... Z"]
) -> Float[Array, "..."]:
    """|f_psi(mu) - g_omega(tau)|^2."""
    return jnp.square(mean - beliefs).sum(-1)


def decoder_loss(
    decoder: Decoder, trajectories: Trajectory, means: Float[Array, "B Z"]
) -> Float[Array, ""]:
    """sum_t |stop(f_psi(mu)) - g_omega(tau_:t)|^2, a mean over t = 0 .. T (eq. 4).

    Behind the end of an exploration what it left is believed on, and counts on: it is what
    exploitation acts on. Else one that ends where it finds what it looked for would count least.
    """
    beliefs = jax.vmap(decoder.unroll)(trajectories)
    return belief_error(jax.lax.stop_gradient(means)[:, None], beliefs).mean()
