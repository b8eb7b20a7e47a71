"""The dual variable waits, rises and falls with the return, in whatever units that comes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.dream.bottleneck import Dual, adapt, free_part, init_dual, penalty_weight
from dreamrl.agents.dream.settings import Constrained, Fixed, Unlimited

RATE, TOLERANCE, FIRST_DUAL = 0.05, 0.1, 1e-3
BOTTLENECK = Constrained(FIRST_DUAL, RATE, tolerance=TOLERANCE, begin=0.6)
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


@pytest.mark.parametrize(
    ("bottleneck", "weight", "free"),
    [
        (Constrained(first_dual=0.2, free=3.0), 0.2, 3.0),
        (Fixed(weight=2.0, free=10.0), 2.0, 10.0),
        (Unlimited(), 0.0, 0.0),
    ],
    ids=lambda x: getattr(x, "name", None),
)
def test_what_information_costs(bottleneck, weight, free):
    dual = init_dual(bottleneck)
    assert float(penalty_weight(bottleneck, dual)) == pytest.approx(weight)
    assert free_part(bottleneck) == free
    # Only a constraint has anything to adapt.
    after = adapt(dual, jnp.array(0.5), bottleneck, jnp.array(1.0))
    assert (float(after.seen) == 1) == isinstance(bottleneck, Constrained)
