"""The rules of treasure, bandit and tabular-didactic, in episodes worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import UserError
from dreamrl.families.grid import GridAction as A
from dreamrl.testing import check_family, replay

TREASURE = dreamrl.make("treasure")


def cells():
    return [TREASURE.problem(jnp.array(i)).cell.tolist() for i in TREASURE.train_ids]


def test_the_treasure_lies_neither_at_the_start_nor_around_it():
    assert len(cells()) == 21
    near = [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert sorted(cells() + near) == [[x, y] for x in range(5) for y in range(5)]


@pytest.mark.parametrize("goal", [None, 0])
def test_the_treasure_pays_for_every_step_on_it(goal):
    actions = [A.UP, A.UP, A.RIGHT, A.STAY, A.LEFT, A.LEFT, A.LEFT, A.RIGHT, *[A.DOWN] * 7]
    played = replay(TREASURE, cells().index([1, 2]), goal, actions)
    expected = [-0.1, -0.1, 1, 1, -0.1, -0.1, -0.1, 1, *[-0.1] * 7]
    np.testing.assert_allclose(played.rewards, expected, atol=1e-6)
    places = [[0, 0], [0, 1], [0, 2], [1, 2], [1, 2], [0, 2], [0, 2], [0, 2], [1, 2]]
    assert played.observations[:9].tolist() == places
    assert played.observations[-1].tolist() == [1, 0]
    assert not played.terminated.any()
    assert played.truncated.tolist() == [False] * 14 + [True]


def test_the_treasure_is_drawn_where_it_lies():
    drawing = TREASURE.drawing(TREASURE.problem(jnp.array(3)))
    assert [list(mark.position) for mark in drawing.marks] == [cells()[3]]


def test_mirrored_treasures_lie_across_the_diagonal():
    same, mirrored = TREASURE.symmetries()
    assert [cells()[i] for i in mirrored.problems] == [[y, x] for x, y in cells()]
    assert [cells()[i] for i in same.problems] == cells()
    assert same.keeps_actions
    assert not mirrored.keeps_actions


@pytest.mark.parametrize("goal", [None, 0])
def test_one_arm_pays(goal):
    played = replay(dreamrl.make("bandit"), 3, goal, [0, 3, 3, 4, 3])
    assert played.rewards.tolist() == [0, 1, 1, 0, 1]
    assert not played.observations.any()
    assert not played.terminated.any()
    assert played.truncated.tolist() == [False] * 4 + [True]


def test_one_action_tells_and_one_pays():
    family = dreamrl.make("tabular-didactic", actions=4)
    assert family.revealing == 3
    for problem in family.train_ids:
        for action in range(4):
            explored = replay(family, problem, None, [action])
            assert explored.rewards.tolist() == [0]
            assert explored.observations.tolist() == [0, 1 + problem if action == 3 else 0]
            exploited = replay(family, problem, 0, [action])
            assert exploited.rewards.tolist() == [action == problem]
            assert exploited.truncated.tolist() == [True]


@pytest.mark.parametrize(
    ("name", "fields", "problems"),
    [
        ("bandit", {"arms": 10, "horizon": 3}, 10),
        ("tabular-didactic", {"actions": 2}, 2),
        ("tabular-didactic", {"actions": 64}, 64),
        ("bus", {"distractors": True}, 53),
    ],
)
def test_fields_can_be_set(name, fields, problems):
    family = dreamrl.make(name, **fields)
    check_family(family)
    assert len(family.train_ids) == problems
    assert family == dreamrl.make(name, **fields) != dreamrl.make(name)
    assert family.name == name


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("bandit", {"arm": 3}, "unknown field of bandit 'arm': did you mean 'arms'"),
        ("treasure", {"size": 7}, "unknown field of treasure 'size': known: none"),
        ("bandit", {"arms": 1}, "arms must be at least 2, is 1"),
        ("bandit", {"horizon": 0}, "horizon must be at least 1, is 0"),
        ("tabular-didactic", {"actions": 65}, "actions must be from 2 to 64, is 65"),
    ],
)
def test_fields_that_cannot_be(name, fields, words):
    with pytest.raises(UserError, match=words):
        dreamrl.make(name, **fields)
