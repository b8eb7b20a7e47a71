"""Trials kept for replay, in an order that tells which ones share a problem.

Trials are numbered from 0, and number n is played in problem n mod P: so every problem is played
as often as any other, and trials of one problem are found by counting.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from dreamrl.learners.replay import Replay
from dreamrl.types import Key, Trajectory


class Task(NamedTuple):
    """One problem's data in an update."""

    contexts: Trajectory
    """[K, T]: explorations; those that are left out have an empty mask."""
    goals: Array
    """[J, ...]"""
    episodes: Trajectory
    """[J, T]: exploitation episodes, no matter what z they acted on."""


def of_same_problem(
    key: Key,
    number: Int[Array, ""],
    added: Int[Array, ""],
    window: int,
    problems: int,
    count: int,
) -> Int[Array, " count"]:
    """Return numbers of `count` trials in the problem of trial `number`, out of the last `window`.

    They are drawn evenly, with replacement; where the window has none, all are the newest one.
    """
    newest = added - 1 - (added - 1 - number) % problems
    oldest = jnp.maximum(added - window, 0)
    available = jnp.maximum((newest - oldest) // problems + 1, 1)
    return newest - problems * jax.random.randint(key, (count,), 0, available)


def draw_task(
    ring: Replay, key: Key, problems: int, contexts: int, recent: int, trials: int
) -> Task:
    """Draw a problem, up to `contexts` recent explorations in it, and episodes of `trials` trials.

    How many explorations is even between 1 and `contexts`: a posterior must make the best of few
    and be sure of many.
    """
    keys = jax.random.split(key, 4)
    capacity = ring.items.trial.goals.shape[0]
    oldest = jnp.maximum(ring.added - capacity, 0)
    number = jax.random.randint(keys[0], (), oldest, ring.added)

    def rows(key, window, count):
        numbers = of_same_problem(key, number, ring.added, window, problems, count)
        return numbers % capacity

    # Older ones have been written over, by other problems' trials.
    indices = rows(keys[1], min(recent, capacity), contexts)
    explorations = jax.tree.map(lambda x: x[indices], ring.items.trial.exploration)
    in_context = jnp.arange(contexts) < jax.random.randint(keys[2], (), 1, contexts + 1)
    explorations = explorations._replace(mask=explorations.mask & in_context[:, None])

    indices = rows(keys[3], capacity, trials)
    exploitations = (ring.items.trial.goals, ring.items.trial.exploitation)
    goals, episodes = jax.tree.map(lambda x: x[indices].reshape(-1, *x.shape[2:]), exploitations)
    return Task(explorations, goals, episodes)
