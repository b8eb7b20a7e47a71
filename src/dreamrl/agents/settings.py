"""Settings that methods share."""

import dataclasses
from typing import Annotated, Any, TypeVar

from dreamrl.configuration import COUNT, SHARE, Range, check_divides, check_ranges
from dreamrl.errors import UserError
from dreamrl.families.family import Family, horizon_of
from dreamrl.families.repeated import explored_in
from dreamrl.learners.dqn import DQN
from dreamrl.learners.ppo import PPO
from dreamrl.networks.layers import Precision
from dreamrl.spaces import Discrete

Learner = PPO | DQN


@dataclasses.dataclass(frozen=True)
class Budget:
    """The amount of training."""

    iterations: Annotated[int, COUNT] = 700
    """Rounds of new trials and updates."""
    trials: Annotated[int, COUNT] = 512
    """Trials an iteration."""
    episodes: Annotated[int, COUNT] = 1
    """Exploitation episodes a trial."""
    learning_rate: Annotated[float, Range(1e-8, 1.0)] = 3e-3
    """Adam's rate at the start; it falls linearly."""
    last_learning_rate: Annotated[float, SHARE] = 0.1
    """Adam's rate at the end, as a share of that at the start."""
    explorations: Annotated[int, Range(1, 1000)] = 1
    """Exploration episodes a trial: after an end the problem is reset, and explored again."""
    precision: Precision = "float32"
    """Precision of networks' products in training; bfloat16 is for GPUs and TPUs. Parameters, sums
    and losses are float32 in either, and so is the agent once it is trained."""

    def __post_init__(self) -> None:
        check_ranges(self)

    def steps(self, family: Family) -> int:
        """Return the environment steps of an iteration, if no episode ends before its horizon."""
        exploration = horizon_of(explored_in(family, self.explorations), exploring=True)
        return self.trials * (exploration + self.episodes * family.horizon)


def check_learner(learner: Learner, budget: Budget) -> None:
    """Raise UserError where a learner cannot divide an iteration's trials, or keep them."""
    if isinstance(learner, PPO):
        check_divides("trials", budget.trials, "minibatches", learner.minibatches)
    else:
        check_divides("capacity", learner.capacity, "trials", budget.trials)


def check_actions(family: Family, learner: Learner, who: str = "learner dqn") -> None:
    """Raise UserError where a learner compares actions by their Q and they are not numbered."""
    if isinstance(learner, DQN) and not isinstance(family.action_space, Discrete):
        advice = "learner ppo" if who == "learner dqn" else "every other agent"
        raise UserError(
            f"{who} compares numbered actions by their Q, and those of {family.name!r} are "
            f"continuous; {advice} can be trained on it"
        )


PAPER_DQN = DQN(target_every=78, max_norm=10.0, starts=500)
"""The released learner (Liu et al. 2021), batched, of an agent that acts for a whole trial.

32 replayed after every 4th of a trial's 40 steps are 320 a trial, here 40 updates of 512 after 64
trials; 250,000 steps until epsilon has fallen are a twentieth of 5M; 5,000 steps between copies
into the target are 1,250 updates of 32, here 78 of 512.
"""

PAPER_DQN_EPISODE = dataclasses.replace(PAPER_DQN, updates=20, epsilon_end=0.1)
"""The same for an agent that acts in one of a trial's two episodes."""

PAPER_BUDGET = Budget(iterations=1950, trials=64, learning_rate=1e-4, last_learning_rate=1.0)
"""The released budget: 5M steps."""


S = TypeVar("S", bound=Any)


def pictures(settings: S, *, both: bool = False, **objective: float) -> S:
    """Return settings for `sign`.

    Pictures fill the memory, so fewer trials at once; a trunk's units die at higher rates; rewards
    are far, so chance needs time to find them (docs/lessons.md).
    """
    budget = dict(iterations=600, trials=256, episodes=2, learning_rate=2e-3)
    return cooled(settings, budget, {}, both, objective)


def cooked(settings: S, *, both: bool = False, **budget: int) -> S:
    """Return settings for `cooking`.

    Some 400 pairs of problem and goal, each with a trap of its own, need more episodes and slower
    cooling (docs/lessons.md).
    """
    changes = dict(trials=1024, episodes=2) | budget
    return cooled(settings, changes, dict(minibatches=16), both, {})


def cooled(
    settings: S,
    budget: dict[str, Any],
    learner: dict[str, Any],
    both: bool,
    objective: dict[str, float],
) -> S:
    """Return settings of a PPO method with changes, and entropies that fall until 0.8 of the run.

    `both` policies' entropies, or the exploitation's alone; `objective` is of exploitation.
    """
    ppo = settings.learner
    cooling = {"exploitation": dataclasses.replace(ppo.exploitation, entropy_end=0.8, **objective)}
    if both:
        cooling["exploration"] = dataclasses.replace(ppo.exploration, entropy_end=0.8)
    return dataclasses.replace(
        settings,
        budget=dataclasses.replace(settings.budget, **budget),
        learner=dataclasses.replace(ppo, **learner, **cooling),
    )
