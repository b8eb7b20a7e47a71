"""q(z | c): what a context of transitions says about z (Rakelly et al. 2019, section 4.1)."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.policy import Senses
from dreamrl.networks.layers import Dense
from dreamrl.spaces import ActionSpace, Space
from dreamrl.trial import percepts
from dreamrl.types import Key, Trajectory


class Factors(NamedTuple):
    """Gaussian factors N(z; m, s), as what adds up when they are multiplied."""

    precision: Float[Array, "... Z"]
    """1 / s"""
    pull: Float[Array, "... Z"]
    """m / s"""


class Posterior(NamedTuple):
    mean: Float[Array, "... Z"]
    variance: Float[Array, "... Z"]


class ContextEncoder(eqx.Module):
    """(s, a, r, s') -> hidden -> hidden -> a factor; a transition may also say nothing at all.

    Contexts are explorations, which have no goal.
    """

    senses: Senses
    hidden: Dense
    deeper: Dense
    factor: Dense

    def __init__(self, key: Key, observations: Space, actions: ActionSpace, size: int, z: int):
        keys = jax.random.split(key, 3)
        self.senses = Senses(jax.random.fold_in(key, 3), observations, actions, size)
        features = self.senses.look.features + self.senses.features
        self.hidden = Dense(keys[0], features, size, gain=2**0.5)
        self.deeper = Dense(keys[1], size, size, gain=2**0.5)
        self.factor = Dense(keys[2], size, 2 * z, gain=0.4)

    def factors(self, trajectory: Trajectory) -> Factors:
        """[T, Z]: what each transition says; those behind the end say nothing."""
        # What is seen after an action holds the action, its reward and what it led to.
        after = jax.tree.map(lambda x: x[1:], percepts(trajectory))
        before = self.senses.look(trajectory.observations[:-1])
        hidden = jax.nn.relu(self.hidden(jnp.concatenate([before, self.senses(after)], axis=-1)))
        pull, raw = jnp.split(self.factor(jax.nn.relu(self.deeper(hidden))), 2, axis=-1)
        # Pulls, not means: they add up, so that one telling step is heard among a hundred others.
        factors = Factors(jax.nn.softplus(raw - 6), pull)
        return jax.tree.map(lambda x: x * trajectory.mask[:, None], factors)


def product(evidence: Factors) -> Posterior:
    """The unit prior times factors that are already multiplied: what `evidence` sums up."""
    variance = 1 / (1 + evidence.precision)
    return Posterior(variance * evidence.pull, variance)


def posteriors(encoder: ContextEncoder, trajectory: Trajectory) -> Posterior:
    """[T+1, Z]: after 0, 1, ... T transitions; the first one is the prior."""

    def summed(x):
        return jnp.concatenate([jnp.zeros_like(x[:1]), jnp.cumsum(x, 0)])

    return product(jax.tree.map(summed, encoder.factors(trajectory)))


def sample(posterior: Posterior, key: Key) -> Float[Array, "... Z"]:
    noise = jax.random.normal(key, posterior.mean.shape)
    return posterior.mean + jnp.sqrt(posterior.variance) * noise


def information(posterior: Posterior) -> Float[Array, "..."]:
    """KL(q(z | c) || N(0, I)), in nats."""
    mean, variance = posterior
    return (jnp.square(mean) + variance - 1 - jnp.log(variance)).sum(-1) / 2
