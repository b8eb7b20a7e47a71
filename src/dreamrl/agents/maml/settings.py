"""Hyperparameters of MAML, their valid ranges, and presets."""

import dataclasses
from typing import Annotated, Literal

from dreamrl.agents.settings import Budget, check_learner, cooked, pictures
from dreamrl.configuration import COUNT, SHARE, Range, check_ranges
from dreamrl.learners.ppo import PPO, PolicyObjective


@dataclasses.dataclass(frozen=True)
class Inner:
    """The inner steps, on one exploration."""

    steps: Annotated[int, Range(1, 100)] = 1
    """Gradient steps."""
    rate: Annotated[float, Range(1e-8, 1e4)] = 0.05
    """Rate of the steps; where it is learned, its start."""
    rates: Literal["learned", "fixed"] = "learned"
    """Inner rates: learned for each parameter, of either sign (Meta-SGD), or fixed."""
    order: Literal["second", "first"] = "second"
    """Order of the outer gradients: through the inner gradient, or with it as a constant."""
    discount: Annotated[float, SHARE] = 0.97
    """Discount of the exploration's rewards."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclasses.dataclass(frozen=True)
class MamlSettings:
    """Hyperparameters of MAML; times are shares of the whole run."""

    budget: Budget = Budget(trials=256)
    learner: PPO = PPO(
        exploitation=PolicyObjective(entropy=0.1, last_entropy=0.001, advantage_floor=0.3),
        exploration=PolicyObjective(entropy=0.1, last_entropy=0.1),
    )
    """The outer updates. The exploration's lambda is also that of the inner steps; its entropy
    keeps its weight, as a policy without chance has no policy gradient."""
    objective: Literal["maml", "e-maml"] = "maml"
    """Credit of the exploration's actions: the change they make in the expected inner step or,
    by e-maml, the return that followed."""
    inner: Inner = Inner()
    hidden: Annotated[int, COUNT] = 64
    """Width of the policy."""
    recurrent: bool = False
    """Whether the policy has a recurrent cell, whose state lasts for an episode."""
    discount: Annotated[float, SHARE] = 0.99
    """Discount of exploitation."""
    may_end: bool = True
    """Whether exploitation may take the family's end action, where there is one."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_learner(self.learner, self.budget)


_DEFAULT = MamlSettings()

PRESETS = {
    "default": _DEFAULT,
    "cooking": cooked(_DEFAULT),
    "sign": dataclasses.replace(pictures(_DEFAULT), may_end=False),
}
