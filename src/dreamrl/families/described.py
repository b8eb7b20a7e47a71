"""A family whose observations say what problem this is: what an informed agent is trained on."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.families.family import Family
from dreamrl.spaces import Box, Discrete, Space
from dreamrl.types import Action, Goal, Key, Problem, State, Step

MANY = 32
"""An entry of a problem with more values than this is given as a number, not one-hot."""


@dataclasses.dataclass(frozen=True)
class Described:
    """`family`, every observation followed by all that differs between its problems."""

    family: Family

    @property
    def name(self) -> str:
        return self.family.name

    @property
    def train_ids(self) -> tuple[int, ...]:
        return self.family.train_ids

    @property
    def test_ids(self) -> tuple[int, ...]:
        return self.family.test_ids

    @property
    def horizon(self) -> int:
        return self.family.horizon

    @property
    def end_action(self) -> int | None:
        return self.family.end_action

    @property
    def action_space(self) -> Discrete:
        return self.family.action_space

    @property
    def goal_space(self) -> Space:
        return self.family.goal_space

    @property
    def observation_space(self) -> Box:
        features = self.family.observation_space.features + len(self._values[0])
        return Box(-np.inf, np.inf, (features,))

    @functools.cached_property
    def _values(self) -> tuple[np.ndarray, np.ndarray]:
        """For each feature: which entry of the problem it is about, and the value it stands for.

        NaN stands for the entry itself, divided by 100.
        """
        # Whoever asks first may be in the middle of tracing a program.
        with jax.ensure_compile_time_eval():
            ids = jnp.array(sorted({*self.train_ids, *self.test_ids}))
            entries = np.asarray(jax.vmap(self._entries)(ids))
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

    def _entries(self, problem_id: Array) -> Float[Array, " entries"]:
        return _flat(self.problem(problem_id))

    def problem(self, problem_id: Int[Scalar, ""]) -> Problem:
        return self.family.problem(problem_id)

    def sample_goal(self, key: Key, problem: Problem) -> Array:
        return self.family.sample_goal(key, problem)

    def reset(self, key: Key, problem: Problem) -> tuple[State, Float[Array, " features"]]:
        state, observation = self.family.reset(key, problem)
        return state, self._described(problem, observation)

    def step(
        self, key: Key, problem: Problem, goal: Goal, state: State, action: Action
    ) -> tuple[State, Step]:
        state, outcome = self.family.step(key, problem, goal, state, action)
        seen = self._described(problem, outcome.observation)
        return state, outcome._replace(observation=seen)

    def _described(self, problem: Problem, observation: Array) -> Float[Array, " features"]:
        about, values = self._values
        entries = _flat(problem)[about]
        described = jnp.where(np.isnan(values), entries / 100, entries == values)
        seen = self.family.observation_space.encode(observation)
        return jnp.concatenate([seen, described.astype(jnp.float32)])


def _flat(problem: Problem) -> Float[Array, " entries"]:
    return jnp.concatenate(
        [jnp.ravel(leaf).astype(jnp.float32) for leaf in jax.tree.leaves(problem)]
    )
