"""Evidence of a few seeds on a method: the statistics of Agarwal et al. (NeurIPS 2021).

Scores are arrays [seeds, families]. Intervals are percentile bootstraps, stratified by family:
each family's seeds are drawn anew from that family's own. From fewer than 5 seeds a bootstrap is
too sure: there, means have Student's t, and probabilities Newcombe's interval of the area under a
curve (Statistics in Medicine 2006), as they have from any number of seeds that a bootstrap finds no
spread in. From one seed, and for means from fewer than 5 that agree exactly, there is no interval:
they do not say how much others differ.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dreamrl.evaluation import FEW, t_margin

Scores = Float[np.ndarray, "seeds families"]

RESAMPLES, LEVEL = 10_000, 0.95


class Interval(NamedTuple):
    """An estimate with its 95 % interval."""

    estimate: float
    low: float | None
    high: float | None
    """Both None where seeds are one, or few that agree exactly."""


def iqm(scores: Scores) -> float:
    """Return the interquartile mean: that without the lowest and the highest quarter.

    A quarter of n scores is ⌊n / 4⌋ of them, so that nothing is cut from fewer than 4.
    """
    return float(_iqm(scores[None])[0])


def probability_of_improvement(x: Scores, y: Float[np.ndarray, "others families"]) -> float:
    """Return P(X > Y) of a seed of each, a tie counting half; the mean over families."""
    return float(_improvement(x[None], y[None])[0])


def iqm_interval(scores: Scores, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the interquartile mean, with its interval; the same seed gives the same interval."""
    return _welch_interval(iqm(scores), [scores]) or _interval(
        iqm(scores), _iqm, [scores], resamples, seed
    )


def improvement_interval(
    x: Scores,
    y: Float[np.ndarray, "others families"],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return P(X > Y) with its interval, for which the seeds of X and of Y are drawn independently.

    None where X or Y is one seed.
    """
    fewest = min(len(x), len(y))
    if fewest < 2:
        return None
    estimate = probability_of_improvement(x, y)
    if fewest < FEW:
        return _newcombe(estimate, len(x), len(y), x.shape[1])
    bounds = _interval(estimate, _improvement, [x, y], resamples, seed)
    return bounds if bounds.low != bounds.high else _newcombe(estimate, len(x), len(y), x.shape[1])


def gap_interval(
    x: Scores,
    y: Float[np.ndarray, "others families"],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return by how much the interquartile mean of X lies above that of Y; seeds drawn apart."""
    estimate = iqm(x) - iqm(y)
    few = _welch_interval(estimate, [x, y])
    return few or _interval(estimate, lambda x, y: _iqm(x) - _iqm(y), [x, y], resamples, seed)


def _welch_interval(estimate: float, samples: list[np.ndarray]) -> Interval | None:
    """Return Student's t by Welch, for sums of means; None where seeds are many.

    No interval where there is no variance at all, and a t of zero width would be certainty.
    """
    fewest = min(map(len, samples))
    if fewest >= FEW:
        return None
    # Not by their variance, which rounding may leave above 0.
    if fewest < 2 or all((sample == sample[0]).all() for sample in samples):
        return Interval(estimate, None, None)
    families = samples[0].shape[1]
    parts = [sample.var(0, ddof=1) / len(sample) / families**2 for sample in samples]
    variance = sum(float(part.sum()) for part in parts)
    pairs = zip(parts, samples, strict=True)
    freedom = variance**2 / sum(
        float(np.square(part).sum()) / (len(sample) - 1) for part, sample in pairs
    )
    margin = t_margin(variance**0.5, freedom)
    return Interval(estimate, estimate - margin, estimate + margin)


def _newcombe(estimate: float, seeds: int, others: int, families: int) -> Interval:
    """Return the probabilities from which the estimate is no further than 1.96 standard errors."""
    p = np.linspace(0.0, 1.0, 10_001)
    half = (seeds + others) / 2 - 1
    spread = 1 + half * ((1 - p) / (2 - p) + p / (1 + p))
    error = np.sqrt(p * (1 - p) * spread / (seeds * others * families))
    near = p[np.abs(p - estimate) <= 1.96 * error + 1e-9]
    return Interval(estimate, float(near.min()), float(near.max()))


def _iqm(scores: Float[np.ndarray, "draws seeds families"]) -> Float[np.ndarray, " draws"]:
    flat = np.sort(scores.reshape(len(scores), -1), axis=1)
    cut = flat.shape[1] // 4
    return flat[:, cut : flat.shape[1] - cut].mean(1)


def _improvement(
    x: Float[np.ndarray, "draws seeds families"], y: Float[np.ndarray, "draws others families"]
) -> Float[np.ndarray, " draws"]:
    # [draws, seeds, others, families]
    difference = x[:, :, None] - y[:, None, :]
    return ((np.sign(difference) + 1) / 2).mean((1, 2, 3))


def _interval(
    estimate: float,
    statistic: Callable[..., np.ndarray],
    samples: list[np.ndarray],
    resamples: int,
    seed: int,
) -> Interval:
    rng = np.random.default_rng(seed)
    draws = []
    for sample in samples:
        rows = rng.integers(len(sample), size=(resamples, *sample.shape))
        draws.append(np.take_along_axis(sample[None], rows, axis=1))
    tails = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    low, high = np.quantile(statistic(*draws), tails)
    return Interval(estimate, float(low), float(high))
