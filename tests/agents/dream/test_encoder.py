"""One mean a training problem, and none for any other."""

import jax
import jax.numpy as jnp
import numpy as np
from dreamrl.agents.dream.encoder import Table, information

from dreamrl.types import ProblemID


def test_problems_find_their_means_whatever_their_order():
    encoder = Table(jax.random.key(0), (22, 0, 11), 5)
    found = encoder(ProblemID(jnp.array([0, 22, 11, 0])))
    np.testing.assert_array_equal(found, encoder.means[jnp.array([0, 2, 1, 0])])
    np.testing.assert_array_equal(encoder(ProblemID(jnp.array(11))), encoder.means[1])


def test_unknown_problems_have_no_mean():
    encoder = Table(jax.random.key(0), (22, 0, 11), 5)
    for unknown in (-1, 1, 12, 23):
        assert np.isnan(encoder(ProblemID(jnp.array(unknown)))).all()


def test_the_information_is_half_the_squared_norm():
    found = information(jnp.array([[3.0, 4.0], [0.0, 1.0]]))
    np.testing.assert_allclose(found, [12.5, 0.5])
