"""Ramps and rates."""

import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.learners.schedules import adam, ramp


@pytest.mark.parametrize(
    ("progress", "value"), [(0.0, 2.0), (0.2, 2.0), (0.3, 1.5), (0.4, 1.0), (0.6, 0.0), (1.0, 0.0)]
)
def test_a_ramp_is_flat_outside(progress, value):
    found = ramp(jnp.array(progress), start=2.0, end=0.0, begin=0.2, finish=0.6)
    assert float(found) == pytest.approx(value, abs=1e-6)


def test_ramps_may_rise():
    assert float(ramp(jnp.array(0.25), 0.0, 0.5, 0.0, 1.0)) == pytest.approx(0.125)


def test_the_rate_falls_to_its_share():
    """Under a constant gradient, Adam's step is its rate."""
    optimiser = adam(0.1, last_share=0.5, updates=10)
    params = jnp.zeros(())
    state = optimiser.init(params)
    steps = []
    for _ in range(15):
        update, state = optimiser.update(jnp.array(0.5), state)
        steps.append(-float(update))
    expected = 0.1 * np.clip(1 - 0.5 * np.arange(15) / 10, 0.5, 1)
    np.testing.assert_allclose(steps, expected, rtol=1e-3)


def test_huge_gradients_are_cut_to_norm_1():
    optimiser = adam(0.1, 1.0, 10)

    def steps(first):
        state, moved = optimiser.init(jnp.zeros(2)), []
        for gradient in (first, [0.3, -0.1]):
            update, state = optimiser.update(jnp.array(gradient), state)
            moved.append(update)
        return jnp.stack(moved)

    np.testing.assert_allclose(steps([3e6, 4e6]), steps([0.6, 0.8]), rtol=1e-4)
    assert (steps([3e6, 4e6]) != steps([0.3, 0.4])).any()
