"""The rules of point-robot, in episodes worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import UserError
from dreamrl.testing import replay

FAMILY = dreamrl.make("point-robot")


def places(ids):
    return np.stack([FAMILY.problem(jnp.array(i)) for i in ids])


def test_unseen_places_lie_between_those_of_training_on_a_half_circle():
    known, unseen = places(FAMILY.train_ids), places(FAMILY.test_ids)
    assert len(known) == len(unseen) == 40
    np.testing.assert_allclose(np.linalg.norm([known, unseen], axis=-1), 1, rtol=1e-6)
    assert (known[:, 1] > 0).all()
    # From right to left, by turns.
    assert (known[:, 0] > unseen[:, 0]).all()
    assert (unseen[:-1, 0] > known[1:, 0]).all()


@pytest.mark.parametrize("goal", [None, 0])
def test_only_places_near_the_hidden_one_pay(goal):
    place = places([20])[0]
    actions = np.vstack([np.tile(place, (14, 1)), np.zeros((6, 2))]).astype(np.float32)
    played = replay(FAMILY, 20, goal, actions)
    walked = 0.1 * np.minimum(np.arange(1, 21), 14)
    np.testing.assert_allclose(played.observations[1:], walked[:, None] * place, atol=1e-5)
    away = abs(walked - 1)
    # A distance of 0.2 itself may go either way in 32-bit numbers.
    clear = abs(away - 0.2) > 1e-4
    expected = np.where(away < 0.2, 1 - away, 0)
    np.testing.assert_allclose(played.rewards[clear], expected[clear], atol=1e-5)
    assert played.rewards[9] == pytest.approx(1, abs=1e-5)
    assert not played.terminated.any()
    assert played.truncated.tolist() == [False] * 19 + [True]


def test_actions_have_bounds():
    with pytest.raises(UserError, match="actions must be in Box"):
        replay(FAMILY, 0, None, np.array([[1.5, 0]], np.float32))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"problems": 0}, "problems must be at least 1, is 0"),
        ({"horizon": 51}, "horizon must be from 1 to 50, is 51"),
    ],
)
def test_fields_that_cannot_be(fields, words):
    with pytest.raises(UserError, match=words):
        dreamrl.make("point-robot", **fields)
