"""One trial taken apart: each step of the exploration, and the belief after it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree, Shaped

from dreamrl.agents.algorithm import Agent
from dreamrl.deploy import ExplorationRecord, TrainedAgent
from dreamrl.deploy.beliefs import StoredRecord, stored
from dreamrl.deploy.driver import first_steps
from dreamrl.errors import UserError
from dreamrl.evaluation import per_family
from dreamrl.families.family import Family, action_names
from dreamrl.host import in_own_switches
from dreamrl.trial import Decided, Episode, exploitation, exploration, trial_keys
from dreamrl.types import Belief, Problem, State, Trajectory


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
    """What was decided on in the exploration and in the exploitation, [T, ...] with padding. An
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
    held: StoredRecord
    extras: Any
    states: State | None
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
    told = begin(agent.agent, np.int32(problem_id), jax.random.key(seed))
    begun = _Begun(*jax.tree.map(np.asarray, told))
    record = ExplorationRecord(begun.held, agent.fingerprint, agent.known)
    beliefs = agent.measured(record, problem_id)
    used = _exploit(agent, problem_id, begun.goal, beliefs, seed)
    return Story(
        family,
        problem_id,
        begun.problem,
        seed,
        beliefs,
        begun.goal,
        used.trajectory,
        (_decided(begun.extras), used.decided),
        (_separate(begun.states, beliefs.steps), used.states),
    )


@in_own_switches
def exploit_on(agent: TrainedAgent, story: Story, beliefs: ExplorationRecord) -> Exploited:
    """Play a story's exploitation again, on what another exploration left.

    Problem, goal and random numbers are the story's own: on its own beliefs it is the same.
    """
    return _exploit(agent, story.problem_id, story.goal, beliefs, story.seed)


def with_goal(agent: TrainedAgent, story: Story, goal: Shaped[np.ndarray, "..."]) -> Story:
    """Return the story with another goal; exploration and random numbers are its own."""
    asked = story._replace(goal=goal)
    used = exploit_on(agent, asked, story.beliefs)
    return asked._replace(
        exploitation=used.trajectory,
        decided=(story.decided[0], used.decided),
        visited=(story.visited[0], used.states),
    )


def _exploit(
    agent: TrainedAgent,
    problem_id: int,
    goal: Shaped[np.ndarray, "..."],
    beliefs: ExplorationRecord,
    seed: int,
) -> Exploited:
    exploit = per_family(_exploitation, agent.family, soon=True)
    inputs = (np.int32(problem_id), goal, beliefs.held.last, jax.random.key(seed))
    episode: Episode = exploit(agent.agent, *inputs)
    steps = int(np.asarray(episode.trajectory.mask).sum())
    trajectory = first_steps(jax.tree.map(np.asarray, episode.trajectory), steps)
    return Exploited(trajectory, _decided(episode.extras), _separate(episode.states, steps))


def _decided(extras: Any) -> Decided | None:
    """Return what was recorded, if it is what trained agents record."""
    return jax.tree.map(np.asarray, extras) if isinstance(extras, Decided) else None


def _separate(states: Any, steps: int) -> list[Any]:
    states = jax.tree.map(np.asarray, states)
    return [jax.tree.map(lambda x, t=t: x[t], states) for t in range(steps + 1)]


def _begin(family: Family) -> Callable[..., _Begun]:
    def one(agent: Agent, problem_id: Any, key: Any) -> _Begun:
        keys, problem = trial_keys(key, 1), family.problem(problem_id)
        explored, beliefs = exploration(family, problem, agent, keys.explore, states=True)
        held = stored(explored.trajectory, beliefs)
        goal = family.sample_goal(keys.goals[0], problem)
        return _Begun(problem, held, explored.extras, explored.states, goal)

    return one


def _exploitation(family: Family) -> Callable[..., Episode]:
    def one(agent: Agent, problem_id: Any, goal: Any, belief: Belief, key: Any) -> Episode:
        [key] = trial_keys(key, 1).exploit
        problem = family.problem(problem_id)
        return exploitation(family, problem, agent, belief, goal, 0, key, states=True)

    return one
