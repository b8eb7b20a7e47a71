"""Advantages against sums done by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.learners.returns import generalised_advantages

REWARDS = [1.0, 0.0, 2.0]
VALUES = [0.5, 1.0, 0.0]
DISCOUNT, LAMBDA = 0.5, 0.5
CASES = {
    # deltas: 1 + 0.5 * 1 - 0.5 = 1; 0 + 0.5 * 0 - 1 = -1; 2 + 0.5 * 4 - 0 = 4, or 2 if terminated
    "goes on behind the horizon": (4.0, [0, 0, 0], [1, 1, 1], [1.0, 0.0, 4.0]),
    "terminates at the horizon": (4.0, [0, 0, 1], [1, 1, 1], [0.875, -0.5, 2.0]),
    # deltas: 1, and 0 + 0.5 * 4 - 1 = 1, or -1 if terminated
    "is truncated early": (4.0, [0, 0, 0], [1, 1, 0], [1.25, 1.0, 0.0]),
    "terminates early": (4.0, [0, 1, 0], [1, 1, 0], [0.75, -1.0, 0.0]),
    "has no step": (4.0, [0, 0, 0], [0, 0, 0], [0.0, 0.0, 0.0]),
}


def advantages(last_value, terminated, mask):
    return generalised_advantages(
        jnp.array(REWARDS),
        jnp.array(VALUES),
        jnp.array(last_value),
        jnp.array(terminated, bool),
        jnp.array(mask, bool),
        DISCOUNT,
        LAMBDA,
    )


@pytest.mark.parametrize("case", CASES)
def test_an_episode_that(case):
    last_value, terminated, mask, expected = CASES[case]
    np.testing.assert_allclose(advantages(last_value, terminated, mask), expected, atol=1e-6)


def test_episodes_side_by_side_compiled():
    last_value, terminated, mask, expected = zip(*CASES.values(), strict=True)
    wide = jax.jit(jax.vmap(advantages))(*map(jnp.array, (last_value, terminated, mask)))
    np.testing.assert_allclose(wide, expected, atol=1e-6)


def test_all_rewards_to_come_count_where_nothing_is_discounted():
    rewards = jnp.array([0.25, -1.0, 3.0, 0.5])
    flags = jnp.zeros(4, bool)
    found = generalised_advantages(rewards, jnp.zeros(4), jnp.array(2.0), flags, ~flags, 1.0, 1.0)
    np.testing.assert_allclose(found, [4.75, 4.5, 5.5, 2.5])


def test_what_stands_behind_the_end_does_not_matter():
    mask = jnp.array([1, 1, 0], bool)
    ends = jnp.array([0, 1, 0], bool)

    def found(reward, value):
        rewards, values = jnp.array([1.0, 2.0, reward]), jnp.array([0.5, 1.0, value])
        return generalised_advantages(rewards, values, jnp.array(9.0), ends, mask, 0.9, 0.8)

    np.testing.assert_array_equal(found(0.0, 0.0), found(100.0, -7.0))
