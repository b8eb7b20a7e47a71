"""A family whose observations say, in both episodes, what is known about the problem from outside.

A machine's model, a patient's age: it narrows down what problem this may be, and does not tell it.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

from dreamrl.errors import UserError, raised
from dreamrl.families.family import CanObserve, mask_of
from dreamrl.families.wrapper import Wrapper, pass_on
from dreamrl.spaces import Privileged
from dreamrl.types import Action, Goal, Key, Observation, Problem, State, Step, Trajectory


@dataclasses.dataclass(frozen=True)
class WithContext(Wrapper):
    """`family`, every observation followed by the context of the problem.

    Agents need not know of it: it is in what they see. The family is given its own observations
    where it counts something (`statistics`).

    Args:
        family: One that has a `context`.

    Raises:
        UserError: Where the context is not a vector of numbers.
    """

    def __post_init__(self) -> None:
        """Take over what the family may have beside the rest."""
        if fault := context_fault(self.family):
            raise UserError(f"family {self.family.name!r}: {fault}")
        wrap = functools.partial(functools.partial, self._count_without_context)
        pass_on(self, statistics=wrap, exploitation_statistics=wrap)
        if isinstance(self.family, CanObserve):
            object.__setattr__(self, "observe", self._observe_with_context)

    @functools.cached_property
    def observation_space(self) -> Privileged:
        size = jax.eval_shape(self._first, jnp.array(self.train_ids[0])).shape[0]
        return Privileged(self.family.observation_space, size)

    def join(self, observation: Any, context: Any) -> Float[Array, " both"]:
        """Return an observation as agents see it: for custom loops, around a device."""
        space = self.observation_space
        vector = jnp.asarray(context, jnp.float32)
        if vector.shape != (space.said,):
            raise UserError(
                f"family {self.family.name!r}: a context is {space.said} numbers, this is of shape "
                f"{vector.shape}"
            )
        return space.join(jnp.asarray(observation, space.seen.dtype), vector)

    def action_mask(
        self, problem: Problem, goal: Goal, state: State
    ) -> Bool[Array, " actions"] | None:
        return mask_of(self.family, problem, goal, state)

    def reset(self, key: Key, problem: Problem) -> tuple[State, Float[Array, " both"]]:
        state, observation = self.family.reset(key, problem)
        return state, self._with_context(problem, observation)

    def step(
        self, key: Key, problem: Problem, goal: Goal, state: State, action: Action
    ) -> tuple[State, Step]:
        state, outcome = self.family.step(key, problem, goal, state, action)
        view = self._with_context(problem, outcome.observation)
        return state, outcome._replace(observation=view)

    def _first(self, problem_id: Array) -> Float[Array, " said"]:
        return context_of(self.family, self.family.problem(problem_id))

    def _with_context(self, problem: Problem, observation: Observation) -> Float[Array, " both"]:
        return self.observation_space.join(observation, context_of(self.family, problem))

    def _observe_with_context(self, problem: Problem, state: State) -> Observation:
        return self._with_context(problem, self.family.observe(problem, state))  # type: ignore[attr-defined]

    def _count_without_context(
        self, count: Callable[..., Any], problem: Problem, episode: Trajectory
    ) -> dict[str, Shaped[Array, ""]]:
        """Return what the family counts of an episode, given it without the context."""
        observations, _ = self.observation_space.split(episode.observations)
        return count(problem, episode._replace(observations=observations))


def context_of(family: Any, problem: Problem) -> Float[Array, " said"]:
    """Return the context of a problem as agents see it."""
    return jnp.asarray(family.context(problem)).astype(jnp.float32)


def context_fault(family: Any) -> str | None:
    """Return what is wrong with the shape or the type of a family's context; None if nothing is."""
    try:
        first = jax.eval_shape(
            lambda i: family.context(family.problem(i)), jnp.array(family.train_ids[0])
        )
    except Exception as error:
        return f"context: {raised(error)}"
    leaf = first if isinstance(first, jax.ShapeDtypeStruct) else None
    if leaf is None or leaf.ndim != 1 or not leaf.size or not _is_number(leaf.dtype):
        kind = type(first).__name__ if leaf is None else f"{leaf.dtype}{leaf.shape}"
        return f"context(problem) must return a vector of numbers, one at least, returns {kind}"
    return None


def _is_number(dtype: Any) -> bool:
    return any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_))
