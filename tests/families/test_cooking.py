"""The rules of cooking, one by one. ID 22 has the drawers 2, 1, 1."""

import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.families.grid import GridAction as A
from dreamrl.testing import replay

COOKING = dreamrl.make("cooking")


def test_digits_of_the_id_fill_the_drawers():
    assert COOKING.problem(jnp.array(22)).drawers.tolist() == [2, 1, 1]
    assert COOKING.problem(jnp.array(10)).drawers.tolist() == [2, 2, 0]


def test_more_problems_may_be_held_out_and_all_that_is_in_them_is_still_seen():
    assert COOKING.test_ids == (10,)
    assert len(COOKING.train_ids) == 63
    family = dreamrl.make("cooking:unseen=8")
    assert len(family.test_ids) == 8
    assert 10 in family.test_ids
    assert sorted([*family.train_ids, *family.test_ids]) == list(range(64))
    drawers = np.stack([family.problem(jnp.array(i)).drawers for i in family.train_ids])
    assert all(len(set(column)) == 4 for column in drawers.T.tolist())


def test_a_wall_s_colour_is_seen_where_it_is_and_decides_nothing():
    family = dreamrl.make("cooking", colours=3, exploration=7)
    assert family.problems == 192
    problem = family.problem(jnp.array(22 + 2 * 64))
    assert (problem.drawers.tolist(), int(problem.colour)) == ([2, 1, 1], 2)
    played = replay(family, 22 + 2 * 64, None, [A.LEFT, *[A.STAY] * 6])
    assert played.observations[:3].tolist() == [
        [1, 1, 2, 4, 4, 4, 4, 0],
        [0, 1, 0, 4, 4, 4, 4, 3],
        [0, 1, 0, 4, 4, 4, 4, 3],
    ]
    assert played.truncated.tolist() == [False] * 6 + [True]
    fetch = [A.RIGHT, A.PICK_UP, A.LEFT, A.DROP]
    for wall in range(3):
        done = replay(family, 22 + wall * 64, [1, 1], fetch * 2)
        np.testing.assert_allclose(done.rewards, [-0.1, 0.25] * 4, atol=1e-6)
    facts = family.facts(problem)
    assert len(facts.relevant) == 3
    assert int(facts.irrelevant["wall"]) == 2
    # The optimum is that of the kitchen without a wall, whatever is held out.
    held = dreamrl.make("cooking:unseen=8,colours=2")
    assert len(held.test_ids) == 8
    assert len(held.train_ids) == 120


def test_kitchens_may_be_described():
    family = dreamrl.make("described-cooking", colours=2)
    described = family.describe(jnp.array(22 + 64))
    assert described.tolist() == [0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    for agent in ("rl2", "import"):
        assert dreamrl.settings_for(agent, family.name) == dreamrl.settings_for(agent, "cooking")
    assert dreamrl.settings_for("dream", family.name).encoding.hidden == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("colours=-1", "colours must be from 0 to 1000, is -1"),
        ("exploration=-1", "exploration must be from 0 to 1000, is -1"),
        ("colours=2,unseen=128", "unseen must be from 1 to 127, is 128"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(fields, words):
    with pytest.raises(dreamrl.UserError, match=words):
        dreamrl.make(f"cooking:{fields}")


@pytest.mark.parametrize("unseen", [0, 64])
def test_there_must_be_problems_of_both_kinds(unseen):
    with pytest.raises(dreamrl.UserError, match=f"unseen must be from 1 to 63, is {unseen}"):
        dreamrl.make(f"cooking:unseen={unseen}")


def test_a_recipe_done_as_fast_as_can_be():
    fetch = [A.RIGHT, A.PICK_UP, A.LEFT, A.DROP]
    played = replay(COOKING, 22, [1, 1], fetch * 2)
    np.testing.assert_allclose(played.rewards, [-0.1, 0.25] * 4, atol=1e-6)
    assert played.observations[-1].tolist() == [1, 1, 2, 4, 1, 1, 4]
    assert played.terminated.tolist() == [False] * 7 + [True]


def test_mistakes_cost():
    # The wrong ingredient; then the right one, lost outside the bowl.
    actions = [A.RIGHT, A.PICK_UP, A.DOWN, A.PICK_UP, A.DROP]
    played = replay(COOKING, 22, [2, 1], actions)
    np.testing.assert_allclose(played.rewards, [-0.1, -0.35, -0.1, 0.25, -0.35], atol=1e-6)
    assert played.states.progress.tolist() == [0, 0, 0, 0, 1, 0]


def test_an_exploration_costs_its_steps_only():
    actions = [A.RIGHT, A.PICK_UP, A.PICK_UP, A.LEFT, A.DROP, A.STAY, A.END]
    played = replay(COOKING, 22, None, actions)
    np.testing.assert_allclose(played.rewards, [-0.1] * 6 + [-0.1 - 1.3], atol=1e-6)
    assert played.terminated.tolist() == [False] * 6 + [True]
    assert played.observations[5].tolist() == [1, 1, 2, 4, 1, 4, 4]


def test_the_bowl_takes_three_and_empties_the_hand():
    fetch = [A.RIGHT, A.PICK_UP, A.LEFT, A.DROP]
    played = replay(COOKING, 22, None, fetch * 4)
    assert played.observations[-1].tolist() == [1, 1, 2, 4, 1, 1, 1]
    held = replay(COOKING, 22, None, [*fetch[:3], A.PICK_UP])
    assert held.observations[-1].tolist() == [1, 1, 2, 4, 4, 4, 4]


@pytest.mark.parametrize("goal", [None, [1, 1]])
def test_the_horizon_truncates(goal):
    played = replay(COOKING, 22, goal, [A.STAY] * 20)
    assert played.truncated.tolist() == [False] * 19 + [True]
    assert not played.terminated.any()
