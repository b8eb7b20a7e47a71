"""What can be set of PEARL, and what may be chosen."""

import dataclasses
from typing import Literal

from dreamrl.agents.ranges import COUNT, SHARE, check_divides, check_ranges
from dreamrl.errors import UserError


@dataclasses.dataclass(frozen=True)
class PearlSettings:
    """PEARL's settings; times are shares of the whole run."""

    iterations: int = 700
    """Rounds of new trials and updates."""
    trials: int = 512
    """Trials an iteration."""
    episodes: int = 1
    """Exploitation episodes a trial."""
    updates: int = 12
    """Updates an iteration."""
    tasks: int = 32
    """Problems an update, drawn with replacement."""
    replayed: int = 8
    """Replayed trials of each, whose exploitation episodes Q learns from."""
    contexts: int = 8
    """Explorations that a context is made of, at most: each is made of 1 to as many."""
    recent: int = 16384
    """Contexts come from the newest trials, as many as this."""
    replay: int = 32768
    """Trials kept; trials must divide it."""

    learning_rate: float = 3e-3
    """Adam's rate at the start; it falls linearly."""
    last_learning_rate: float = 0.1
    """What is left of the rate at the end, as a share."""
    max_norm: float = 1.0
    """Gradients of a larger norm are scaled down to it."""
    target_rate: float = 0.1
    """How far the target network moves towards the other one, an update."""
    discount: float = 0.99
    """Discount of a step."""
    returns: Literal["n-step", "peng", "watkins"] = "peng"
    """How a target follows what was really done: for n steps, or as Q(lambda) does."""
    n_steps: int = 3
    """Steps of n-step returns."""
    q_lambda: float = 0.8
    """Lambda of Q(lambda)."""
    temperature: float = 0.3
    """Of the softmax of Q that training acts by, at the start."""
    last_temperature: float = 0.01
    """... and at `temperature_end`."""
    temperature_end: float = 0.7
    """When it has fallen, as a share of the run."""
    random_share: float = 0.25
    """Share of trials that act partly at random, each as often as it draws from 0..1."""
    may_end: bool = True
    """Whether exploitation may take the family's end action, where there is one."""

    hidden: int = 64
    """Width of the policy and of the context encoder."""
    recurrent: bool = False
    """Whether the policy has a memory of its own; PEARL's has none."""
    z: int = 16
    """Length of z."""
    kl_weight: float = 1e-3
    """Weight of KL(q(z | c) || N(0, I)), in nats, at the end."""
    kl_begin: float = 0.4
    """When that weight begins to grow from 0, as a share of the run: what Q has not yet found a use
    for would be squeezed out of z."""
    kl_end: float = 0.8
    """When it has grown."""
    act_on: Literal["sample", "mean"] = "sample"
    """What exploitation at meta-test acts on: a draw from the posterior, or its mean."""

    @property
    def kept_episodes(self) -> int:
        """Episodes that are kept for replay."""
        return self.replay * (1 + self.episodes)

    def __post_init__(self) -> None:
        """Raises UserError where a value is out of range."""
        check_ranges(self, _RANGES)
        check_divides(self, "replay", "trials")
        if self.kl_begin >= self.kl_end:
            raise UserError("kl_begin must be smaller than kl_end.")


_RANGES = {
    **dict.fromkeys(["iterations", "trials", "episodes", "updates", "tasks"], COUNT),
    **dict.fromkeys(["replayed", "contexts", "recent", "replay", "hidden", "z"], COUNT),
    **dict.fromkeys(["last_learning_rate", "target_rate", "discount", "q_lambda"], SHARE),
    **dict.fromkeys(["random_share", "kl_begin", "kl_end"], SHARE),
    "n_steps": (1, 1000),
    "max_norm": (1e-6, 1e6),
    "temperature_end": (1e-3, 1.0),
    "learning_rate": (1e-8, 1.0),
}
