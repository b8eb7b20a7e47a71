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
from dreamrl.configuration import COUNT, SHARE, Range, check_divides, check_ranges
from dreamrl.learners.ppo import PPO


@dataclasses.dataclass(frozen=True)
class WholeTrialSettings:
    """Hyperparameters of a method with one policy for the whole trial."""

    budget: Budget = Budget()
    learner: Learner = PPO()
    """The learner of the policy."""
    hidden: Annotated[int, COUNT] = 64
    """Width of the trial encoder and of the policy."""
    discount: Annotated[float, SHARE] = 0.99
    """Discount of a step, through the whole trial."""
    may_end: bool = True
    """Whether exploitation may take the family's end action, where there is one."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_learner(self.learner, self.budget)


@dataclasses.dataclass(frozen=True)
class Reader:
    """The reader of trials, where a loss of its own trains it beside the policy's."""

    random_share: Annotated[float, Range(0.0, 0.9)] = 0.0
    """Share of explorations that act partly at random, each as often as it draws from 0..1: the
    policy does not learn from those."""
    replay: int = 0
    """Trials kept, which trials must divide; 0: it learns from new ones only."""
    batch: Annotated[int, COUNT] = 128
    """Replayed trials an update."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclasses.dataclass(frozen=True)
class ReaderSettings(WholeTrialSettings):
    """Hyperparameters of a method that also has a loss for what reads its trials."""

    reader: Reader = Reader()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_divides("reader.replay", self.reader.replay, "trials", self.budget.trials)


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
