"""One trial taken apart: what each step of the exploration showed, and what was then believed."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from dreamrl.agents.agent import Algorithm
from dreamrl.errors import UserError
from dreamrl.evaluate import meta_test, per_family
from dreamrl.families.family import Family
from dreamrl.trial import Trial
from dreamrl.types import ProblemID, Trajectory

NEARNESS = 0.1
"""How far a problem's z may be from the belief and still be thought likely, as a share of the
mean squared distance between the encodings and their mean."""


class Story(NamedTuple):
    """A trial as NumPy arrays, with the encodings of training problems to read beliefs by."""

    family: Family
    problem_id: int
    trial: Trial
    """Of one exploitation episode; everything beyond the end of an episode is cut off."""
    moved: np.ndarray
    """[T]: how far each step moved the belief."""
    errors: np.ndarray | None
    """[T+1]: squared distance of the belief to the problem's true z, for training problems."""
    likely: np.ndarray | None
    """[T+1, training problems]: shares, by how near each one's z is to the belief. A way of
    reading beliefs that the agent knows nothing of; None without an encoder."""

    @property
    def gained(self) -> np.ndarray | None:
        """[T]: information gained by each step, as a share of what there was to know."""
        if self.errors is None:
            return None
        return -np.diff(self.errors) / max(float(self.errors[0]), 1e-9)


def tell(
    family: Family, algorithm: Algorithm, state: PyTree, problem_id: int, seed: int = 0
) -> Story:
    """Plays one trial in a problem and reads its beliefs against the training problems' z."""
    if problem_id not in (*family.train_ids, *family.test_ids):
        raise UserError(f"family {family.name!r} has no problem {problem_id}")
    agent = algorithm.agent(state)
    key = jax.random.key(seed)
    played = per_family(_one, family)(agent, jnp.array(problem_id), key)
    trial = _cut(jax.tree.map(np.asarray, played))
    mean = np.asarray(trial.beliefs.mean)
    moved = np.linalg.norm(np.diff(mean, axis=0), axis=-1)
    true = algorithm.encode(state, ProblemID(jnp.array(family.train_ids)))
    if true is None:
        return Story(family, problem_id, trial, moved, None, None)
    encodings = np.asarray(true)
    distances: np.ndarray = ((mean[:, None] - encodings) ** 2).sum(-1)
    errors = None
    if problem_id in family.train_ids:
        errors = distances[:, family.train_ids.index(problem_id)]
    return Story(family, problem_id, trial, moved, errors, _shares(distances, encodings))


def _one(family: Family) -> Callable[..., Trial]:
    return lambda agent, problem_id, key: meta_test(family, agent, family.problem(problem_id), key)


def _cut(trial: Trial) -> Trial:
    """The first exploitation episode alone, and no steps that were not taken."""
    length = int(trial.exploration.mask.sum())
    exploitation = jax.tree.map(lambda x: x[0], trial.exploitation)
    return Trial(
        _first(trial.exploration, length),
        jax.tree.map(lambda x: x[: length + 1], trial.beliefs),
        trial.goals[0],
        _first(exploitation, int(exploitation.mask.sum())),
    )


def _first(trajectory: Trajectory, length: int) -> Trajectory:
    cut = jax.tree.map(lambda x: x[:length], trajectory)
    return cut._replace(observations=trajectory.observations[: length + 1])


def _shares(distances: np.ndarray, encodings: np.ndarray) -> np.ndarray:
    spread = ((encodings - encodings.mean(0)) ** 2).sum(-1).mean()
    weights = np.exp(-(distances - distances.min(-1, keepdims=True)) / (NEARNESS * spread + 1e-9))
    return weights / weights.sum(-1, keepdims=True)
