"""The rules of growth, and its two dials."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl import references
from dreamrl.errors import UserError
from dreamrl.testing import check_family, replay

LOOK = 2


def digits(family, ids):
    return np.asarray(jax.vmap(family.problem)(jnp.array(ids)), int)


@pytest.mark.parametrize(("problems", "doors"), [(1, 1), (24, 6), (100_000, 18)])
def test_every_problem_has_digits_of_its_own(problems, doors):
    family = dreamrl.make("growth", problems=problems)
    assert (family.train_ids, family.test_ids) == (range(problems), range(problems, 2 * problems))
    known, unseen = digits(family, family.train_ids), digits(family, family.test_ids)
    assert known.shape == unseen.shape == (problems, doors)
    assert len(np.unique(np.vstack([known, unseen]), axis=0)) == 2 * problems


def test_digits_of_unseen_problems_are_seen_in_training():
    family = dreamrl.make("growth")
    for ids in (family.train_ids, family.test_ids):
        np.testing.assert_allclose(digits(family, ids).mean(0), 0.5, atol=0.1)


@pytest.mark.parametrize(("problems", "horizon"), [(24, 10), (100_000, 500)])
def test_its_dials_leave_the_rules_as_they_are(problems, horizon):
    check_family(dreamrl.make("growth", problems=problems, horizon=horizon))


def test_looking_shows_the_digits_and_costs_nothing():
    family = dreamrl.make("growth", problems=24, horizon=8)
    hidden = digits(family, [7])[0]
    played = replay(family, 7, None, [LOOK] * 3 + [0, 1] + [LOOK] * 3)
    shown = [1 + hidden[0], 1 + hidden[1], 1 + hidden[2], 0, 0, 1 + hidden[5], 1 + hidden[0]]
    assert played.observations[1:8, 1].tolist() == shown
    assert played.observations[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert not played.rewards.any()
    assert not played.terminated.any()
    assert played.truncated.tolist() == [False] * 7 + [True]


def test_right_digits_pay_and_a_wrong_one_ends_it():
    family = dreamrl.make("growth", problems=24, horizon=8)
    hidden = digits(family, [31])[0]
    right = np.resize(hidden, 8)
    played = replay(family, 31, 0, right)
    np.testing.assert_allclose(played.rewards, 1 / 8)
    assert not played.observations[:, 1].any()
    assert played.truncated.tolist() == [False] * 7 + [True]
    for wrong in (1 - hidden[2], LOOK):
        played = replay(family, 31, 0, [*right[:2], wrong])
        np.testing.assert_allclose(played.rewards, [1 / 8, 1 / 8, 0])
        assert played.terminated.tolist() == [False, False, True]
        assert not played.truncated.any()


def test_exploring_pays():
    family = dreamrl.make("growth", problems=32, horizon=10)
    assert references.optimum(family) == pytest.approx(1)
    # 64 problems have all digits: 1/2 + 1/4 + ... doors are opened by who guesses.
    assert references.no_exploration(family) == pytest.approx((1 - 2**-6 + 4 * 2**-6) / 10)
    assert references.shortest_informative(family) == 6


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"problems": 0}, "problems must be from 1 to 1000000, is 0"),
        ({"horizon": 0}, "horizon must be at least 1, is 0"),
    ],
)
def test_fields_that_cannot_be(fields, words):
    with pytest.raises(UserError, match=words):
        dreamrl.make("growth", **fields)
