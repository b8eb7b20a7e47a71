"""One trial taken apart: what each step of the exploration showed, and what was then believed."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dreamrl.deploy import Beliefs, ProblemEnvironment, TrainedAgent
from dreamrl.errors import UserError
from dreamrl.evaluation import per_family
from dreamrl.families.family import Family
from dreamrl.host import in_own_switches
from dreamrl.types import Goal, State, Trajectory


class Story(NamedTuple):
    """A trial as NumPy arrays, without padding."""

    family: Family
    problem_id: int
    seed: int
    beliefs: Beliefs
    """What was believed after each step, with the exploration that showed it."""
    goal: np.ndarray
    exploitation: Trajectory

    def name_of(self, action: Any) -> str:
        names = getattr(self.family, "action_names", None)
        return str(np.round(action, 3).tolist()) if names is None else names[int(action)]

    def states(self, exploring: bool) -> list[State]:
        """[n+1]: what an episode went through, for drawing what its observations do not tell.

        It is played again: the same seed and actions lead to the same.
        """
        episode = self.beliefs.trajectory if exploring else self.exploitation
        goal = None if exploring else jnp.asarray(self.goal)
        seed = self.seed if exploring else _next(self.seed)
        return states_of(self.family, self.problem_id, goal, seed, episode.actions)


def states_of(
    family: Family, problem_id: int, goal: Goal, seed: int, actions: Iterable[Any]
) -> list[State]:
    """[n+1]: what an episode went through that was played with this seed."""
    environment = ProblemEnvironment(family, family.problem(jnp.array(problem_id)), goal, seed)
    environment.reset()
    states = [environment.state]
    for action in actions:
        environment.step(action)
        states.append(environment.state)
    return states


@in_own_switches
def tell(agent: TrainedAgent, problem_id: int, seed: int = 0) -> Story:
    """Plays one trial in a problem; the seed draws the goal, and whatever else is random."""
    family = agent.family
    if problem_id not in family.train_ids and problem_id not in family.test_ids:
        raise UserError(f"family {family.name!r} has no problem {problem_id}")
    beliefs = agent.explore(problem_id, seed)
    goal = np.asarray(per_family(_goal, family)(np.int32(problem_id), jax.random.key(seed)))
    exploitation = agent.exploit(problem_id, goal, beliefs, _next(seed))
    return Story(family, problem_id, seed, beliefs, goal, exploitation)


def _next(seed: int) -> int:
    """The exploitation's: it is another episode, and begins elsewhere."""
    return (seed + 1) % 2**32


def _goal(family: Family) -> Callable[..., Array]:
    return lambda problem_id, key: family.sample_goal(key, family.problem(problem_id))
