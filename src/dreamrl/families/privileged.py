"""A family whose observations say what problem this is: what an informed agent is trained on."""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar, Shaped

from dreamrl.families.family import Family, HasDescriptions, prior_of
from dreamrl.families.turns import at_once
from dreamrl.spaces import ActionSpace, Privileged, Space
from dreamrl.types import Action, Goal, Key, Problem, State, Step

MANY = 32
"""An entry of a problem with more values than this is given as a number, not one-hot."""


def entries_of(problem: Problem) -> Float[Array, " entries"]:
    """Return all numbers that a problem is made of."""
    leaves = jax.tree.leaves(problem)
    return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float32) for leaf in leaves])


def what_differs(
    entries: Float[np.ndarray, "problems entries"],
) -> tuple[Int[np.ndarray, " said"], Float[np.ndarray, " said"]]:
    """Return features that tell problems apart, from the [problems, entries] of all of them.

    For each feature: which entry it is about, and the value it stands for; NaN stands for the
    entry itself, divided by 100.
    """
    about: list[int] = []
    values: list[float] = []
    for number, column in enumerate(entries.T):
        found = np.unique(column)
        if len(found) == 1:
            continue
        kept = found if len(found) <= MANY else np.array([np.nan])
        about += [number] * len(kept)
        values += kept.tolist()
    return np.array(about, int), np.array(values, np.float32)


def said_of(
    entries: Float[Array, " entries"],
    about: Int[np.ndarray, " said"],
    values: Float[np.ndarray, " said"],
) -> Float[Array, " said"]:
    """Return the features of `what_differs`, of one problem."""
    numbers = entries[about]
    said = jnp.where(np.isnan(values), numbers / 100, numbers == values)
    return said.astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class WithTaskInfo:
    """`family`, every observation followed by all that differs between its problems."""

    family: Family

    @property
    def name(self) -> str:
        return self.family.name

    @property
    def train_ids(self) -> tuple[int, ...] | range:
        return self.family.train_ids

    @property
    def test_ids(self) -> tuple[int, ...] | range:
        return self.family.test_ids

    @property
    def horizon(self) -> int:
        return self.family.horizon

    @property
    def at_once(self) -> int | None:
        return at_once(self.family)

    @property
    def end_action(self) -> int | None:
        return self.family.end_action

    @property
    def action_space(self) -> ActionSpace:
        return self.family.action_space

    @property
    def goal_space(self) -> Space:
        return self.family.goal_space

    @property
    def observation_space(self) -> Privileged:
        said = jax.eval_shape(self._said, jnp.array(0)).shape[0]
        return Privileged(self.family.observation_space, said)

    def prior(self, ids: Sequence[int]) -> Float[np.ndarray, " ids"] | None:
        return prior_of(self.family, ids)

    @functools.cached_property
    def _values(self) -> tuple[np.ndarray, np.ndarray]:
        # Whoever asks first may be in the middle of tracing a program.
        with jax.ensure_compile_time_eval():
            ids = jnp.array(sorted({*self.train_ids, *self.test_ids}))
            return what_differs(np.asarray(jax.vmap(self._entries)(ids)))

    def problem(self, problem_id: Int[Scalar, ""]) -> Problem:
        """Return the family's own problem, and what is said of it."""
        return self.family.problem(problem_id), self._said(problem_id)

    def sample_goal(self, key: Key, problem: Problem) -> Shaped[Array, "..."]:
        return self.family.sample_goal(key, problem[0])

    def reset(self, key: Key, problem: Problem) -> tuple[State, Float[Array, " both"]]:
        state, observation = self.family.reset(key, problem[0])
        return state, self._informed(problem, observation)

    def step(
        self, key: Key, problem: Problem, goal: Goal, state: State, action: Action
    ) -> tuple[State, Step]:
        state, outcome = self.family.step(key, problem[0], goal, state, action)
        seen = self._informed(problem, outcome.observation)
        return state, outcome._replace(observation=seen)

    def _informed(self, problem: Problem, observation: Array) -> Float[Array, " both"]:
        return self.observation_space.join(observation, problem[1])

    def _said(self, problem_id: Int[Scalar, ""]) -> Float[Array, " said"]:
        """Return the family's own description, or else one made of all entries of the problem."""
        if isinstance(self.family, HasDescriptions):
            return self.family.describe(problem_id)
        return said_of(self._entries(problem_id), *self._values)

    def _entries(self, problem_id: Array) -> Float[Array, " entries"]:
        return entries_of(self.family.problem(problem_id))
