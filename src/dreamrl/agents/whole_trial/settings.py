"""Hyperparameters that methods with one policy for the whole trial share, and their presets."""

import dataclasses
from typing import Annotated, Any, TypeVar

from dreamrl.agents.settings import (
    PAPER_BUDGET,
    PAPER_DQN,
    Budget,
    Learner,
    check_learner,
    cooked,
    pictures,
)
from dreamrl.configuration import COUNT, SHARE, check_ranges
from dreamrl.learners.ppo import PPO


@dataclasses.dataclass(frozen=True)
class WholeTrialSettings:
    """Hyperparameters of a method with one policy for the whole trial."""

    budget: Budget = Budget()
    learner: Learner = PPO()
    """What trains the policy."""
    hidden: Annotated[int, COUNT] = 64
    """Width of the trial encoder and of the policy."""
    discount: Annotated[float, SHARE] = 0.99
    """Discount of a step, through the whole trial."""
    may_end: bool = True
    """Whether exploitation may take the family's end action, where there is one."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_learner(self.learner, self.budget)


S = TypeVar("S", bound=Any)


def presets(default: S) -> dict[str, S]:
    """Return the presets of a method that needs none of its own."""
    paper = dataclasses.replace(default, budget=PAPER_BUDGET, learner=PAPER_DQN)
    return {
        "default": default,
        "cooking": cooked(default, both=True),
        "sign": dataclasses.replace(pictures(default, both=True), may_end=False),
        "paper": paper,
    }
