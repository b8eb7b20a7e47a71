"""What can be set of methods with one policy for the whole trial."""

import dataclasses
from typing import ClassVar

from dreamrl.agents.q_settings import QSettings, check_learner
from dreamrl.agents.ranges import COUNT, SHARE, check_divides, check_ranges


@dataclasses.dataclass(frozen=True)
class WholeTrialSettings(QSettings):
    """Settings that these methods share; times are shares of the whole run."""

    iterations: int = 700
    """Rounds of new trials and updates."""
    trials: int = 512
    """Trials an iteration."""
    episodes: int = 1
    """Exploitation episodes a trial."""
    minibatches: int = 4
    """Updates an iteration; each sees trials / minibatches of the new trials."""
    learning_rate: float = 3e-3
    """Adam's rate at the start; it falls linearly."""
    last_learning_rate: float = 0.1
    """What is left of the rate at the end, as a share."""
    clip: float = 0.2
    """PPO's clip."""
    hidden: int = 64
    """Width of the reader and of the policy."""

    discount: float = 0.99
    """Discount of a step, through the whole trial."""
    gae_lambda: float = 0.95
    """Lambda of the advantages."""
    exploration_entropy: float = 0.1
    """Weight of the entropy in explorations at the start."""
    entropy: float = 0.3
    """Weight of the entropy in exploitation at the start: high, to give no way up early."""
    last_entropy: float = 0.003
    """Both weights at `entropy_end`."""
    entropy_end: float = 0.6
    """When the entropy weights have fallen, as a share of the run."""
    barrier: float = 0.2
    """Weight of the log barrier, which keeps every action possible, relative to the entropy's."""

    ranges: ClassVar[dict[str, tuple[float, float]]] = QSettings.q_ranges | {
        **dict.fromkeys(["iterations", "trials", "episodes", "minibatches", "hidden"], COUNT),
        **dict.fromkeys(["last_learning_rate", "clip", "discount", "gae_lambda"], SHARE),
        "entropy_end": (1e-3, 1.0),
        "learning_rate": (1e-8, 1.0),
    }

    @property
    def kept_episodes(self) -> int:
        """Episodes that are kept for replay."""
        return self.q_replay * (1 + self.episodes) if self.learner == "dqn" else 0

    def __post_init__(self) -> None:
        """Raises UserError where a value is out of range."""
        check_learner(self)
        check_ranges(self, self.ranges)
        check_divides(self, "trials", "minibatches")
        if self.learner == "dqn":
            check_divides(self, "q_replay", "trials")
