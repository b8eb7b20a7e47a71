"""The common part of families that stand around another: but for what they change, they are it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Int, Scalar, Shaped

from dreamrl.families.family import Family, exploration_weight, horizon_of, prior_of
from dreamrl.families.turns import at_once
from dreamrl.spaces import ActionSpace, Space
from dreamrl.types import Key, Problem

PASSED_ON = (
    "describe",
    "goals",
    "symmetries",
    "statistics",
    "exploitation_statistics",
    "action_names",
    "exploitation_names",
    "drawing",
    "facts",
    "observation",
    "action",
    "allowed",
    "join",
)
"""Optional parts of a family that say nothing of its states; the last four for custom loops."""


def pass_on(wrapper: Any, **changed: Any) -> None:
    """Give a wrapper what its family has of `PASSED_ON`, each part by `changed` if it is there."""
    for name in PASSED_ON:
        if (part := getattr(wrapper.family, name, None)) is not None:
            part = changed[name](part) if name in changed else part
            object.__setattr__(wrapper, name, part)


@dataclasses.dataclass(frozen=True)
class Wrapper:
    """`family`, to be changed by a class that inherits from this one; it plays nothing itself."""

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
    def exploration_horizon(self) -> int:
        return horizon_of(self.family, exploring=True)

    @property
    def exploration_weight(self) -> float:
        return exploration_weight(self.family)

    @property
    def at_once(self) -> int | None:
        return at_once(self.family)

    @property
    def end_action(self) -> int | None:
        return self.family.end_action

    @property
    def observation_space(self) -> Space:
        return self.family.observation_space

    @property
    def action_space(self) -> ActionSpace:
        return self.family.action_space

    @property
    def goal_space(self) -> Space:
        return self.family.goal_space

    def prior(self, ids: Sequence[int]) -> Float[np.ndarray, " ids"] | None:
        return prior_of(self.family, ids)

    def problem(self, problem_id: Int[Scalar, ""]) -> Problem:
        return self.family.problem(problem_id)

    def sample_goal(self, key: Key, problem: Problem) -> Shaped[Array, "..."]:
        return self.family.sample_goal(key, problem)
