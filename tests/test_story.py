"""A trial taken apart adds up again."""

import jax
import numpy as np
import pytest

import dreamrl
from dreamrl.agents import registry
from dreamrl.configuration import changed
from dreamrl.deploy import prepare
from dreamrl.errors import UserError
from dreamrl.story import exploit_on, play_story

TINY = {"exploitation.hidden": 4, "exploration.hidden": 4}


@pytest.fixture
def played(fake):
    family = dreamrl.make("distracting-bus")
    algorithm = registry.make_trainer("fake", family, fake())
    state = algorithm.init(jax.random.key(0))
    agent = prepare(family, algorithm, state)
    return lambda problem: play_story(agent, problem)


@pytest.fixture(scope="module")
def untrained():
    """DREAM as it begins: it records what it decides on."""
    family = dreamrl.make("bandit")
    settings = changed(registry.METHODS["dream"].presets["default"], TINY)
    algorithm = registry.make_trainer("dream", family, settings)
    return prepare(family, algorithm, algorithm.init(jax.random.key(0)))


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


def test_what_is_decided_on_is_what_is_done(untrained):
    story = play_story(untrained, 3)
    trajectories = (story.beliefs.trajectory, story.exploitation)
    for decided, episode in zip(story.decided, trajectories, strict=True):
        likeliest = decided.policy.logits.argmax(-1)[: len(episode.actions)]
        np.testing.assert_array_equal(likeliest, episode.actions)
    worth = story.decided[0].continuation[: story.beliefs.steps + 1]
    assert (worth[: story.beliefs.steps] > 0).all()
    assert story.beliefs.steps == story.family.horizon or worth[-1] <= 0


def test_an_agent_that_records_nothing(played):
    assert played(22).decided == (None, None)


def test_exploitation_on_its_own_beliefs_is_the_same_and_on_others_differs(untrained):
    stories = [play_story(untrained, problem) for problem in untrained.family.train_ids]
    again = exploit_on(untrained, stories[0], stories[0].beliefs)
    jax.tree.map(np.testing.assert_array_equal, again.trajectory, stories[0].exploitation)
    jax.tree.map(np.testing.assert_array_equal, again.decided, stories[0].decided[1])
    assert len(again.states) == len(again.trajectory.actions) + 1
    others = [exploit_on(untrained, stories[0], story.beliefs) for story in stories[1:]]
    own = np.asarray(stories[0].decided[1].policy.logits)
    # Another belief is another input: the policy cannot say just the same.
    assert any(not np.allclose(own, other.decided.policy.logits) for other in others)
