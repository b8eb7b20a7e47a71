"""One trial taken apart: each step of the exploration, and the belief after it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from dreamrl.agents.algorithm import Agent
from dreamrl.deploy import ExplorationRecord, TrainedAgent
from dreamrl.deploy.driver import first_steps
from dreamrl.errors import UserError
from dreamrl.evaluation import per_family
from dreamrl.families.family import Family
from dreamrl.host import in_own_switches
from dreamrl.trial import Trial, play
from dreamrl.types import State, Trajectory


class Story(NamedTuple):
    """A trial as NumPy arrays, without padding."""

    family: Family
    problem_id: int
    seed: int
    beliefs: ExplorationRecord
    """Of each step, with the exploration that led to it."""
    goal: np.ndarray
    exploitation: Trajectory
    visited: tuple[list[State], list[State]]
    """[n+1] states of the exploration and of the exploitation, for drawing what observations do
    not tell. Not for agents."""

    def name_of(self, action: Any, exploring: bool = True) -> str:
        """Return an action in words, where the family has some."""
        names = getattr(self.family, "action_names", None)
        if not exploring:
            names = getattr(self.family, "exploitation_names", names)
        return str(np.round(action, 3).tolist()) if names is None else names[int(action)]

    def states(self, exploring: bool) -> list[State]:
        """Return the states that an episode went through."""
        return self.visited[0 if exploring else 1]


@in_own_switches
def play_story(agent: TrainedAgent, problem_id: int, seed: int = 0) -> Story:
    """Play one trial in a problem; the seed draws the goal, and whatever else is random.

    Raises:
        UserError: For a problem that the family has not.
    """
    family = agent.family
    if problem_id not in family.train_ids and problem_id not in family.test_ids:
        raise UserError(f"family {family.name!r} has no problem {problem_id}")
    trial = per_family(_trial, family)(agent.agent, np.int32(problem_id), jax.random.key(seed))
    visited = (trial.states.exploration, jax.tree.map(lambda x: x[0], trial.states.exploitation))
    trial = jax.tree.map(np.asarray, trial._replace(states=None))
    beliefs = agent.measured(agent.read(trial.exploration), problem_id)
    episode = jax.tree.map(lambda x: x[0], trial.exploitation)
    exploitation = first_steps(episode, int(episode.mask.sum()))
    steps = (beliefs.steps, len(exploitation.actions))
    explored, exploited = (
        [jax.tree.map(lambda x, t=t: x[t], each) for t in range(number + 1)]
        for each, number in zip(visited, steps, strict=True)
    )
    states = (explored, exploited)
    return Story(family, problem_id, seed, beliefs, trial.goals[0], exploitation, states)


def _trial(family: Family) -> Callable[..., Trial]:
    def one(agent: Agent, problem_id: Any, key: Any) -> Trial:
        return play(family, family.problem(problem_id), agent, key, states=True)

    return one
