"""A trained agent's episodes in a problem of its family, as `dreamrl.trial` plays them.

Each function makes one of a family to be compiled (`evaluation.per_family`); the same key gives the
same trial, part by part.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from dreamrl.agents.algorithm import Agent
from dreamrl.deploy.beliefs import StoredRecord, stored
from dreamrl.families.family import Family
from dreamrl.trial import Episode, exploitation, exploration, trial_keys
from dreamrl.types import Belief, Goal, Key, Problem, State


class Explored(NamedTuple):
    """An exploration, and what it left."""

    record: StoredRecord
    extras: Any
    """The agent's records of its decisions."""
    states: State


def exploration_of(family: Family) -> Callable[[Agent, Problem, Key], Explored]:
    """Return what plays a trial's exploration."""

    def explored(agent: Agent, problem: Problem, key: Key) -> Explored:
        keys = trial_keys(key, 1)
        episode, beliefs = exploration(family, problem, agent, keys.explore, states=True)
        return Explored(stored(episode.trajectory, beliefs), episode.extras, episode.states)

    return explored


def exploitation_of(family: Family) -> Callable[[Agent, Problem, Goal, Belief, Key], Episode]:
    """Return what plays a trial's exploitation, on what an exploration left."""

    def exploited(agent: Agent, problem: Problem, goal: Goal, belief: Belief, key: Key) -> Episode:
        [key] = trial_keys(key, 1).exploit
        return exploitation(family, problem, agent, belief, goal, 0, key, states=True)

    return exploited
