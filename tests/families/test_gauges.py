"""The rules of gauges in episodes worked out by hand, and its values against a search."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl import references
from dreamrl.errors import UserError
from dreamrl.families.gauges import Gauges
from dreamrl.testing import check_family, replay
from dreamrl.types import Trajectory

# In base 4: gauge 0 shows 3, gauge 1 shows 1, gauge 2 shows 2, gauge 3 shows 0.
PROBLEM = 3 + 4 * 1 + 16 * 2
TWICE = dreamrl.make("gauges", relevant_presses=2, irrelevant_presses=1, exploration=7, entries=3)


def test_a_gauge_shows_its_digit_after_so_many_presses_in_a_row():
    assert np.asarray(TWICE.problem(jnp.array(PROBLEM))).tolist() == [3, 1, 2, 0]
    actions = [0, 1, 1, 1, 2, 0, 0]
    played = replay(TWICE, PROBLEM, None, actions)
    seen = [(8, 0, 0), (0, 1, 0), (1, 1, 0), (1, 2, 2), (1, 1, 0), (2, 1, 3), (0, 1, 0), (0, 2, 4)]
    assert [tuple(each) for each in played.observations.tolist()] == seen
    assert not played.rewards.any()
    assert not played.terminated.any()
    assert played.truncated.tolist() == [False] * 6 + [True]
    ends = jnp.array(played.terminated), jnp.array(played.truncated)
    explored = Trajectory(
        jnp.array(played.observations),
        jnp.array(actions),
        jnp.array(played.rewards),
        *ends,
        mask=jnp.ones(7, bool),
    )
    counted = TWICE.statistics(TWICE.problem(jnp.array(PROBLEM)), explored)
    assert counted == {"relevant_seen": 2.0, "irrelevant_seen": 1.0}


def test_buttons_of_gauges_that_there_are_not_show_nothing():
    family = Gauges(relevant=1, irrelevant=0, exploration=3)
    played = replay(family, 2, None, [3, 3, 0])
    assert played.observations.tolist() == [[8, 0, 0], [8, 0, 0], [8, 0, 0], [0, 1, 3]]


@pytest.mark.parametrize(("goal", "digit"), [(0, 3), (1, 1)])
def test_its_digit_entered_so_often_pays_and_a_wrong_one_ends_it(goal, digit):
    played = replay(TWICE, PROBLEM, goal, [digit] * 3)
    assert played.rewards.tolist() == [0, 0, 1]
    assert played.observations.tolist() == [[8, 0, 0], [8, 1, 0], [8, 2, 0], [8, 3, 0]]
    assert played.terminated.tolist() == [False, False, True]
    wrong = replay(TWICE, PROBLEM, goal, [digit, digit ^ 1])
    assert wrong.rewards.tolist() == [0, 0]
    assert wrong.terminated.tolist() == [False, True]


@pytest.mark.parametrize(
    "family",
    [
        "gauges",
        "gauges:relevant_presses=2,exploration=5",
        "gauges:relevant=3,irrelevant=1,relevant_presses=2,exploration=4",
        "described-gauges:relevant=1,irrelevant=0,entries=3",
    ],
)
def test_its_values_are_those_that_a_search_finds(family):
    family = dreamrl.make(family)
    values = family.values()
    assert references.optimum(family) == pytest.approx(values.told)
    assert references.no_exploration(family) == pytest.approx(values.blind)
    assert references.bayes_optimal(family) == pytest.approx(values.best)
    assert references.shortest_informative(family) == values.shortest
    chance = references.random_exploration(family, number=4000)
    assert chance.mean == pytest.approx(values.random, abs=4 * chance.standard_error)


def test_where_a_search_would_be_too_large_they_are_stated():
    family = dreamrl.make("gauges", irrelevant=6, exploration=1)
    found = references.references(family)
    assert (found.optimum, found.no_exploration, found.bayes_optimal) == (1.0, 0.25, 0.625)
    assert found.random_exploration.mean == pytest.approx(0.25 + 0.75 / 8)
    assert (found.shortest_informative, found.thompson) == (None, None)


def test_some_problems_are_held_out_and_what_is_described_are_all_digits():
    family = dreamrl.make("described-gauges", training=100)
    assert (len(family.train_ids), len(family.test_ids)) == (100, 156)
    assert not set(family.train_ids) & set(family.test_ids)
    told = jax.vmap(family.describe)(jnp.arange(256))
    assert told.shape == (256, 16)
    assert len(np.unique(np.asarray(told), axis=0)) == 256


@pytest.mark.parametrize("fields", [{"irrelevant": 0}, {"relevant": 5, "entries": 4}])
def test_its_dials_leave_the_rules_as_they_are(fields):
    check_family(dreamrl.make("gauges", **fields))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"relevant": 0}, "relevant must be at least 1, is 0"),
        ({"irrelevant": 7}, "must be 8 at most together, are 9"),
        ({"training": 257}, "training must be at most 256, as there are no more problems, is 257"),
    ],
)
def test_dials_that_cannot_be(fields, words):
    with pytest.raises(UserError, match=words):
        dreamrl.make("gauges", **fields)
