"""Environments of an agent: anything that one can reset and step."""

import functools
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Shaped

from dreamrl.errors import UserError, without_jax
from dreamrl.evaluation import per_family
from dreamrl.families.family import Family, HasActionMask, mask_of, plain_ids
from dreamrl.types import Goal, Problem, State
from dreamrl.values import Whole, seed_from


@runtime_checkable
class Environment(Protocol):
    """An episode: a robot, a simulator, a service."""

    def reset(self) -> Any:
        """Begin an episode and give its first observation."""
        ...

    def step(self, action: Any) -> tuple[Any, float, bool, bool]:
        """Return observation, reward, terminated, truncated."""
        ...


@runtime_checkable
class HasAllowed(Protocol):
    """The further method of an `Environment` of a family with an `action_mask`."""

    def allowed(self) -> Any:
        """Return a flag for each action: whether it is possible now."""
        ...


def allowed_in(environment: Environment) -> Any:
    """Return which actions are possible now; None where the environment does not say."""
    return environment.allowed() if isinstance(environment, HasAllowed) else None


class ProblemEnvironment:
    """A problem of a family as an environment; only this knows what problem it is.

    `goal` is None for explorations. The same seed gives the same episode for the same actions.
    """

    def __init__(self, family: Family, problem: Problem, goal: Goal = None, seed: Whole = 0):
        self._family, self._problem, self._goal = family, problem, goal
        self._key = jax.random.key(seed_from(seed))
        self._state: Any = None
        self._steps = 0
        self._dtype = family.action_space.dtype

    @property
    def state(self) -> State:
        """The episode's state, as the family knows it; None before `reset`. Not for agents."""
        return self._state

    @without_jax()
    def reset(self) -> Shaped[np.ndarray, "..."]:
        self._steps = 0
        self._state, observation = per_family(_reset, self._family)(self._problem, self._key)
        return np.asarray(observation)

    @without_jax()
    def allowed(self) -> Bool[np.ndarray, " actions"] | None:
        if not isinstance(self._family, HasActionMask):
            return None
        mask = per_family(_mask, self._family)(self._problem, self._goal, self._state)
        return None if mask is None else np.asarray(mask)

    @without_jax()
    def step(self, action: Any) -> tuple[Shaped[np.ndarray, "..."], float, bool, bool]:
        if self._state is None:
            raise UserError("step before reset: an episode begins with reset()")
        self._steps += 1
        inputs = self._problem, self._goal, self._state, np.asarray(action, self._dtype)
        advance = per_family(_step, self._family)
        self._state, step = advance(*inputs, self._key, np.int32(self._steps))
        observation, reward, terminated, truncated = jax.tree.map(np.asarray, step)
        return observation, float(reward), bool(terminated), bool(truncated)


def problem_of(family: Family, where: Any) -> Problem:
    """Return the problem of a family that `where` is, or whose ID it is."""
    if isinstance(where, int | np.integer):
        if where not in plain_ids(family.train_ids) and where not in plain_ids(family.test_ids):
            raise UserError(f"family {family.name!r} has no problem {where}")
        return per_family(_problem, family)(np.int32(where))
    if _shapes(where) != _shapes(jax.eval_shape(family.problem, jnp.array(family.train_ids[0]))):
        raise UserError(
            f"an agent explores and exploits in a problem ID or Problem of {family.name!r}, or in "
            f"an object with reset() and step(action); this is a {type(where).__name__}"
        )
    return where


def _shapes(tree: Any) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return structure, [getattr(leaf, "shape", None) for leaf in leaves]


def _problem(family: Family) -> Callable[..., Any]:
    return lambda problem_id: family.problem(problem_id)


def _reset(family: Family) -> Callable[..., Any]:
    return lambda problem, key: family.reset(jax.random.fold_in(key, 0), problem)


def _mask(family: Family) -> Callable[..., Any]:
    return functools.partial(mask_of, family)


def _step(family: Family) -> Callable[..., Any]:
    def step(problem, goal, state, action, key, number):
        return family.step(jax.random.fold_in(key, number), problem, goal, state, action)

    return step
