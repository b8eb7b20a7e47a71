"""One trial taken apart: what each step of the exploration showed, and what was then believed."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from dreamrl.errors import UserError
from dreamrl.evaluate import per_family
from dreamrl.families.family import Family
from dreamrl.types import Trajectory
from dreamrl.use import Beliefs, TrainedAgent


class Story(NamedTuple):
    """A trial as NumPy arrays, without padding."""

    family: Family
    problem_id: int
    beliefs: Beliefs
    """What was believed after each step, with the exploration that showed it."""
    goal: np.ndarray
    exploitation: Trajectory


def tell(agent: TrainedAgent, problem_id: int, seed: int = 0) -> Story:
    """Plays one trial in a problem; the seed draws the goal, and whatever else is random."""
    family = agent.family
    if problem_id not in family.train_ids and problem_id not in family.test_ids:
        raise UserError(f"family {family.name!r} has no problem {problem_id}")
    beliefs = agent.explore(problem_id, seed)
    goal = np.asarray(per_family(_goal, family)(np.int32(problem_id), jax.random.key(seed)))
    return Story(family, problem_id, beliefs, goal, agent.exploit(problem_id, goal, beliefs, seed))


def _goal(family: Family) -> Callable[..., Array]:
    return lambda problem_id, key: family.sample_goal(key, family.problem(problem_id))
