"""What a few seeds say of a method: the statistics of Agarwal et al. (NeurIPS 2021).

Scores are arrays [seeds, families]. Intervals are percentile bootstraps, stratified by family:
each family's seeds are drawn anew from that family's own.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Scores = Float[np.ndarray, "seeds families"]

RESAMPLES, LEVEL = 10_000, 0.95


class Interval(NamedTuple):
    """An estimate with its 95 % interval."""

    estimate: float
    low: float
    high: float


def iqm(scores: Scores) -> float:
    """Interquartile mean: the mean of what is left without the lowest and the highest quarter.

    A quarter of n scores is ⌊n / 4⌋ of them, so that nothing is cut from fewer than 4.
    """
    return float(_iqm(scores[None])[0])


def probability_of_improvement(x: Scores, y: Float[np.ndarray, "others families"]) -> float:
    """P(X > Y) of a seed of each, a tie counting half; the mean over families."""
    return float(_improvement(x[None], y[None])[0])


def iqm_interval(scores: Scores, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The interquartile mean, with its interval; the same seed gives the same interval."""
    return _interval(iqm(scores), _iqm, [scores], resamples, seed)


def improvement_interval(
    x: Scores,
    y: Float[np.ndarray, "others families"],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """P(X > Y) with its interval, for which the seeds of X and of Y are drawn independently."""
    estimate = probability_of_improvement(x, y)
    return _interval(estimate, _improvement, [x, y], resamples, seed)


def gap_interval(
    x: Scores,
    y: Float[np.ndarray, "others families"],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """By how much the interquartile mean of X lies above that of Y; seeds drawn independently."""
    return _interval(iqm(x) - iqm(y), lambda x, y: _iqm(x) - _iqm(y), [x, y], resamples, seed)


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
    drawn = []
    for sample in samples:
        rows = rng.integers(len(sample), size=(resamples, *sample.shape))
        drawn.append(np.take_along_axis(sample[None], rows, axis=1))
    tails = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    low, high = np.quantile(statistic(*drawn), tails)
    return Interval(estimate, float(low), float(high))
