"""Of held-out problems a tenth is for choosing, and results are of the others."""

import pytest

import dreamrl
from dreamrl.families.splits import unseen_ids, validation_ids
from dreamrl.runs.results import ids_of


def test_they_share_the_held_out_problems():
    family = dreamrl.make("distracting-bus")
    validation, unseen = validation_ids(family), unseen_ids(family)
    assert (len(validation), len(unseen)) == (52, 471)
    assert sorted([*validation, *unseen]) == sorted(family.test_ids)


def test_both_are_spread_over_what_is_held_out():
    family = dreamrl.make("distracting-bus")
    for ids in (validation_ids(family), unseen_ids(family)):
        assert len({problem % 24 for problem in ids}) == 24
        assert len({problem // 24 for problem in ids}) == 24


@pytest.mark.parametrize("family", ["cooking", "cooking:unseen=8", "point-robot", "bus"])
def test_where_few_are_held_out_or_none_they_are_the_same(family):
    family = dreamrl.make(family)
    assert validation_ids(family) == unseen_ids(family) == family.test_ids


def test_a_million_problems_are_chosen_by_without_a_table():
    family = dreamrl.make("growth", problems=1_000_000)
    assert validation_ids(family) == range(1_000_009, 2_000_000, 10)


def test_each_split_has_a_name():
    family = dreamrl.make("distracting-bus")
    assert ids_of(family, "unseen") == unseen_ids(family)
    assert ids_of(family, "validation") == validation_ids(family)
    assert ids_of(family, "train") == family.train_ids
