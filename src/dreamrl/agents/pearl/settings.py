"""Hyperparameters of PEARL, their valid ranges, and presets."""

import dataclasses
from typing import Annotated, Any, Literal

from dreamrl.agents.settings import PAPER_BUDGET, PAPER_DQN_EPISODE, Budget, check_learner
from dreamrl.configuration import COUNT, SHARE, check_divides, check_order, check_ranges
from dreamrl.learners.dqn import DQN


@dataclasses.dataclass(frozen=True)
class PearlSettings:
    """Hyperparameters of PEARL; times are shares of the whole run."""

    budget: Budget = Budget()
    learner: DQN = DQN(
        updates=12,
        batch=256,
        capacity=32768,
        returns="peng",
        steps=3,
        target_every=1,
        target_rate=0.1,
        epsilon=0.0,
        last_epsilon=0.0,
        temperature=0.3,
        last_temperature=0.01,
    )
    """The learner of the policy."""
    hidden: Annotated[int, COUNT] = 64
    """Width of the policy and of the context encoder."""
    recurrent: bool = False
    """Whether the policy has a recurrent cell; the paper's has none."""
    discount: Annotated[float, SHARE] = 0.99
    """Discount of a step."""
    may_end: bool = True
    """Whether exploitation may take the family's end action, where there is one."""
    random_share: Annotated[float, SHARE] = 0.25
    """Share of trials that act partly at random, each as often as it draws from 0..1."""
    z: Annotated[int, COUNT] = 16
    """Length of z."""
    replayed: Annotated[int, COUNT] = 8
    """Replayed trials of each problem in an update, whose exploitation episodes Q learns from;
    it must divide the learner's batch."""
    contexts: Annotated[int, COUNT] = 8
    """Explorations that a context is made of, at most: each is made of 1 to as many."""
    recent: Annotated[int, COUNT] = 16384
    """Contexts come from so many of the newest trials."""
    kl_weight: float = 1e-3
    """Weight of KL(q(z | c) || N(0, I)), in nats, at the end."""
    kl_begin: Annotated[float, SHARE] = 0.4
    """When that weight begins to grow from 0: before Q has found a use for z, it would be squeezed
    out."""
    kl_end: Annotated[float, SHARE] = 0.8
    """When it has grown."""
    act_on: Literal["sample", "mean"] = "sample"
    """The z of exploitation at meta-test: a draw from the posterior, or its mean."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_learner(self.learner, self.budget)
        check_divides("batch", self.learner.batch, "replayed", self.replayed)
        check_order(self, "kl_begin", "kl_end")

    @property
    def problems(self) -> int:
        """Problems an update, drawn with replacement."""
        return self.learner.batch // self.replayed


_DEFAULT = PearlSettings()


def _learner(**changes: Any) -> DQN:
    return dataclasses.replace(_DEFAULT.learner, **changes)


PRESETS = {
    "default": _DEFAULT,
    "bandit": PearlSettings(budget=Budget(iterations=100)),
    # Returns, and so errors of Q, are ten times as large: the KL must weigh as much.
    "treasure": PearlSettings(budget=Budget(iterations=200), kl_weight=1e-2),
    # As the other methods have it; as many updates a step as by default.
    "cooking": PearlSettings(
        budget=Budget(trials=1024, episodes=2),
        learner=_learner(updates=36, temperature_end=0.8),
    ),
    # As the other methods have it; each update looks at many pictures.
    "sign": PearlSettings(
        budget=Budget(iterations=600, trials=256, episodes=2, learning_rate=2e-3),
        learner=_learner(updates=6, batch=48, capacity=4096),
        may_end=False,
        replayed=4,
        contexts=4,
        recent=2048,
    ),
    # A double dueling DQN too, but it explores as PEARL does, and has contexts of its own.
    "paper": PearlSettings(
        budget=PAPER_BUDGET,
        learner=_learner(
            updates=PAPER_DQN_EPISODE.updates,
            batch=512,
            capacity=16384,
            returns="n-step",
            steps=1,
            target_rate=1 / PAPER_DQN_EPISODE.target_every,
            max_norm=PAPER_DQN_EPISODE.max_norm,
        ),
    ),
}
