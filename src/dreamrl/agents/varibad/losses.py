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
        states, seen = _in_order(trial, hidden)
        mean, log_variance = posterior.parameters(states)
        key_times, key_z = jax.random.split(key)
        times = jax.random.choice(key_times, states.shape[0], (samples,), p=seen / seen.sum())
        chosen = jax.nn.one_hot(times, states.shape[0])
        noise = jax.random.normal(key_z, (samples, mean.shape[-1]))
        z = chosen @ mean + jnp.exp(chosen @ log_variance / 2) * noise
        observation, reward = decoder.errors(decoder.transitions(trial), z)
        return observation.mean(), reward.mean(), _mean_divergence(trial, hidden, posterior)

    return Elbo(*(x.mean() for x in jax.vmap(one)(trial, hidden, keys)))


def _in_order(trial: Trial, hidden: HiddenStates) -> tuple[Array, Array]:
    """Return the hidden states of one trial in order, and which of them were reached."""
    exploited = hidden.exploitation
    states = jnp.concatenate([hidden.exploration, exploited.reshape(-1, exploited.shape[-1])])
    seen = jnp.concatenate([trial.exploration.seen, trial.exploitation.mask.reshape(-1)])
    return states, seen.astype(jnp.float32)


def _mean_divergence(trial: Trial, hidden: HiddenStates, posterior: Posterior) -> Float[Array, ""]:
    """Return the KL of each posterior from the one before it, a mean over the times reached."""

    def steps(mean: Array, log_variance: Array, first: tuple[Array, Array], mask: Array) -> Array:
        before = [
            jnp.concatenate([one[None], all_[:-1]])
            for one, all_ in zip(first, (mean, log_variance), strict=True)
        ]
        return (divergence(mean, log_variance, *before) * mask).sum()

    explored = posterior.parameters(hidden.exploration)
    prior = (jnp.zeros_like(explored[0][0]), jnp.zeros_like(explored[1][0]))
    seen = trial.exploration.seen
    total = steps(*explored, prior, seen)
    last = (explored[0][-1], explored[1][-1])
    exploited = posterior.parameters(hidden.exploitation)
    mask = trial.exploitation.mask
    total += jax.vmap(lambda m, v, taken: steps(m, v, last, taken))(*exploited, mask).sum()
    return total / (seen.sum() + mask.sum())


def divergence(
    mean: Float[Array, "... Z"],
    log_variance: Float[Array, "... Z"],
    before_mean: Float[Array, "... Z"],
    before_log_variance: Float[Array, "... Z"],
) -> Float[Array, "..."]:
    """Return KL(N(mean, e^log_variance) || N(before_mean, e^before_log_variance)), in nats."""
    ratio = jnp.exp(log_variance - before_log_variance)
    moved = jnp.square(mean - before_mean) * jnp.exp(-before_log_variance)
    return (ratio + moved - 1 + before_log_variance - log_variance).sum(-1) / 2
