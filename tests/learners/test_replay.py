"""The ring of recent items."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.learners import replay


def batch(*values):
    return {"x": jnp.array(values, jnp.float32), "pair": jnp.array([(v, -v) for v in values])}


@pytest.fixture
def ring():
    return replay.empty(jax.tree.map(lambda x: x[0], batch(0)), 6)


def drawn(ring, count=400):
    return replay.sample(ring, jax.random.key(0), count)


def test_only_what_was_added_is_drawn(ring):
    ring = replay.add(ring, batch(7, 8))
    found = drawn(ring)
    assert set(np.asarray(found["x"]).tolist()) == {7, 8}
    np.testing.assert_array_equal(found["pair"][:, 0], found["x"])
    assert found["pair"].dtype == jnp.int32


def test_the_oldest_make_room(ring):
    add = jax.jit(replay.add)
    for first in range(1, 9, 2):
        ring = add(ring, batch(first, first + 1))
    assert int(ring.added) == 8
    np.testing.assert_array_equal(ring.items["x"], [7, 8, 3, 4, 5, 6])
    assert set(np.asarray(drawn(ring)["x"]).tolist()) == {3, 4, 5, 6, 7, 8}


def test_all_that_is_there_is_drawn_evenly(ring):
    ring = replay.add(ring, batch(0, 1, 2))
    counts = np.bincount(np.asarray(drawn(ring, 6000)["x"], int))
    np.testing.assert_allclose(counts / 6000, 1 / 3, atol=0.03)
