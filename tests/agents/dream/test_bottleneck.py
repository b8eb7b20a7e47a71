"""What information costs; and that the dual variable follows the return, in whatever units."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.dream.bottleneck import (
    PAIRED,
    Dual,
    adapt,
    information,
    init_dual,
    lower_bound,
    penalty,
    penalty_weight,
    upper_bound,
)
from dreamrl.agents.dream.settings import Constrained, Fixed, Unlimited

RATE, TOLERANCE, FIRST_DUAL = 0.05, 0.1, 1e-3
BOTTLENECK = Constrained(FIRST_DUAL, FIRST_DUAL, RATE, tolerance=TOLERANCE, begin=0.6)
LEARNED = Dual(*map(jnp.array, (0.5, 0.0, 0.0, 0.0, 1.0, 100.0)))
"""The return has been between 0 and 1."""


def step(dual, episode_return, progress=0.6):
    return adapt(dual, jnp.array(episode_return), BOTTLENECK, jnp.array(progress))


def at(fast, slow):
    """The dual variable after an iteration with these averages, as a multiple of before."""
    dual = LEARNED._replace(fast=jnp.array(fast), slow=jnp.array(slow))
    return float(step(dual, fast).value / dual.value)


def history(returns, progress=0.6):
    """The dual variable after each of these returns."""

    def body(dual, episode_return):
        dual = step(dual, episode_return, progress)
        return dual, dual.value

    return np.asarray(
        jax.lax.scan(body, init_dual(BOTTLENECK), jnp.asarray(returns, jnp.float32))[1]
    )


def test_what_checkpoints_of_before_began_with_comes_to_the_same_bits():
    first, infinity = init_dual(BOTTLENECK), jnp.array(jnp.inf)
    assert all(np.isfinite(leaf) for leaf in first)
    old, new = first._replace(worst=infinity, best=-infinity), first
    for episode_return in (0.3, -2.0, 1.5, 1.5):
        old, new = step(old, episode_return), step(new, episode_return)
        assert [x.tobytes() for x in map(np.asarray, old)] == [
            x.tobytes() for x in map(np.asarray, new)
        ]


LEARNS = np.concatenate([np.linspace(0, 1, 100), np.ones(300)])


@pytest.mark.parametrize(
    ("fast", "slow", "change"),
    [
        (1.0, 1.0, RATE),
        (0.95, 0.95, RATE),
        # Still improving,
        (1.0, 0.9, 0.0),
        # neither at its best nor suffering,
        (0.85, 0.85, 0.0),
        # suffering.
        (0.75, 0.75, -5 * RATE),
        (0.0, 0.9, -5 * RATE),
    ],
)
def test_one_step(fast, slow, change):
    assert at(fast, slow) == pytest.approx(np.exp(change), rel=1e-5)


def test_it_waits_until_the_return_has_stopped_improving():
    values = history(LEARNS)
    assert (values[1:100] == values[0]).all()
    assert values[-1] > 10 * values[100]


def test_it_waits_while_the_policy_is_kept_random():
    assert (history(LEARNS, progress=0.59) == np.float32(FIRST_DUAL)).all()


def test_it_gives_way_when_the_return_suffers():
    values = history(np.concatenate([LEARNS, np.full(60, 0.5)]))
    assert values[-1] < values[399] / 10
    assert values.min() >= np.float32(FIRST_DUAL)


def test_units_do_not_matter():
    rng = np.random.default_rng(0)
    noise = 0.03 * rng.normal(size=500)
    returns = np.concatenate([LEARNS, np.full(100, 0.6)]) + noise
    values = history(returns)
    assert len(np.unique(values)) > 50
    np.testing.assert_allclose(history(1000 * returns), values, rtol=1e-3)
    np.testing.assert_allclose(history(0.01 * returns), values, rtol=1e-3)


def test_it_may_fall_below_where_it_began():
    kind = Constrained(FIRST_DUAL, FIRST_DUAL / 10, RATE, tolerance=TOLERANCE, begin=0.6)
    dual = LEARNED._replace(value=jnp.array(FIRST_DUAL), fast=jnp.array(0.0))
    for _ in range(50):
        dual = adapt(dual, jnp.array(0.0), kind, jnp.array(1.0))
    assert float(dual.value) == pytest.approx(FIRST_DUAL / 10)


@pytest.mark.parametrize(
    ("bottleneck", "weight"),
    [(Constrained(first_dual=0.2), 0.2), (Fixed(weight=2.0), 2.0), (Unlimited(), 0.0)],
    ids=lambda x: getattr(x, "name", None),
)
def test_lambda_grows_in(bottleneck, weight):
    dual = init_dual(bottleneck)
    found = [float(penalty_weight(bottleneck, dual, jnp.array(p))) for p in (0.1, 0.275, 0.5)]
    assert found == pytest.approx([0.0, weight / 2, weight])
    # Only a constraint has anything to adapt.
    after = adapt(dual, jnp.array(0.5), bottleneck, jnp.array(1.0))
    assert (float(after.seen) == 1) == isinstance(bottleneck, Constrained)


RHO = 0.1


def true_information(means, draws=4000):
    """I(z; mu) in nats, from draws of z."""
    rng = np.random.default_rng(0)
    z = means[:, None] + RHO * rng.standard_normal((len(means), draws, means.shape[1]))
    likely = -np.square(z[:, :, None] - means).sum(-1) / (2 * RHO**2)
    own = likely[np.arange(len(means)), :, np.arange(len(means))]
    return float((own - np.logaddexp.reduce(likely, axis=-1) + np.log(len(means))).mean())


def on_a_line(distance, count=8):
    return np.linspace(0, (count - 1) * distance, count)[:, None] * np.array([1.0, 0.0, 0.0])


def test_it_is_nothing_where_nothing_is_told():
    assert float(information(jnp.ones((8, 3)), RHO)) == pytest.approx(0, abs=1e-5)
    assert float(information(jnp.ones((1, 3)), RHO)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 0.1, 10.0])
def test_the_upper_bound_is_a_determinant(scale):
    means = scale * np.random.default_rng(0).normal(size=(40, 6))
    covariance = np.eye(6) + np.cov(means.T, bias=True) / RHO**2
    found = upper_bound(jnp.asarray(means, jnp.float32), RHO)
    assert found == pytest.approx(np.linalg.slogdet(covariance)[1] / 2, rel=1e-4, abs=1e-6)
    gradient = jax.grad(lambda x: upper_bound(x, RHO))(jnp.asarray(means, jnp.float32))
    centred = means - means.mean(0)
    exact = centred @ np.linalg.inv(covariance) / (len(means) * RHO**2)
    np.testing.assert_allclose(gradient, exact, rtol=1e-3, atol=1e-4 * np.abs(exact).max())


@pytest.mark.parametrize("distance", [0.01, 0.05, 0.1, 0.2, 0.5])
def test_it_is_near_what_z_tells(distance):
    means = on_a_line(distance)
    assert float(information(jnp.asarray(means), RHO)) == pytest.approx(
        true_information(means), rel=0.35, abs=0.01
    )
    assert lower_bound(jnp.asarray(means), RHO) <= true_information(means) + 0.01
    assert upper_bound(jnp.asarray(means), RHO) >= true_information(means) - 0.01
    # The norm bounds it, too, from far above.
    norm = float(penalty(jnp.asarray(means), Fixed(bound="norm"), RHO)) / RHO**2
    assert norm > true_information(means)


def test_it_does_not_depend_on_where_z_lies_or_how_it_is_turned():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(8, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned = information(jnp.asarray(means @ turn + 2.0), RHO)
    np.testing.assert_allclose(turned, information(jnp.asarray(means), RHO), rtol=1e-4)


def test_its_gradient_spares_what_is_told_apart_well():
    """Four classes far apart, each of two problems that z hardly tells apart."""
    classes = np.repeat(np.eye(4)[:, :3] * 2.0, 2, axis=0)
    apart = 0.15 * np.tile([[0.0, 0.0, 0.5], [0.0, 0.0, -0.5]], (4, 1))
    gradient = np.asarray(jax.grad(information)(jnp.asarray(classes + apart), RHO))
    within = (gradient[::2] - gradient[1::2])[:, 2] / 2
    between = (gradient[::2] + gradient[1::2]) / 2
    # How fast a distance shrinks, as a share of it.
    shrinks = within / apart[::2, 2]
    shrink = (between * (classes - classes.mean(0))[::2]).sum() / np.square(
        (classes - classes.mean(0))[::2]
    ).sum()
    assert (shrinks > 20 * shrink).all()
    assert shrink > 0


@pytest.mark.parametrize(
    ("bottleneck", "cost"),
    [
        (Fixed(bound="norm"), 6.5),
        (Fixed(bound="norm", free=10.0), 3.75),
        (Unlimited(), 0.0),
    ],
)
def test_what_the_norm_costs(bottleneck, cost):
    means = jnp.array([[3.0, 4.0], [0.0, 1.0]])
    assert float(penalty(means, bottleneck, RHO)) == pytest.approx(cost)


def test_some_information_may_be_free():
    means = jnp.asarray(on_a_line(0.2))
    whole = float(penalty(means, Fixed(), RHO))
    assert whole == pytest.approx(float(information(means, RHO)))
    assert float(penalty(means, Fixed(free=1.0), RHO)) == pytest.approx(whole - 1, rel=1e-5)
    assert float(penalty(means, Fixed(free=100.0), RHO)) == 0


def test_wide_batches_do_not_pair_all_their_problems():
    means = jax.random.normal(jax.random.key(0), (4 * PAIRED, 2)) / 4
    few, all_ = lower_bound(means[:PAIRED], RHO), lower_bound(means, RHO)
    np.testing.assert_array_equal(all_, few)
    traced = jax.make_jaxpr(lambda means: lower_bound(means, RHO))(means)
    assert f"f32[{PAIRED},{PAIRED}]" in str(traced)
    assert f"f32[{len(means)},{len(means)}]" not in str(traced)
