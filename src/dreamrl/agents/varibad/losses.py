"""The ELBO, which trains the posterior: it must predict the whole trial at any time in it.

ELBO_t = E_q(z|tau_:t)[log p(tau_:H | z)] - KL(q(z|tau_:t) || q(z|tau_:t-1)), with N(0, I) before
the first observation, summed over t (Zintgraf et al. 2020, eq. 8 and 9). The decoder predicts the
reward and the next observation of every transition of the trial, past and future.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.varibad.networks import Decoder, Posterior
from dreamrl.agents.whole_trial.losses import HiddenStates
from dreamrl.trial import Trial
from dreamrl.types import Key


class Elbo(NamedTuple):
    """Means over trials and over the times t, in nats up to constants."""

    observation: Float[Array, ""]
    reward: Float[Array, ""]
    divergence: Float[Array, ""]


def elbo(
    posterior: Posterior,
    decoder: Decoder,
    trial: Trial,
    hidden: HiddenStates,
    samples: int,
    key: Key,
) -> Elbo:
    """Return the three terms; the first two at `samples` times t of each trial, drawn evenly."""
    keys = jax.random.split(key, trial.goals.shape[0])

    def one(trial: Trial, hidden: HiddenStates, key: Key) -> tuple[Array, Array, Array]:
        states, mask = _in_order(trial, hidden)
        mean, log_variance = posterior.parameters(states)
        key_times, key_z = jax.random.split(key)
        times = jax.random.choice(key_times, states.shape[0], (samples,), p=mask / mask.sum())
        weights = jax.nn.one_hot(times, states.shape[0])
        noise = jax.random.normal(key_z, (samples, mean.shape[-1]))
        z = weights @ mean + jnp.exp(weights @ log_variance / 2) * noise
        observation, reward = decoder.errors(decoder.transitions(trial), z)
        return observation.mean(), reward.mean(), _mean_divergence(trial, hidden, posterior)

    return Elbo(*(x.mean() for x in jax.vmap(one)(trial, hidden, keys)))


def _in_order(trial: Trial, hidden: HiddenStates) -> tuple[Array, Array]:
    """Return the hidden states of one trial in order, and which of them were reached."""
    exploitation = hidden.exploitation
    states = jnp.concatenate([hidden.exploration, exploitation.reshape(-1, exploitation.shape[-1])])
    mask = jnp.concatenate([trial.exploration.seen, trial.exploitation.mask.reshape(-1)])
    return states, mask.astype(jnp.float32)


def _mean_divergence(trial: Trial, hidden: HiddenStates, posterior: Posterior) -> Float[Array, ""]:
    """Return the KL of each posterior from the one before it, a mean over the times reached."""

    def steps(mean: Array, log_variance: Array, first: tuple[Array, Array], mask: Array) -> Array:
        previous = [
            jnp.concatenate([start[None], all_[:-1]])
            for start, all_ in zip(first, (mean, log_variance), strict=True)
        ]
        return (divergence(mean, log_variance, *previous) * mask).sum()

    exploration = posterior.parameters(hidden.exploration)
    prior = (jnp.zeros_like(exploration[0][0]), jnp.zeros_like(exploration[1][0]))
    mask_x = trial.exploration.seen
    total = steps(*exploration, prior, mask_x)
    last = (exploration[0][-1], exploration[1][-1])
    exploitation = posterior.parameters(hidden.exploitation)
    mask = trial.exploitation.mask
    total += jax.vmap(lambda m, v, flags: steps(m, v, last, flags))(*exploitation, mask).sum()
    return total / (mask_x.sum() + mask.sum())


def divergence(
    mean: Float[Array, "... Z"],
    log_variance: Float[Array, "... Z"],
    before_mean: Float[Array, "... Z"],
    before_log_variance: Float[Array, "... Z"],
) -> Float[Array, "..."]:
    """Return KL(N(mean, e^log_variance) || N(before_mean, e^before_log_variance)), in nats."""
    ratio = jnp.exp(log_variance - before_log_variance)
    move = jnp.square(mean - before_mean) * jnp.exp(-before_log_variance)
    return (ratio + move - 1 + before_log_variance - log_variance).sum(-1) / 2
