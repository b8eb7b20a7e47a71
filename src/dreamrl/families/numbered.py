"""A family whose actions have several parts, for agents that choose one number."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Shaped

from dreamrl.errors import UserError
from dreamrl.families.combined import combinations, combined_names
from dreamrl.families.family import CanObserve, HasActionMask, HasContext
from dreamrl.families.wrapper import Wrapper, pass_on
from dreamrl.spaces import Discrete
from dreamrl.types import Action, Goal, Key, Observation, Problem, State, Step, Trajectory


@dataclasses.dataclass(frozen=True)
class Numbered(Wrapper):
    """`family`, whose actions are `MultiDiscrete`: a number stands for each combination.

    Its names of actions are of the parts, a sequence for each; its action mask has an axis for
    each.

    Raises:
        UserError: Where there are too many combinations, or an end action, which has no number.
    """

    def __post_init__(self) -> None:
        """Take over what the family may have beside the rest."""
        try:
            combinations(self._ns, self.family.action_space)
            if self.family.end_action is not None:
                raise UserError("end_action must be None, as actions have several parts")
        except UserError as error:
            raise UserError(f"family {self.family.name!r}: {error}") from None
        decode = functools.partial(functools.partial, self._count_with_own_actions)
        names = functools.partial(combined_names, self._ns)
        pass_on(
            self,
            statistics=decode,
            exploitation_statistics=decode,
            action_names=names,
            exploitation_names=names,
        )
        if not hasattr(self, "action_names"):
            object.__setattr__(self, "action_names", names())
        if isinstance(self.family, CanObserve):
            object.__setattr__(self, "observe", self.family.observe)
        if isinstance(self.family, HasContext):
            object.__setattr__(self, "context", self.family.context)

    @property
    def _ns(self) -> tuple[int, ...]:
        space: Any = self.family.action_space
        return space.ns

    @property
    def action_space(self) -> Discrete:
        return Discrete(combinations(self._ns, self.family.action_space))

    def action(self, number: Int[Array, "..."] | int) -> Int[Array, "... parts"]:
        """Return the family's own action, of its number."""
        return jnp.stack(jnp.unravel_index(jnp.asarray(number), self._ns), axis=-1)

    def action_mask(
        self, problem: Problem, goal: Goal, state: State
    ) -> Bool[Array, " actions"] | None:
        if not isinstance(self.family, HasActionMask):
            return None
        mask: Array | None = self.family.action_mask(problem, goal, state)
        return None if mask is None else mask.reshape(-1)

    def reset(self, key: Key, problem: Problem) -> tuple[State, Observation]:
        return self.family.reset(key, problem)

    def step(
        self, key: Key, problem: Problem, goal: Goal, state: State, action: Action
    ) -> tuple[State, Step]:
        return self.family.step(key, problem, goal, state, self.action(action))

    def _count_with_own_actions(
        self, count: Callable[..., Any], problem: Problem, episode: Trajectory
    ) -> dict[str, Shaped[Array, ""]]:
        """Return what the family counts of an episode, given it with its own actions."""
        return count(problem, episode._replace(actions=self.action(episode.actions)))
