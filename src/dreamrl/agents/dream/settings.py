"""What can be set of DREAM, and what may be chosen."""

import dataclasses
from typing import Literal

from dreamrl.agents.q_settings import QSettings, check_learner
from dreamrl.agents.ranges import COUNT, SHARE, check_divides, check_ranges
from dreamrl.errors import UserError


@dataclasses.dataclass(frozen=True)
class DreamSettings(QSettings):
    """DREAM's settings; times are shares of the whole run."""

    iterations: int = 700
    """Rounds of new trials and updates."""
    trials: int = 512
    """Trials an iteration."""
    episodes: int = 1
    """Exploitation episodes a trial."""
    minibatches: int = 4
    """Updates an iteration; each sees trials / minibatches of the new trials."""
    learning_rate: float = 5e-3
    """Adam's rate at the start; it falls linearly."""
    last_learning_rate: float = 0.1
    """What is left of the rate at the end, as a share."""
    clip: float = 0.2
    """PPO's clip."""
    hidden: int = 64
    """Width of the exploitation policy."""
    exploration_hidden: int = 32
    """Width of the exploration policy."""

    z: int = 32
    """Length of the encoding z."""
    rho: float = 0.1
    """Standard deviation of the noise on z."""
    bottleneck: Literal["constrained", "fixed", "none"] = "constrained"
    """How information in z is limited: as little as the best return allows, by a fixed weight,
    or not at all."""
    bottleneck_weight: float = 0.02
    """The weight of |f|^2 / 2 where the bottleneck is fixed."""
    bottleneck_free: float = 0.0
    """What of |f|^2 costs nothing under any bottleneck."""
    first_dual: float = 1e-3
    """The dual variable at the start, which is also the least that it can be."""
    dual_rate: float = 0.03
    """How fast the dual variable rises, an iteration, while the return stays at its best."""
    tolerance: float = 0.005
    """Share of the learned return that compression may cost before the dual variable falls."""

    discount: float = 0.99
    """Discount of exploitation."""
    gae_lambda: float = 0.8
    """Lambda of exploitation's advantages."""
    entropy: float = 0.3
    """Weight of exploitation's entropy at the start: high, so that no way is given up early."""
    last_entropy: float = 0.003
    """... and at `entropy_end`."""
    barrier: float = 0.2
    """Weight of the log barrier, which keeps every action possible, relative to the entropy's."""
    entropy_end: float = 0.6
    """When exploitation's entropy weight has fallen, as a share of the run."""
    decoder_share: float = 0.5
    """Share of exploitation episodes that act on the decoder's z, once grown."""
    decoder_share_begin: float = 0.3
    """When that share begins to grow, as a share of the run."""
    decoder_share_end: float = 0.6
    """When it is grown."""

    objective: Literal["information-gain", "end-to-end", "predict-dynamics"] = "information-gain"
    """What exploration is paid for: information about z; what exploitation on the decoder's z
    then returns; or information about the whole dynamics and rewards, with no bottleneck."""
    explorer: Literal["learned", "random"] = "learned"
    """Whether exploration is learned at all."""
    exploration_discount: float = 0.97
    """Discount of information gained."""
    exploration_gae_lambda: float = 0.95
    """Lambda of exploration's advantages."""
    exploration_entropy: float = 0.1
    """Weight of exploration's entropy at the start."""
    exploration_last_entropy: float = 0.003
    """... and at the end of its fall."""
    exploration_entropy_begin: float = 0.15
    """When exploration's entropy weight begins to fall, as a share of the run."""
    exploration_entropy_end: float = 0.7
    """When it has fallen."""
    cost: float = 0.02
    """c: what a step of exploration costs, as a share of what explorations of full length find."""
    random_share: float = 0.25
    """Share of explorations that act partly at random. Only the decoder learns from them: it
    must read any exploration, not only those that the present policy makes."""

    q_exploration_starts: int = 0
    """Trials played before the exploration policy learns, by learner dqn."""
    decoder_hidden: int = 0
    """Width of the decoder; 0: as wide as the exploration policy."""
    decoder_batch: int = 256
    """Replayed explorations an update of the decoder."""
    replay: int = 32768
    """Explorations kept for the decoder; trials must divide it."""

    @property
    def kept_episodes(self) -> int:
        """Episodes that are kept for replay."""
        return self.q_replay * (1 + self.episodes) if self.learner == "dqn" else self.replay

    def __post_init__(self) -> None:
        """Raises UserError where a value is out of range."""
        check_learner(self)
        check_ranges(self, _RANGES)
        check_divides(self, "trials", "minibatches")
        check_divides(self, "replay", "trials")
        if self.learner == "dqn":
            check_divides(self, "q_replay", "trials")
        for begin, end in _TIMES:
            if getattr(self, begin) >= getattr(self, end):
                raise UserError(f"{begin} must be smaller than {end}.")


_RANGES = QSettings.q_ranges | {
    **dict.fromkeys(["iterations", "trials", "episodes", "minibatches", "z"], COUNT),
    **dict.fromkeys(["hidden", "exploration_hidden", "decoder_batch", "replay"], COUNT),
    **dict.fromkeys(["last_learning_rate", "discount", "gae_lambda", "decoder_share"], SHARE),
    **dict.fromkeys(["exploration_discount", "exploration_gae_lambda", "entropy_end"], SHARE),
    **dict.fromkeys(["decoder_share_begin", "decoder_share_end"], SHARE),
    **dict.fromkeys(["exploration_entropy_begin", "exploration_entropy_end"], SHARE),
    **dict.fromkeys(["dual_rate", "tolerance", "clip", "cost"], SHARE),
    "random_share": (0.0, 0.9),
    "learning_rate": (1e-8, 1.0),
    "rho": (1e-6, 100.0),
    "first_dual": (1e-9, 1.0),
}
_TIMES = [
    ("decoder_share_begin", "decoder_share_end"),
    ("exploration_entropy_begin", "exploration_entropy_end"),
]
