"""A trial taken apart adds up again."""

import jax
import numpy as np
import pytest

import dreamrl
from dreamrl import agents
from dreamrl.errors import UserError
from dreamrl.story import tell


@pytest.fixture
def played(fake):
    family = dreamrl.make("distracting-bus")
    algorithm = agents.make_algorithm("fake", family, fake())
    state = algorithm.init(jax.random.key(0))
    return lambda problem: tell(family, algorithm, state, problem)


def test_information_gained_adds_up_to_the_fall_of_the_error(played):
    story = played(22)
    np.testing.assert_allclose(story.gained.sum(), 1 - story.errors[-1] / story.errors[0], 1e-5)
    assert len(story.gained) == len(story.moved) == len(story.trial.exploration.actions) == 7
    assert story.trial.beliefs.mean.shape == (8, 4)


def test_an_unseen_problem_has_no_true_z(played):
    story = played(23)
    assert story.errors is None
    assert story.gained is None
    np.testing.assert_allclose(story.likely.sum(-1), 1, rtol=1e-5)


def test_only_steps_that_were_taken_are_told(played):
    exploitation = played(22).trial.exploitation
    assert exploitation.mask.all()
    assert exploitation.terminated[-1]
    assert len(exploitation.observations) == len(exploitation.actions) + 1 == 9


def test_problems_that_do_not_exist(played):
    with pytest.raises(UserError, match="has no problem 576"):
        played(576)
