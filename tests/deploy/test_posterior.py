"""Where the posterior says 80 %, it is right in 80 % of the cases."""

import numpy as np
import pytest

from dreamrl.deploy.posterior import DistancePosterior, calibrate, fit, known_beliefs, reliability


def test_shares_of_two_problems_by_hand():
    posterior = DistancePosterior(np.array([[0.0], [2.0]]), noise=0.5, slope=0.0)
    # Squared distances 0 and 4: the odds are exp(4 / (2 * 0.5)).
    likely = 1 / (1 + np.exp(-4))
    np.testing.assert_allclose(posterior.shares(np.array([0.0])), [likely, 1 - likely])
    np.testing.assert_allclose(posterior.shares(np.array([[1.0], [7.0]]))[0], 0.5)


def test_a_belief_far_from_all_problems_tells_less():
    sure = DistancePosterior(np.array([[0.0, 0.0], [2.0, 0.0]]), noise=0.5, slope=0.0)
    wary = sure._replace(slope=1.0)
    near, far = np.array([0.0, 0.0]), np.array([0.0, 3.0])
    np.testing.assert_allclose(sure.shares(near), wary.shares(near))
    np.testing.assert_allclose(sure.shares(near), sure.shares(far), rtol=1e-6)
    # Nearest squared distance 9, so sigma squared is 0.5 (1 + 9).
    assert wary.shares(far)[0] == pytest.approx(1 / (1 + np.exp(-4 / 10)))


def test_the_noise_that_beliefs_were_made_with_is_found():
    rng = np.random.default_rng(0)
    encodings = rng.normal(size=(12, 5))
    rows = rng.integers(12, size=4000)
    means = encodings[rows] + 0.6 * rng.normal(size=(4000, 5))
    found = fit(encodings, means[:2000], rows[:2000])
    # They are no means of encodings, and one encoding and noise they are.
    assert isinstance(found, DistancePosterior)
    # As sigma^2 = 0.36 wherever the belief is.
    nearest = np.square(means[:, None] - encodings).sum(-1).min(-1)
    np.testing.assert_allclose(
        np.median(found.noise * (1 + found.slope * nearest)), 0.36, rtol=0.15
    )
    assert reliability(found.shares(means[2000:]), rows[2000:]).error < 0.03


def test_problems_that_are_all_alike_are_equally_likely():
    same = np.ones((5, 3))
    found = fit(same, np.zeros((10, 3)), np.arange(10) % 5)
    np.testing.assert_allclose(found.shares(np.zeros(3)), 0.2)


def test_calibration_error_by_hand():
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.45, 0.55]])
    found = reliability(shares, np.array([0, 1, 1, 1]))
    # 0.6 and 0.55 are right, the two of 0.9 are right once.
    assert found.counts.tolist() == [1, 1, 2]
    np.testing.assert_allclose(found.accuracy, [1, 1, 0.5])
    np.testing.assert_allclose(found.error, (0.45 + 0.4 + 2 * 0.4) / 4)


@pytest.mark.learns
def test_confidence_is_calibrated_on_fresh_explorations(rumour):
    posterior = calibrate(rumour.family, rumour.agent, rumour.encodings, seed=0)
    means, rows = known_beliefs(rumour.family, rumour.agent, seed=1, number=1024)
    found = reliability(posterior.shares(means), rows)
    assert found.error < 0.08
    often = found.counts > 200
    assert often.sum() >= 4, "beliefs from unsure to sure"
    assert np.abs(found.confidence - found.accuracy)[often].max() < 0.15
    # With rho alone the same beliefs are far too sure of themselves.
    by_rho = DistancePosterior(rumour.encodings, rumour.rho**2, 0.0, posterior.prior)
    naive = reliability(by_rho.shares(means), rows)
    assert naive.error > 0.15
