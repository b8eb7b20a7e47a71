"""Where going on is not worth what it costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.dream.stopping import StopRule, going_on, stop_length

REWARDS = [0.3, -0.1, 0.4, -0.2]


@pytest.mark.parametrize(
    ("worth", "taken", "expected"),
    [
        ([1, 1, 1, 1], [1, 1, 1, 1], [0.4, 0.1, 0.2, -0.2]),
        # Who stops before the last step spares its cost,
        ([1, 1, 1, 0], [1, 1, 1, 1], [0.6, 0.3, 0.4, -0.2]),
        # and who stops before the third forgoes its gain.
        ([1, 1, 0, 1], [1, 1, 1, 1], [0.2, -0.1, 0.2, -0.2]),
        ([0, 0, 0, 0], [1, 1, 1, 1], REWARDS),
        ([1, 1, 1, 1], [1, 1, 0, 0], [0.2, -0.1, 0.0, 0.0]),
        ([1, 1, 1, 1], [0, 0, 0, 0], [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_what_going_on_is_worth(worth, taken, expected):
    found = going_on(jnp.array(REWARDS), jnp.array(worth, float), jnp.array(taken, bool))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("worth", "taken", "length"),
    [
        ([1, 1, 1, 1], [1, 1, 1, 1], 4),
        ([1, 1, 0, 1], [1, 1, 1, 1], 2),
        ([0, 1, 1, 1], [1, 1, 1, 1], 0),
        ([1, 1, 1, 1], [1, 1, 1, 0], 3),
    ],
)
def test_the_rule_ends_at_the_first_step_that_is_not_worth_it(worth, taken, length):
    assert float(stop_length(jnp.array(worth, float), jnp.array(taken, bool))) == length


def test_a_new_rule_goes_on():
    memories = jax.random.normal(jax.random.key(0), (50, 8))
    assert (StopRule(jax.random.key(1), 8)(memories) > 0).all()
