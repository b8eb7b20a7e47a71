"""One trial taken apart: each step of the exploration, and the belief after it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree, Shaped

from dreamrl.agents.algorithm import Agent
from dreamrl.deploy import ExplorationRecord, TrainedAgent
from dreamrl.deploy.driver import without_padding
from dreamrl.deploy.episodes import Explored, exploitation_of, exploration_of
from dreamrl.errors import UserError
from dreamrl.evaluation import per_family
from dreamrl.families.family import Family, action_names
from dreamrl.host import in_own_switches
from dreamrl.trial import Decided, trial_keys
from dreamrl.types import Problem, State, Trajectory


class Story(NamedTuple):
    """A trial as NumPy arrays, without padding."""

    family: Family
    problem_id: int
    problem: Problem
    seed: int
    beliefs: ExplorationRecord
    """Of each step, with the exploration that led to it."""
    goal: np.ndarray
    exploitation: Trajectory
    decided: tuple[Decided | None, Decided | None]
    """The decisions in the exploration and in the exploitation, [T, ...] with padding. An
    exploration that the agent stopped has one more decision than steps. None of an agent that
    records nothing."""
    visited: tuple[list[State], list[State]]
    """[n+1] states of the exploration and of the exploitation, for drawing what observations do
    not tell. Not for agents."""

    def name_of(self, action: Any, exploring: bool = True) -> str:
        """Return an action in words, where the family has some."""
        if (names := action_names(self.family, exploring)) is not None:
            return names[int(action)]
        # As a float of Python's own: rounded, single precision would show digits of its own.
        value = np.asarray(action)
        return str(
            (np.round(value.astype(float), 3) if value.dtype.kind == "f" else value).tolist()
        )

    def states(self, exploring: bool) -> list[PyTree]:
        """Return the states that an episode went through."""
        return self.visited[0 if exploring else 1]


class _Begun(NamedTuple):
    """The first part of a trial, and the goal of the second."""

    problem: Problem
    explored: Explored
    goal: Any


class Exploited(NamedTuple):
    """An exploitation, as a story has it."""

    trajectory: Trajectory
    decided: Decided | None
    states: list[State]


@in_own_switches
def play_story(agent: TrainedAgent, problem_id: int, seed: int = 0) -> Story:
    """Play one trial in a problem; the seed draws the goal, and whatever else is random.

    Raises:
        UserError: For a problem that the family has not.
    """
    family = agent.family
    if problem_id not in family.train_ids and problem_id not in family.test_ids:
        raise UserError(f"family {family.name!r} has no problem {problem_id}")
    begin = per_family(_begin, family, soon=True)
    opening = begin(agent.agent, np.int32(problem_id), jax.random.key(seed))
    problem, exploration, goal = jax.tree.map(np.asarray, opening)
    record = ExplorationRecord(exploration.record, agent.fingerprint, agent.known)
    beliefs = agent.measured(record, problem_id)
    exploitation = _exploit(agent, problem, goal, beliefs, seed)
    return Story(
        family,
        problem_id,
        problem,
        seed,
        beliefs,
        goal,
        exploitation.trajectory,
        (_decisions(exploration.extras), exploitation.decided),
        (_separate(exploration.states, beliefs.steps), exploitation.states),
    )


@in_own_switches
def exploit_on(agent: TrainedAgent, story: Story, beliefs: ExplorationRecord) -> Exploited:
    """Play a story's exploitation again, on the beliefs of another exploration.

    Problem, goal and random numbers are the story's own: on its own beliefs it is the same.
    """
    return _exploit(agent, story.problem, story.goal, beliefs, story.seed)


def with_goal(agent: TrainedAgent, story: Story, goal: Shaped[np.ndarray, "..."]) -> Story:
    """Return the story with another goal; exploration and random numbers are its own."""
    variant = story._replace(goal=goal)
    exploitation = exploit_on(agent, variant, story.beliefs)
    return variant._replace(
        exploitation=exploitation.trajectory,
        decided=(story.decided[0], exploitation.decided),
        visited=(story.visited[0], exploitation.states),
    )


def _exploit(
    agent: TrainedAgent,
    problem: PyTree,
    goal: Shaped[np.ndarray, "..."],
    beliefs: ExplorationRecord,
    seed: int,
) -> Exploited:
    exploit = per_family(exploitation_of, agent.family, soon=True)
    episode = exploit(agent.agent, problem, goal, beliefs.held.last, jax.random.key(seed))
    trajectory = without_padding(episode.trajectory)
    states = _separate(episode.states, len(trajectory.actions))
    return Exploited(trajectory, _decisions(episode.extras), states)


def _decisions(extras: Any) -> Decided | None:
    """Return the record of decisions, if it is a trained agent's."""
    return jax.tree.map(np.asarray, extras) if isinstance(extras, Decided) else None


def _separate(states: Any, steps: int) -> list[Any]:
    states = jax.tree.map(np.asarray, states)
    return [jax.tree.map(lambda x, t=t: x[t], states) for t in range(steps + 1)]


def _begin(family: Family) -> Callable[..., _Begun]:
    explore = exploration_of(family)

    def begin(agent: Agent, problem_id: Any, key: Any) -> _Begun:
        problem = family.problem(problem_id)
        goal = family.sample_goal(trial_keys(key, 1).goals[0], problem)
        return _Begun(problem, explore(agent, problem, key), goal)

    return begin
