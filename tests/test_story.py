"""A trial taken apart adds up again."""

import jax
import numpy as np
import pytest

import dreamrl
from dreamrl.agents import registry
from dreamrl.deploy import prepare
from dreamrl.errors import UserError
from dreamrl.story import play_story


@pytest.fixture
def played(fake):
    family = dreamrl.make("distracting-bus")
    algorithm = registry.make_trainer("fake", family, fake())
    state = algorithm.init(jax.random.key(0))
    agent = prepare(family, algorithm, state)
    return lambda problem: play_story(agent, problem)


def test_information_gained_adds_up_to_the_fall_of_the_error(played):
    beliefs = played(22).beliefs
    fall = 1 - beliefs.errors[-1] / beliefs.errors[0]
    np.testing.assert_allclose(beliefs.gained.sum(), fall, 1e-5)
    assert len(beliefs.gained) == len(beliefs.moved) == len(beliefs.trajectory.actions) == 7
    assert beliefs.means.shape == (8, 4)


def test_an_unseen_problem_has_no_true_z(played):
    beliefs = played(23).beliefs
    assert beliefs.errors is None
    assert beliefs.gained is None
    np.testing.assert_allclose(beliefs.confidence.sum(-1), 1, rtol=1e-5)


def test_only_steps_that_were_taken_are_told(played):
    exploitation = played(22).exploitation
    assert exploitation.mask.all()
    assert exploitation.terminated[-1]
    assert len(exploitation.observations) == len(exploitation.actions) + 1 == 9


def test_problems_that_do_not_exist(played):
    with pytest.raises(UserError, match="has no problem 576"):
        played(576)
