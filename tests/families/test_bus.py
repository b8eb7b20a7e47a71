"""Variants of distracting-bus: other problems for training, explorations of another length."""

import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import UserError
from dreamrl.families.family import horizon_of
from dreamrl.families.grid import GridAction
from dreamrl.testing import replay


def test_problems_for_training_are_drawn_and_the_rest_held_out():
    family = dreamrl.make("distracting-bus:training=288")
    assert len(family.train_ids) == len(family.test_ids) == 288
    assert sorted(family.train_ids + family.test_ids) == list(range(576))
    assert family.train_ids == dreamrl.make("distracting-bus", training=288).train_ids
    # Every way of the lines that matter is among those of training.
    assert len(set(np.array(family.train_ids) % 24)) == 24
    whole = dreamrl.make("distracting-bus:training=576")
    assert whole.train_ids == whole.test_ids == tuple(range(576))
    assert dreamrl.make("distracting-bus").train_ids == tuple(range(0, 576, 11))


def test_explorations_may_be_shorter_than_exploitations():
    family = dreamrl.make("distracting-bus:exploration=6")
    assert (horizon_of(family, exploring=True), horizon_of(family, exploring=False)) == (6, 20)
    explored = replay(family, 0, None, [0] * 6)
    assert explored.truncated.tolist() == [False] * 5 + [True]
    asked = replay(family, 0, np.array([8, 8]), [0] * 7)
    assert not asked.truncated.any()


def test_gray_stops_may_be_the_near_ones():
    up, right, ride = GridAction.UP, GridAction.RIGHT, GridAction.RIDE
    near, far = dreamrl.make("distracting-bus:near=gray"), dreamrl.make("distracting-bus")
    # Every stop has the destination it had, and the kind of it is the other one's.
    for family, useful in ((near, [up, right, ride]), (far, [up, ride])):
        ridden = replay(family, 0, None, useful).observations[-1, :2]
        assert ridden.tolist() == [0, 1]
    ridden = replay(near, 0, None, [up, ride])
    assert ridden.observations[-1, :2].tolist() == [0, 4]
    problem = near.problem(jnp.array(0))
    assert next(iter(near.facts(problem).relevant)) == "line above right"
    assert len(near.symmetries()) == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bus:training=3", "bus: training is a field of distracting-bus only"),
        ("distracting-bus:training=577", "training must be from 0 to 576, is 577"),
        ("bus:near=gray", "bus: near is a field of distracting-bus only"),
        ("distracting-bus:near=grey", "near must be useful or gray, is 'grey'"),
        ("distracting-bus:exploration=-1", "exploration must be 0 or more, is -1"),
    ],
)
def test_fields_that_make_no_sense(name, said):
    with pytest.raises(UserError, match=said):
        dreamrl.make(name)
