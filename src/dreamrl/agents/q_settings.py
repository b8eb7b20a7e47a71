"""Settings of Q-learning, for methods that have PPO as their usual learner."""

import dataclasses
from typing import Any, ClassVar, Literal, TypeVar

from jaxtyping import Array, Float

from dreamrl.agents.ranges import COUNT, SHARE
from dreamrl.errors import UserError
from dreamrl.families.family import Family
from dreamrl.learners.dqn import Returns
from dreamrl.learners.schedules import ramp
from dreamrl.spaces import Discrete


@dataclasses.dataclass(frozen=True)
class QSettings:
    """What the other learner, a recurrent double dueling DQN, is told."""

    learner: Literal["ppo", "dqn"] = "ppo"
    """What trains the policies: PPO, or double dueling Q-learning on replayed trials, to which
    the q_ settings belong and those of PPO (minibatches, clip, lambdas, entropies) do not."""
    q_updates: int = 40
    """Updates an iteration."""
    q_batch: int = 512
    """Trials replayed an update."""
    q_replay: int = 16384
    """Trials kept for replay; `trials` must divide it."""
    q_returns: Literal["n-step", "peng", "watkins"] = "n-step"
    """How a target follows what was really done: for `q_steps` steps, or as Q(lambda) does."""
    q_steps: int = 1
    """n of the n-step returns."""
    q_lambda: float = 0.8
    """Lambda of Peng's and of Watkins's Q(lambda)."""
    q_target_every: int = 300
    """Updates from one copy into the target network to the next."""
    q_epsilon: float = 1.0
    """Share of random actions at the start."""
    q_last_epsilon: float = 0.01
    """... and at `q_epsilon_end`."""
    q_epsilon_end: float = 0.05
    """When that share has fallen, as a share of the run."""
    q_max_norm: float = 1.0
    """Gradients of a larger norm are scaled down to it."""
    q_starts: int = 0
    """Trials played before learning starts."""

    may_end: bool = True
    """Whether exploitation may take the family's end action, where there is one. Where rewards are
    far and ending costs nothing, chance ends most episodes before any is found. PPO only."""

    q_ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **dict.fromkeys(["q_updates", "q_batch", "q_replay", "q_steps", "q_target_every"], COUNT),
        **dict.fromkeys(["q_lambda", "q_epsilon", "q_last_epsilon"], SHARE),
        "q_epsilon_end": (1e-6, 1.0),
        "q_max_norm": (1e-6, 1e6),
    }


PAPER: dict[str, Any] = {
    "learner": "dqn",
    "iterations": 1950,
    "trials": 64,
    "hidden": 64,
    "learning_rate": 1e-4,
    "last_learning_rate": 1.0,
    "discount": 0.99,
    "q_target_every": 78,
    "q_max_norm": 10.0,
    "q_starts": 500,
}
"""The released settings (Liu et al. 2021), batched: 5M steps.

Of an agent that acts for all of a trial's 40 steps: 32 replayed after every 4th are 320 a trial,
here 40 updates of 512 after 64 trials; 250,000 steps until epsilon has fallen are a twentieth of
5M; 5,000 steps between copies into the target are 1,250 updates of 32, here 78 of 512.
"""

PAPER_EPISODE: dict[str, Any] = {"q_updates": 20, "q_epsilon_end": 0.1}
"""What becomes of that for an agent that acts for one of a trial's two episodes."""


PICTURES: dict[str, Any] = {
    "iterations": 600,
    "trials": 256,
    "episodes": 2,
    "learning_rate": 2e-3,
    "entropy_end": 0.8,
    "may_end": False,
}
"""For `sign`: pictures fill the memory, so fewer trials at once; a trunk whose units die at higher
rates; rewards are far, so chance needs time to find them, and sees little of the way where it may
end the episode (docs/lessons.md)."""


COOKING: dict[str, Any] = {"trials": 1024, "episodes": 2, "minibatches": 16, "entropy_end": 0.8}
"""For `cooking`: some 400 pairs of problem and goal, each with a trap of its own, which need more
episodes and slower cooling (docs/lessons.md)."""


S = TypeVar("S", bound=QSettings)


def presets(settings: type[S]) -> dict[str, S]:
    """The named settings of a method that needs none of its own."""
    return {
        "default": settings(),
        "cooking": settings(**COOKING),
        "sign": settings(**PICTURES),
        "paper": settings(**PAPER),
    }


def check_learner(settings: QSettings) -> None:
    """Raises UserError for a learner that does not know what is asked for."""
    if settings.learner == "dqn" and not settings.may_end:
        raise UserError("may_end false is for learner ppo: dqn takes every action at random")


def barred(may_end: bool, family: Family) -> int | None:
    """The action that exploitation may not take, if there is one."""
    return None if may_end else family.end_action


def epsilon(settings: QSettings, progress: Float[Array, ""]) -> Float[Array, ""]:
    shares = settings.q_epsilon, settings.q_last_epsilon
    return ramp(progress, *shares, 0.0, settings.q_epsilon_end)


def returns(settings: QSettings) -> Returns:
    return Returns(settings.q_returns, settings.q_steps, settings.q_lambda)


def check_actions(family: Family, who: str = "learner dqn", others: str = "learner ppo") -> None:
    """Raises UserError where there are no numbered actions to compare by their Q."""
    if not isinstance(family.action_space, Discrete):
        raise UserError(
            f"{who} compares numbered actions by their Q, and those of {family.name!r} are "
            f"continuous; {others} can be trained on it"
        )
