"""One mean a training problem and none for any other, or one made of its description."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.errors import UserError
from dreamrl.families.bandit import Bandit
from dreamrl.families.point_robot import PointRobot
from dreamrl.networks.encoder import (
    EmbeddingEncoder,
    MLPEncoder,
    bottleneck_penalty,
    make_encoder,
)
from dreamrl.types import ProblemID


def test_problems_find_their_means_whatever_their_order():
    encoder = EmbeddingEncoder(jax.random.key(0), (22, 0, 11), 5)
    found = encoder(ProblemID(jnp.array([0, 22, 11, 0])))
    np.testing.assert_array_equal(found, encoder.means[jnp.array([0, 2, 1, 0])])
    np.testing.assert_array_equal(encoder(ProblemID(jnp.array(11))), encoder.means[1])


@pytest.mark.parametrize("unknown", [-1, 1, 12, 23])
def test_a_problem_that_was_not_trained_on_has_no_z(unknown):
    encoder = EmbeddingEncoder(jax.random.key(0), (22, 0, 11), 5)
    for ids in (unknown, [0, unknown, 22]):
        with pytest.raises(UserError, match=f"problem {unknown} is none of training"):
            encoder(ProblemID(jnp.array(ids)))


@pytest.mark.parametrize("agent", ["dream", "import"])
def test_problems_of_compiled_code_are_those_of_training(agent):
    """It can raise nothing: so whatever draws IDs there must have them from the family."""
    family = Bandit(arms=3, horizon=3)
    algorithm = make_trainer(agent, family, settings_for(agent, "bandit")).algorithm
    drawn = jax.jit(algorithm.problems)(jax.random.key(0), 0)
    assert set(drawn.value.tolist()) <= set(family.train_ids)


def test_the_penalty_is_half_the_squared_norm():
    means = jnp.array([[3.0, 4.0], [0.0, 1.0]])
    np.testing.assert_allclose(bottleneck_penalty(means), [12.5, 0.5])
    # The first 10 cost nothing.
    np.testing.assert_allclose(bottleneck_penalty(means, 10.0), [7.5, 0.0])


def test_without_a_hidden_layer_encodings_of_what_is_described_add_up():
    family = dreamrl.make("described-gauges", relevant=2, irrelevant=0)
    means = make_encoder(jax.random.key(0), family, 5, hidden=0)(ProblemID(jnp.arange(16)))
    # 0 and 5 have digits that 1 and 4 have too.
    np.testing.assert_allclose(means[0] + means[5], means[1] + means[4], atol=1e-6)
    means = make_encoder(jax.random.key(0), family, 5)(ProblemID(jnp.arange(16)))
    assert np.abs(means[0] + means[5] - means[1] - means[4]).max() > 1e-3
    with pytest.raises(UserError, match=r"bandit describes no problems: encoding\.hidden"):
        make_encoder(jax.random.key(0), Bandit(), 5, hidden=0)


def test_descriptions_are_encoded_where_there_are_any():
    key = jax.random.key(0)
    assert isinstance(make_encoder(key, Bandit(arms=3, horizon=3), 5), EmbeddingEncoder)
    family = PointRobot()
    encoder = make_encoder(key, family, 5)
    assert isinstance(encoder, MLPEncoder)
    known, unseen = family.train_ids[3], family.test_ids[7]
    means = encoder(ProblemID(jnp.array([[known, unseen], [0, known]])))
    assert means.shape == (2, 2, 5)
    assert np.isfinite(means).all(), "a problem never seen has a description too"
    np.testing.assert_allclose(means[0, 0], means[1, 1], rtol=1e-6)
    assert (means[0, 0] != means[0, 1]).any()
