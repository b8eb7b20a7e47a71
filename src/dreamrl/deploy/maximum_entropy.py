"""The posterior over known problems of which a belief is the mean.

The decoder's squared error is least where g(tau) = E[f(k) | tau], which is a mean of the encodings
of what may still be. Of all posteriors with that mean, the one nearest to the prior, so of most
entropy where that is even (Jaynes 1957), is

    p(k | tau) ~ p(k) exp(l . f(k)),

and as g is that mean but nearly, l is where l . g - log sum_k p(k) exp(l . f(k)) - noise |l|^2 / 2
is highest.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

MOST_PROBLEMS = 2048
"""More take too long: each step weighs the product of any two entries of all encodings."""
NOISES = tuple(float(x) for x in np.geomspace(1e-1, 1e-5, 9))
"""In units of the encodings' mean squared distance to their mean."""
STEPS, HALVINGS, NEAR = 50, 20, 1e-6
"""Newton's steps, halvings of one that goes too far, and the error that is none."""


@dataclasses.dataclass(frozen=True, eq=False)
class MeanPosterior:
    """Shares of the known problems, given a belief that is a mean of their encodings."""

    encodings: Float[np.ndarray, "problems Z"]
    noise: float
    prior: Float[np.ndarray, " problems"] | None = None
    """p(k); None where all are as likely."""

    def shares(self, means: Float[np.ndarray, "*times Z"]) -> Float[np.ndarray, "*times problems"]:
        """Return p(k | tau), with the encodings' order of problems; each row sums to 1."""
        rows = np.asarray(means, float).reshape(-1, self.encodings.shape[1])
        shares, _ = self._dual.solved(rows, self.noise)
        return shares.reshape(*np.shape(means)[:-1], len(self.encodings))

    @functools.cached_property
    def _dual(self) -> "_Dual":
        """Made once: a confidence is asked for after each step of an exploration."""
        return _Dual.of(self.encodings, self.prior)


class _Dual(NamedTuple):
    """The concave function whose highest point is l, for encodings in their own span."""

    centre: Float[np.ndarray, " Z"]
    span: Float[np.ndarray, "Z rank"]
    points: Float[np.ndarray, "problems rank"]
    squares: Float[np.ndarray, "problems rank_rank"]
    """Products of any two entries of each point."""
    log_prior: Float[np.ndarray, " problems"]

    @classmethod
    def of(
        cls,
        encodings: Float[np.ndarray, "problems Z"],
        prior: Float[np.ndarray, " problems"] | None,
    ) -> "_Dual":
        centre = np.asarray(encodings, float).mean(0)
        _, sizes, axes = np.linalg.svd(encodings - centre, full_matrices=False)
        span = axes[sizes > 1e-6 * max(sizes[0], 1e-6)].T
        points = (encodings - centre) @ span
        squares = (points[:, :, None] * points[:, None]).reshape(len(points), -1)
        shares = np.full(len(points), 1.0) if prior is None else np.asarray(prior, float)
        return cls(centre, span, points, squares, np.log(np.maximum(shares, 1e-300)))

    def solved(
        self,
        means: Float[np.ndarray, "beliefs Z"],
        noise: float,
        start: Float[np.ndarray, "beliefs rank"] | None = None,
    ) -> tuple[Float[np.ndarray, "beliefs problems"], Float[np.ndarray, "beliefs rank"]]:
        """Return shares and l of each belief, by Newton's method."""
        targets = (means - self.centre) @ self.span
        tilts = np.zeros_like(targets) if start is None else start
        rank = targets.shape[1]
        values, shares = self._at(tilts, targets, noise)
        for _ in range(STEPS):
            reached = shares @ self.points
            slopes = targets - reached - noise * tilts
            if np.abs(slopes).max(initial=0.0) < NEAR:
                break
            curves = (shares @ self.squares).reshape(-1, rank, rank)
            curves += noise * np.eye(rank) - reached[:, :, None] * reached[:, None]
            moves = np.linalg.solve(curves, slopes[..., None])[..., 0]
            rise = (moves * slopes).sum(1)
            sizes = np.ones(len(tilts))
            for _ in range(HALVINGS):
                tried = tilts + sizes[:, None] * moves
                new, shares = self._at(tried, targets, noise)
                is_higher = new >= values + 1e-4 * sizes * rise - 1e-12
                if is_higher.all():
                    break
                sizes = np.where(is_higher, sizes, sizes / 2)
            tilts, values = tried, new
        return shares, tilts

    def _at(
        self,
        tilts: Float[np.ndarray, "beliefs rank"],
        targets: Float[np.ndarray, "beliefs rank"],
        noise: float,
    ) -> tuple[Float[np.ndarray, " beliefs"], Float[np.ndarray, "beliefs problems"]]:
        """Return the function, and the shares that l leads to."""
        logits = tilts @ self.points.T + self.log_prior
        most = logits.max(-1, keepdims=True)
        weights = np.exp(logits - most)
        total = weights.sum(-1, keepdims=True)
        value = (tilts * targets).sum(-1) - (np.log(total) + most)[:, 0]
        return value - noise * np.square(tilts).sum(-1) / 2, weights / total


def fit_mean(
    encodings: Float[np.ndarray, "problems Z"],
    means: Float[np.ndarray, "beliefs Z"],
    rows: Int[np.ndarray, " beliefs"],
    prior: Float[np.ndarray, " problems"] | None = None,
) -> tuple[MeanPosterior, float] | None:
    """Return the posterior with the noise that makes the true problems, `rows`, likeliest.

    Beside it stands how likely that makes them, as `log_likelihood` has it. None where there are
    too many problems to try, or all have the same encoding.
    """
    unit = mean_squared_distance(encodings)
    if len(encodings) > MOST_PROBLEMS or unit < 1e-6:
        return None
    dual = _Dual.of(encodings, prior)
    means = np.asarray(means, float)
    noise, likeliest, start = unit, -np.inf, None
    # From much noise to little: each l is near the one before, and likelihoods rise and then fall.
    for less in NOISES:
        shares, start = dual.solved(means, less * unit, start)
        likelihood = log_likelihood(shares, rows)
        if likelihood < likeliest:
            break
        noise, likeliest = less * unit, likelihood
    return MeanPosterior(encodings, noise, prior), likeliest


def mean_squared_distance(encodings: Float[np.ndarray, "problems Z"]) -> float:
    """Return the encodings' mean squared distance to their mean: the unit of a noise."""
    return float(np.square(encodings - encodings.mean(0)).sum(-1).mean())


def log_likelihood(
    shares: Float[np.ndarray, "beliefs problems"], rows: Int[np.ndarray, " beliefs"]
) -> float:
    """Return the mean of log p(k | tau) of the true k."""
    true = np.take_along_axis(shares, rows[:, None], -1)
    return float(np.log(np.maximum(true, 1e-300)).mean())
