"""The statistics agree with rliable, which the field reports them with."""

import warnings

import numpy as np
import pytest
from scipy import stats

from dreamrl.comparison.statistics import (
    gap_interval,
    improvement_interval,
    iqm,
    iqm_interval,
    probability_of_improvement,
)

SHAPES = [(3, 1), (5, 1), (5, 4), (10, 3)]


@pytest.fixture(scope="module")
def rliable():
    with warnings.catch_warnings():
        # Of what will change in the libraries that it uses.
        warnings.simplefilter("ignore")
        from rliable import library, metrics
    return library, metrics


def scores(shape, seed, shift=0.0):
    """Scores with ties, as returns have them."""
    return np.random.default_rng(seed).normal(shift, 0.3, shape).round(1)


@pytest.mark.parametrize("shape", SHAPES)
def test_estimates_are_those_of_rliable(rliable, shape):
    x, y = scores(shape, 1), scores((4, shape[1]), 2, 0.2)
    metrics = rliable[1]
    assert iqm(x) == pytest.approx(metrics.aggregate_iqm(x), abs=1e-12)
    expected = metrics.probability_of_improvement(x, y)
    assert probability_of_improvement(x, y) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(8, 1), (5, 4)])
def test_intervals_are_those_of_rliable(rliable, shape):
    library, metrics = rliable
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=shape), rng.normal(0.5, size=shape)
    np.random.seed(0)  # noqa: NPY002 - rliable draws from the global generator
    both = library.get_interval_estimates(
        {"x": x}, lambda s: np.array([metrics.aggregate_iqm(s)]), reps=3000
    )[1]["x"][:, 0]
    assert iqm_interval(x)[1:] == pytest.approx(both, abs=0.05)
    both = library.get_interval_estimates(
        {"xy": (x, y)}, lambda x, y: np.array([metrics.probability_of_improvement(x, y)]), reps=500
    )[1]["xy"][:, 0]
    assert improvement_interval(x, y)[1:] == pytest.approx(both, abs=0.05)


def test_by_hand():
    five = np.array([[0.0], [1.0], [2.0], [4.0], [90.0]])
    assert iqm(five) == pytest.approx(7 / 3)
    assert iqm(five[:3]) == 1.0
    # Against 1: one below, one equal, three above.
    assert probability_of_improvement(five, np.array([[1.0]])) == pytest.approx(3.5 / 5)
    assert probability_of_improvement(five, five) == 0.5


def test_intervals_are_repeatable_and_hold_the_estimate():
    x = scores((5, 2), 5)
    first = iqm_interval(x)
    assert first == iqm_interval(x)
    assert first.low <= first.estimate <= first.high
    assert first.low < first.high
    one = iqm_interval(np.full((5, 2), 0.8))
    assert one == pytest.approx((0.8, 0.8, 0.8))


def test_a_gap_is_as_uncertain_as_both_sides_are():
    x, y = scores((5, 2), 5), scores((6, 2), 6, -0.5)
    gap, of_x, of_y = gap_interval(x, y), iqm_interval(x), iqm_interval(y)
    assert gap.estimate == pytest.approx(of_x.estimate - of_y.estimate)
    assert of_x.low - of_y.high <= gap.low < gap.estimate < gap.high <= of_x.high - of_y.low
    # Against scores that all agree only X's own seeds matter.
    assert gap_interval(x, np.full((5, 2), 0.25)) == pytest.approx([v - 0.25 for v in of_x])


def test_one_seed_has_no_interval():
    one, many = np.array([[3.2]]), scores((6, 1), 5)
    assert iqm_interval(one) == (3.2, None, None)
    for x, y in ((one, many), (many, one), (one, one)):
        assert gap_interval(x, y) == (pytest.approx(iqm(x) - iqm(y)), None, None)
        assert improvement_interval(x, y) is None


def test_few_seeds_have_students_interval():
    two = np.array([[1.0], [2.8]])
    # t of one degree of freedom is 12.706; the standard error is 0.9.
    assert iqm_interval(two) == pytest.approx((1.9, 1.9 - 11.4356, 1.9 + 11.4356), abs=1e-3)
    # Welch: variances 0.81 and 0.27 / 4 of 1 and 3 degrees make 1.17 of both.
    four = np.array([[0.1], [0.4], [1.0], [1.3]])
    variances = np.array([two.var(ddof=1) / 2, four.var(ddof=1) / 4])
    freedom = variances.sum() ** 2 / (variances**2 / [1, 3]).sum()
    margin = stats.t.ppf(0.975, freedom) * variances.sum() ** 0.5
    assert gap_interval(two, four) == pytest.approx((1.2, 1.2 - margin, 1.2 + margin))
    expected = stats.ttest_ind(two[:, 0], four[:, 0], equal_var=False).confidence_interval()
    assert gap_interval(two, four)[1:] == pytest.approx(tuple(expected))


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_few_seeds_are_seldom_surer_than_they_may_be(seeds):
    """Of many samples with a mean of 0, about one in twenty has an interval without it."""
    drawn = np.random.default_rng(0).normal(size=(2000, seeds, 1))
    found = np.array([iqm_interval(each)[1:] for each in drawn])
    missed = ((found[:, 0] > 0) | (found[:, 1] < 0)).mean()
    assert missed < 0.07


def test_probabilities_of_few_seeds_are_not_certain():
    below, above = np.zeros((2, 1)), np.ones((2, 1))
    sure = improvement_interval(above, below)
    assert (sure.estimate, sure.high) == (1.0, 1.0)
    assert 0.2 < sure.low < 0.5
    assert improvement_interval(below, above) == pytest.approx((0, 0, 1 - sure.low), abs=1e-3)
    more = improvement_interval(np.ones((4, 1)), np.zeros((4, 1)))
    assert sure.low < more.low < 1
    even = improvement_interval(scores((3, 2), 1), scores((3, 2), 1))
    assert even.low < even.estimate < even.high


def test_strata_are_kept_apart():
    # All seeds of a family agree: whatever is drawn within it, nothing changes.
    apart = np.array([[0.0, 10.0]] * 5)
    assert iqm_interval(apart) == pytest.approx((5.0, 5.0, 5.0))


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_few_seeds_that_agree_are_certain_of_nothing(seeds):
    # Three times 0.1 has a mean that is not 0.1, and so a variance.
    same, other = np.full((seeds, 2), 0.1), np.full((seeds, 2), 0.3)
    assert iqm_interval(same) == (pytest.approx(0.1), None, None)
    assert gap_interval(other, same) == (pytest.approx(0.2), None, None)
    for x, y in ((other, same), (same, same)):
        found = improvement_interval(x, y)
        assert found.high - found.low > 0.2


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_a_probability_is_never_certain(seeds, shift):
    """Where all seeds of one are above all of the other a bootstrap sees nothing else."""
    x = np.random.default_rng(0).uniform(size=(seeds, 1))
    found = improvement_interval(x + shift, x)
    assert found.estimate == (shift > 0)
    assert 0.1 < found.high - found.low < 0.5
