"""Where going on is not worth what it costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.dream.stopping import (
    ContinuationValue,
    continuation_targets,
    stop_length,
)

REWARDS = [0.3, -0.1, 0.4, -0.2]


@pytest.mark.parametrize(
    ("values", "taken", "expected"),
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
def test_what_going_on_is_worth(values, taken, expected):
    steps = (jnp.array(values, float), jnp.array(taken, bool))
    found = continuation_targets(jnp.array(REWARDS), *steps)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "taken", "length"),
    [
        ([1, 1, 1, 1], [1, 1, 1, 1], 4),
        ([1, 1, 0, 1], [1, 1, 1, 1], 2),
        ([0, 1, 1, 1], [1, 1, 1, 1], 0),
        ([1, 1, 1, 1], [1, 1, 1, 0], 3),
    ],
)
def test_the_rule_ends_at_the_first_step_that_is_not_worth_it(values, taken, length):
    assert float(stop_length(jnp.array(values, float), jnp.array(taken, bool))) == length


def test_a_new_rule_goes_on():
    features = jax.random.normal(jax.random.key(0), (50, 8))
    assert (ContinuationValue(jax.random.key(1), 8)(features) > 0).all()
