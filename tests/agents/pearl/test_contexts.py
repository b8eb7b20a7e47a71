"""Trials of one problem are found by counting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Experience
from dreamrl.agents.pearl.contexts import draw_task, of_same_problem
from dreamrl.learners import replay
from dreamrl.trial import Trial
from dreamrl.types import Trajectory

PROBLEMS, CAPACITY, STEPS = 3, 8, 2


def drawn(number, added, window):
    key = jax.random.key(number)
    found = of_same_problem(key, jnp.array(number), jnp.array(added), window, PROBLEMS, 200)
    return set(np.asarray(found).tolist())


@pytest.mark.parametrize(
    ("number", "added", "window", "expected"),
    [
        (0, 8, 8, {0, 3, 6}),
        (7, 8, 8, {1, 4, 7}),
        (9, 20, 8, {12, 15, 18}),
        # The problem of trial 9 was last played in trial 18.
        (9, 20, 4, {18}),
        (9, 20, 1, {18}),
        (2, 3, 8, {2}),
    ],
)
def test_those_in_the_window_that_share_the_problem(number, added, window, expected):
    assert drawn(number, added, window) == expected


def played(number, length):
    """A trial whose rewards, actions and goals all say its number."""
    mask = jnp.arange(STEPS) < length
    value = jnp.full(STEPS, number)
    flags = jnp.zeros(STEPS, bool)
    episode = Trajectory(jnp.zeros((STEPS + 1, 1)), value, value * 1.0, flags, flags, mask)
    twice = jax.tree.map(lambda x: jnp.stack([x, x]), episode)
    return Experience(None, None, Trial(episode, None, jnp.full((2, 1), number), twice))


@pytest.fixture(scope="module")
def ring():
    """20 trials, of which the ring has kept 8."""
    ring = replay.empty(played(0, 1), CAPACITY)
    for first in range(0, 20, 4):
        new = [played(number, 1 + number % 2) for number in range(first, first + 4)]
        ring = replay.add(ring, jax.tree.map(lambda *x: jnp.stack(x), *new))
    return ring


@pytest.fixture(scope="module")
def tasks(ring):
    """Contexts out of the newest 4 trials."""
    keys = jax.random.split(jax.random.key(0), 300)
    return jax.jit(jax.vmap(lambda key: draw_task(ring, key, PROBLEMS, 3, 4, 5)))(keys)


def test_contexts_are_out_of_what_is_left(ring):
    """A window longer than what is kept reaches no slot that another problem's trial has taken."""
    keys = jax.random.split(jax.random.key(1), 300)
    found = jax.vmap(lambda key: draw_task(ring, key, PROBLEMS, 3, 16, 5))(keys)
    contexts, goals = np.asarray(found.contexts.rewards)[..., 0], np.asarray(found.goals)[..., 0]
    assert (contexts % PROBLEMS == goals[:, :1] % PROBLEMS).all()


def test_a_task_is_of_one_problem(tasks):
    goals = np.asarray(tasks.goals)[..., 0]
    # Two episodes of each of five trials.
    assert goals.shape == (300, 10)
    problem = goals[:, :1] % PROBLEMS
    assert (goals % PROBLEMS == problem).all()
    np.testing.assert_array_equal(tasks.episodes.actions[..., 0], goals)
    assert (np.asarray(tasks.contexts.actions)[..., 0] % PROBLEMS == problem).all()
    assert set(goals.ravel().tolist()) == set(range(12, 20))


def test_contexts_are_recent_and_of_one_to_all_explorations(tasks):
    mask = np.asarray(tasks.contexts.mask).any(-1)
    assert set(mask.sum(1).tolist()) == {1, 2, 3}
    np.testing.assert_allclose(mask.sum(1).mean(), 2, atol=0.15)
    assert set(np.asarray(tasks.contexts.actions)[mask].ravel().tolist()) <= set(range(16, 20))


def test_padding_after_an_end_stays_out(tasks):
    lengths = np.asarray(tasks.contexts.mask).sum(-1)
    odd = np.asarray(tasks.contexts.actions)[..., 0] % 2
    assert ((lengths == 0) | (lengths == 1 + odd)).all()
