"""A belief that is a mean of encodings says how likely each problem is."""

import numpy as np
import pytest

from dreamrl.deploy import maximum_entropy
from dreamrl.deploy.maximum_entropy import MeanPosterior, fit_mean
from dreamrl.deploy.posterior import fit, fit_distances

RNG = np.random.default_rng(0)
ENCODINGS = RNG.normal(size=(6, 8))
PRIOR = np.array([0.3, 0.25, 0.2, 0.15, 0.07, 0.03])


def test_shares_of_encodings_far_enough_apart_are_those_of_the_mean():
    shares = RNG.dirichlet(np.ones(6), size=(4, 5))
    found = MeanPosterior(ENCODINGS, 1e-6, PRIOR).shares(shares @ ENCODINGS)
    np.testing.assert_allclose(found, shares, atol=1e-3)
    one = MeanPosterior(ENCODINGS, 1e-6).shares(shares[0, 0] @ ENCODINGS)
    np.testing.assert_allclose(one, shares[0, 0], atol=1e-3)


def test_what_a_mean_leaves_open_is_as_likely_as_before():
    # The first two problems are one to the encoder.
    encodings = np.concatenate([ENCODINGS[:1], ENCODINGS[:-1]])
    found = MeanPosterior(encodings, 1e-6, PRIOR).shares(0.4 * encodings[0] + 0.6 * encodings[4])
    np.testing.assert_allclose(found[:2], 0.4 * PRIOR[:2] / PRIOR[:2].sum(), atol=1e-3)
    np.testing.assert_allclose(found[4], 0.6, atol=1e-3)
    # The mean of all, by the prior, says nothing.
    nothing = MeanPosterior(encodings, 1e-2, PRIOR).shares(PRIOR @ encodings)
    np.testing.assert_allclose(nothing, PRIOR, atol=1e-6)


def test_beliefs_that_are_means_are_read_as_such():
    shares = RNG.dirichlet(np.full(6, 0.5), size=2000)
    rows = np.array([RNG.choice(6, p=row) for row in shares])
    means = shares @ ENCODINGS + 0.02 * RNG.normal(size=(2000, 8))
    found = fit(ENCODINGS, means, rows)
    assert isinstance(found, MeanPosterior)

    def divergence(posterior):
        ratio = np.log(np.maximum(shares, 1e-9)) - np.log(posterior.shares(means))
        return (shares * ratio).sum(-1).mean()

    assert divergence(found) < 0.03
    assert divergence(fit_distances(ENCODINGS, means, rows)) > 0.1


@pytest.mark.parametrize("noise", [1e-5, 1e-1])
def test_shares_sum_to_one_wherever_the_belief_is(noise):
    far = 100 * RNG.normal(size=(50, 8))
    found = MeanPosterior(ENCODINGS, noise, PRIOR).shares(far)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(-1), 1)


def test_problems_all_alike_and_too_many_are_not_read_by_their_mean(monkeypatch):
    assert fit_mean(np.ones((5, 3)), np.zeros((10, 3)), np.arange(10) % 5) is None
    monkeypatch.setattr(maximum_entropy, "MOST_PROBLEMS", 5)
    assert fit_mean(ENCODINGS, np.zeros((10, 8)), np.arange(10) % 6) is None
