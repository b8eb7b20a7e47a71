"""The posterior over known problems, read off a belief; fitted so that 80 % means 80 %.

There are two ways to read one, and explorations say which makes their true problems likelier. By
the mean: a belief is the mean of the encodings of what may still be (`maximum_entropy`). And by
distance: every known problem k has a z, f(k), and a prior p(k), and the decoder says
q(z | tau) = N(g(tau), sigma^2 I), so p(k | tau) ~ p(k) exp(-|f(k) - g(tau)|^2 / (2 sigma^2)).

rho is no sigma: g is off by more than rho while little is known, as it is the mean of what may
still be. How far off shows in how far g is from any f(k), hence

    sigma^2 = noise (1 + slope min_k |f(k) - g(tau)|^2),

with the two numbers that make the true problems of explorations most likely.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from dreamrl.agents.algorithm import Agent
from dreamrl.deploy.maximum_entropy import (
    MeanPosterior,
    fit_mean,
    log_likelihood,
    mean_squared_distance,
)
from dreamrl.evaluation import per_family, spread
from dreamrl.families.family import Family, prior_of
from dreamrl.trial import exploration, trial_keys

EXPLORATIONS = 256
COMPARED = 2**15
"""Shares, of problems given a belief, by which the two ways are compared; beliefs are so many less
where problems are more, and at least 128."""
SLOPES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
"""In units of the encodings' mean squared distance to their mean."""


class DistancePosterior(NamedTuple):
    """Shares of the known problems, given a belief, by how far their encodings are from it."""

    encodings: Float[np.ndarray, "problems Z"]
    noise: float
    slope: float
    prior: Float[np.ndarray, " problems"] | None = None
    """p(k); None where all are as likely."""

    def shares(self, means: Float[np.ndarray, "*times Z"]) -> Float[np.ndarray, "*times problems"]:
        """Return p(k | tau), with the encodings' order of problems; each row sums to 1."""
        distances = squared_distances(means, self.encodings)
        nearest = distances.min(-1, keepdims=True)
        scale = 2 * self.noise * (1 + self.slope * nearest)
        shares = _weights(nearest - distances, scale, self.prior)
        return shares / shares.sum(-1, keepdims=True)


Posterior = DistancePosterior | MeanPosterior


class Reliability(NamedTuple):
    """Frequency with which the likeliest problem was the true one, by how likely it was thought.

    One entry a bin; empty bins are left out.
    """

    counts: Int[np.ndarray, " bins"]
    confidence: Float[np.ndarray, " bins"]
    accuracy: Float[np.ndarray, " bins"]

    @property
    def error(self) -> float:
        """Expected calibration error, from 0 to 1 (Guo et al. 2017, eq. 3)."""
        gaps = np.abs(self.confidence - self.accuracy)
        return float((self.counts * gaps).sum() / self.counts.sum())


def squared_distances(
    means: Float[np.ndarray, "*times Z"], encodings: Float[np.ndarray, "problems Z"]
) -> Float[np.ndarray, "*times problems"]:
    """Return |f(k) - g|^2."""
    return np.square(means[..., None, :] - encodings).sum(-1)


def calibrate(
    family: Family, agent: Agent, encodings: Float[np.ndarray, "problems Z"], seed: int = 0
) -> Posterior:
    """Return the posterior over the training problems, fitted on explorations of them."""
    means, rows = known_beliefs(family, agent, seed)
    return fit(encodings, means, rows, prior_of(family, family.train_ids))


def known_beliefs(
    family: Family, agent: Agent, seed: int = 0, number: int = EXPLORATIONS
) -> tuple[Float[np.ndarray, "beliefs Z"], Int[np.ndarray, " beliefs"]]:
    """Return beliefs after every step of explorations, and which training problem each was in.

    Problems are numbers of rows: 0 is the first of `family.train_ids`.
    """
    prior = prior_of(family, family.train_ids)
    rows = spread(range(len(family.train_ids)), number, seed, prior)
    ids = np.asarray(family.train_ids, np.int32)[rows]
    explore = per_family(_exploration_player, family, soon=True)
    means, mask = jax.tree.map(np.asarray, explore(agent, ids, jax.random.key(seed)))
    is_step = np.concatenate([np.ones_like(mask[:, :1]), mask], axis=1)
    return means[is_step], np.broadcast_to(rows[:, None], is_step.shape)[is_step]


def fit(
    encodings: Float[np.ndarray, "problems Z"],
    means: Float[np.ndarray, "beliefs Z"],
    rows: Int[np.ndarray, " beliefs"],
    prior: Float[np.ndarray, " problems"] | None = None,
) -> Posterior:
    """Return the posterior under which the true problems, `rows`, are likelier, of both ways."""
    by_distance = fit_distances(encodings, means, rows, prior)
    number = max(128, COMPARED // len(encodings))
    chosen = np.random.default_rng(0).permutation(len(rows))[:number]
    means, rows = means[chosen], rows[chosen]
    fitted = fit_mean(encodings, means, rows, prior)
    if fitted is None:
        return by_distance
    by_mean, likelihood = fitted
    is_likelier = likelihood > log_likelihood(by_distance.shares(means), rows)
    return by_mean if is_likelier else by_distance


def fit_distances(
    encodings: Float[np.ndarray, "problems Z"],
    means: Float[np.ndarray, "beliefs Z"],
    rows: Int[np.ndarray, " beliefs"],
    prior: Float[np.ndarray, " problems"] | None = None,
) -> DistancePosterior:
    """Return noise and slope of the highest likelihood: each slope with its best noise."""
    distances = squared_distances(means, encodings)
    unit = max(mean_squared_distance(encodings), 1e-6)

    nearest = distances.min(-1, keepdims=True)
    gaps = nearest - distances
    true_gaps = np.take_along_axis(gaps, rows[:, None], -1)

    def loss(noise: float, slope: float) -> float:
        """Return -log p(k | tau) of the true k, but for their log p(k), which are always there."""
        scale = 2 * noise * (1 + slope * nearest)
        total = _weights(gaps, scale, prior).sum(-1, keepdims=True)
        return float((np.log(total) - true_gaps / scale).mean())

    def best(slope: float) -> tuple[float, float, float]:
        noise, width = unit, 1e3
        while width > 1.02:
            grid = noise * np.geomspace(1 / width, width, 13)
            noise, width = min(grid, key=lambda x: loss(x, slope)), width ** (1 / 6)
        return loss(noise, slope), float(noise), slope

    _, noise, slope = min(best(slope / unit) for slope in SLOPES)
    return DistancePosterior(encodings, noise, slope, prior)


def reliability(
    shares: Float[np.ndarray, "beliefs problems"], rows: Int[np.ndarray, " beliefs"], bins: int = 10
) -> Reliability:
    """Return beliefs in bins of equal width, by the share of the likeliest problem."""
    confidence, right = shares.max(-1), shares.argmax(-1) == rows
    bin_numbers = np.minimum((confidence * bins).astype(int), bins - 1)
    groups = [bin_numbers == number for number in np.unique(bin_numbers)]
    return Reliability(
        np.array([bin.sum() for bin in groups]),
        np.array([confidence[bin].mean() for bin in groups]),
        np.array([right[bin].mean() for bin in groups]),
    )


def _weights(
    gaps: Float[np.ndarray, "*times problems"],
    scale: Float[np.ndarray, "*times 1"],
    prior: Float[np.ndarray, " problems"] | None,
) -> Float[np.ndarray, "*times problems"]:
    """Return what p(k | tau) is in proportion to, by how much further off k is than the nearest."""
    weights = gaps * (1 / scale)  # To divide an array by a column takes twice as long.
    np.exp(weights, out=weights)
    return weights if prior is None else weights * np.maximum(np.asarray(prior, float), 1e-300)


def _exploration_player(family: Family) -> Callable[..., Any]:
    """Return (agent, ids, key) -> beliefs and mask, of explorations as trials begin with."""

    def one(agent, problem_id, key):
        keys = trial_keys(key, 1)
        episode, beliefs = exploration(family, family.problem(problem_id), agent, keys.explore)
        return beliefs.mean, episode.trajectory.mask

    def many(agent, ids, key):
        return jax.vmap(one, (None, 0, 0))(agent, ids, jax.random.split(key, len(ids)))

    return many
