"""A family whose observations say what problem this is: what an informed agent is trained on."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Scalar, Shaped

from dreamrl.families.family import HasDescriptions, mask_of
from dreamrl.families.wrapper import Wrapper
from dreamrl.spaces import Privileged
from dreamrl.types import Action, Goal, Key, Problem, State, Step

MANY = 32
"""An entry of a problem with more values than this is given as a number, not one-hot."""


def entries_of(problem: Problem) -> Float[Array, " entries"]:
    """Return all numbers that a problem is made of."""
    leaves = jax.tree.leaves(problem)
    return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float32) for leaf in leaves])


class Features(NamedTuple):
    """Features that tell problems apart."""

    about: Int[np.ndarray, " features"]
    """The entry that each is about."""
    values: Float[np.ndarray, " features"]
    """The value of the entry that it stands for."""
    whole: Bool[np.ndarray, " features"]
    """True where it is the entry itself instead, divided by 100."""


def what_differs(entries: Float[np.ndarray, "problems entries"]) -> Features:
    """Return the features of problems, from the [problems, entries] of all of them."""
    rows: list[tuple[int, float, bool]] = []
    for number, column in enumerate(entries.T):
        values = np.unique(column)
        if 1 < len(values) <= MANY:
            rows += [(number, float(value), False) for value in values]
        elif len(values) > MANY:
            rows.append((number, 0.0, True))
    return Features(
        np.array([entry for entry, _, _ in rows], int),
        np.array([value for _, value, _ in rows], np.float32),
        np.array([is_whole for _, _, is_whole in rows], bool),
    )


def said_of(entries: Float[Array, " entries"], features: Features) -> Float[Array, " said"]:
    """Return the features of one problem."""
    numbers = entries[features.about]
    vector = jnp.where(features.whole, numbers / 100, numbers == features.values)
    return vector.astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class WithTaskInfo(Wrapper):
    """`family`, every observation followed by all that differs between its problems."""

    @property
    def observation_space(self) -> Privileged:
        size = jax.eval_shape(self._description, jnp.array(0)).shape[0]
        return Privileged(self.family.observation_space, size)

    def action_mask(
        self, problem: Problem, goal: Goal, state: State
    ) -> Bool[Array, " actions"] | None:
        return mask_of(self.family, problem[0], goal, state)

    @functools.cached_property
    def _features(self) -> Features:
        # Whoever asks first may be in the middle of tracing a program.
        with jax.ensure_compile_time_eval():
            ids = jnp.array(sorted({*self.train_ids, *self.test_ids}))
            return what_differs(np.asarray(jax.vmap(self._entries)(ids)))

    def problem(self, problem_id: Int[Scalar, ""]) -> Problem:
        """Return the family's own problem, and what is said of it."""
        return self.family.problem(problem_id), self._description(problem_id)

    def sample_goal(self, key: Key, problem: Problem) -> Shaped[Array, "..."]:
        return self.family.sample_goal(key, problem[0])

    def reset(self, key: Key, problem: Problem) -> tuple[State, Float[Array, " both"]]:
        state, observation = self.family.reset(key, problem[0])
        return state, self._with_description(problem, observation)

    def step(
        self, key: Key, problem: Problem, goal: Goal, state: State, action: Action
    ) -> tuple[State, Step]:
        state, outcome = self.family.step(key, problem[0], goal, state, action)
        view = self._with_description(problem, outcome.observation)
        return state, outcome._replace(observation=view)

    def _with_description(self, problem: Problem, observation: Array) -> Float[Array, " both"]:
        return self.observation_space.join(observation, problem[1])

    def _description(self, problem_id: Int[Scalar, ""]) -> Float[Array, " said"]:
        """Return the family's own description, or else one made of all entries of the problem."""
        if isinstance(self.family, HasDescriptions):
            return self.family.describe(problem_id)
        return said_of(self._entries(problem_id), self._features)

    def _entries(self, problem_id: Array) -> Float[Array, " entries"]:
        return entries_of(self.family.problem(problem_id))
