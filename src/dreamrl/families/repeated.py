"""A family whose exploration is several episodes: after an end it is reset, and tried again."""

import dataclasses
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from dreamrl.errors import UserError
from dreamrl.families.family import Family, horizon_of, mask_of
from dreamrl.families.turns import at_once
from dreamrl.families.wrapper import Wrapper, pass_on
from dreamrl.types import Action, Goal, Key, Observation, Problem, State, Step


class RepeatedState(NamedTuple):
    """The family's own state, and where an exploration has got to."""

    inner: State
    episode: Int[Array, ""]
    """Number of the exploration episode; 0 in an exploitation."""
    over: Bool[Array, ""]
    """True once it has ended: the next action begins another one, and is not taken."""


@runtime_checkable
class RepeatsItself(Protocol):
    """A family that is played outside of JAX, and begins its episodes again there."""

    @property
    def explorations(self) -> int:
        """Exploration episodes a trial."""
        ...

    def explored_in(self, explorations: int) -> Family:
        """Return the same family, explored in so many episodes a trial."""
        ...


@dataclasses.dataclass(frozen=True)
class Repeated(Wrapper):
    """`family`, explored in so many episodes; what is exploited stays one episode.

    An exploration goes on after an end: the last observation is seen, then one step that takes no
    action and pays nothing shows the first observation of the next episode.

    Args:
        family: Any that can be played side by side without limit.
        explorations: Exploration episodes a trial.

    Raises:
        UserError: For a family whose episodes are played outside of JAX.
    """

    explorations: int

    def __post_init__(self) -> None:
        """Take over what the family may have beside the rest."""
        if self.at_once is not None:
            raise UserError(
                f"explorations must be 1 for {self.family.name!r}, which is played outside of JAX "
                "and has no method explored_in(explorations)"
            )
        pass_on(self)

    @property
    def exploration_horizon(self) -> int:
        return self.explorations * (horizon_of(self.family, exploring=True) + 1) - 1

    def action_mask(
        self, problem: Problem, goal: Goal, state: RepeatedState
    ) -> Bool[Array, " actions"] | None:
        mask = mask_of(self.family, problem, goal, state.inner)
        return None if mask is None else mask | state.over

    def reset(self, key: Key, problem: Problem) -> tuple[RepeatedState, Observation]:
        state, observation = self.family.reset(key, problem)
        return RepeatedState(state, jnp.array(0), jnp.array(False)), observation

    def step(
        self, key: Key, problem: Problem, goal: Goal, state: RepeatedState, action: Action
    ) -> tuple[RepeatedState, Step]:
        if goal is not None:
            inner, outcome = self.family.step(key, problem, goal, state.inner, action)
            return state._replace(inner=inner), outcome
        # Only one of the two counts, so that one key is enough.
        inner, outcome = self.family.step(key, problem, None, state.inner, action)
        is_over, last = (
            outcome.terminated | outcome.truncated,
            state.episode + 1 >= self.explorations,
        )
        outcome = outcome._replace(
            terminated=outcome.terminated & last, truncated=outcome.truncated & last
        )
        next_state = RepeatedState(inner, state.episode, is_over & ~last)
        first, observation = self.family.reset(key, problem)
        false = jnp.array(False)
        restart = (
            RepeatedState(first, state.episode + 1, false),
            Step(observation, jnp.zeros_like(outcome.reward), false, false),
        )
        return jax.tree.map(
            lambda x, y: jnp.where(state.over, x, y), restart, (next_state, Step(*outcome))
        )


def explorations_of(family: Family) -> int:
    """Return in how many episodes a trial explores the family."""
    if isinstance(family, Repeated | RepeatsItself):
        return family.explorations
    return explorations_of(family.family) if isinstance(family, Wrapper) else 1


def explored_in(family: Family, explorations: int) -> Any:
    """Return the family, explored in so many episodes a trial."""
    if explorations == 1:
        return family
    if isinstance(family, RepeatsItself):
        return family.explored_in(explorations)
    if isinstance(family, Wrapper) and at_once(family) is not None:
        # What is played outside of JAX begins again by itself, within whatever stands around it.
        return dataclasses.replace(family, family=explored_in(family.family, explorations))
    return Repeated(family, explorations)
