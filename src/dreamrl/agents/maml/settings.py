"""What can be set of MAML, and what may be chosen."""

import dataclasses
from typing import Literal

from dreamrl.agents.ranges import COUNT, SHARE, check_divides, check_ranges


@dataclasses.dataclass(frozen=True)
class MamlSettings:
    """MAML's settings; times are shares of the whole run."""

    iterations: int = 700
    """Rounds of new trials and updates."""
    trials: int = 256
    """Trials an iteration."""
    episodes: int = 1
    """Exploitation episodes a trial; all are played by the one adapted policy."""
    minibatches: int = 4
    """Updates an iteration; each sees trials / minibatches of the new trials."""
    learning_rate: float = 3e-3
    """Adam's rate at the start, of the outer updates; it falls linearly."""
    last_learning_rate: float = 0.1
    """What is left of the rate at the end, as a share."""
    clip: float = 0.2
    """PPO's clip, of the outer updates."""
    hidden: int = 64
    """Width of the policy."""
    recurrent: bool = False
    """Whether the policy has a memory, which lasts for an episode."""
    may_end: bool = True
    """Whether exploitation may take the family's end action, where there is one."""

    objective: Literal["maml", "e-maml"] = "maml"
    """What the exploration's actions are credited with: the change they make in the expected
    inner step, or, by e-maml, the return that followed."""
    order: Literal["second", "first"] = "second"
    """Whether outer gradients flow through the inner gradient, or take it for a constant."""
    inner_steps: int = 1
    """Gradient steps on the one exploration."""
    inner_rate: float = 0.05
    """Rate of the inner steps; where it is learned, its start."""
    inner_rates: Literal["learned", "fixed"] = "learned"
    """Whether each parameter learns an inner rate of its own, of either sign (Meta-SGD)."""
    inner_discount: float = 0.97
    """Discount of the exploration's rewards."""
    inner_gae_lambda: float = 0.95
    """Lambda of the exploration's advantages."""

    discount: float = 0.99
    """Discount of exploitation."""
    gae_lambda: float = 0.95
    """Lambda of exploitation's advantages."""
    entropy: float = 0.1
    """Weight of the adapted policy's entropy at the start."""
    last_entropy: float = 0.001
    """... and at `entropy_end`."""
    entropy_end: float = 0.6
    """When that weight has fallen, as a share of the run."""
    exploration_entropy: float = 0.1
    """Weight of the initial policy's entropy in the exploration; it stays, for what is certain
    has no policy gradient."""

    def __post_init__(self) -> None:
        """Raises UserError where a value is out of range."""
        check_ranges(self, _RANGES)
        check_divides(self, "trials", "minibatches")


_RANGES = {
    **dict.fromkeys(["iterations", "trials", "episodes", "minibatches", "hidden"], COUNT),
    **dict.fromkeys(["last_learning_rate", "clip", "discount", "gae_lambda"], SHARE),
    **dict.fromkeys(["inner_discount", "inner_gae_lambda"], SHARE),
    "entropy_end": (1e-6, 1.0),
    "inner_steps": (1, 100),
    "inner_rate": (1e-8, 1e4),
    "learning_rate": (1e-8, 1.0),
}
