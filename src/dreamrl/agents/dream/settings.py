"""Hyperparameters of DREAM, their valid ranges, and presets."""

import dataclasses
from typing import Annotated, ClassVar, Literal

from dreamrl.agents.settings import (
    PAPER_BUDGET,
    PAPER_DQN_EPISODE,
    Budget,
    Learner,
    check_learner,
    cooked,
    pictures,
)
from dreamrl.configuration import COUNT, SHARE, Range, check_divides, check_order, check_ranges
from dreamrl.learners.ppo import PPO, PolicyObjective
from dreamrl.networks.encoder import HIDDEN


@dataclasses.dataclass(frozen=True)
class Encoding:
    """z ~ N(f_psi(mu), rho^2 I)."""

    z: Annotated[int, COUNT] = 32
    """Length of the encoding z."""
    rho: Annotated[float, Range(1e-6, 100.0)] = 0.1
    """Standard deviation of the noise on z."""
    scale: Annotated[float, Range(1e-6, 1e6)] = 1.0
    """Mean |f|^2 at the start."""
    hidden: int = HIDDEN
    """Width of the layer between a description and its encoding, where problems are described. 0:
    none, so that encodings of what problems are made of add up, in new combinations too."""

    def __post_init__(self) -> None:
        check_ranges(self)


Bound = Literal["information", "norm"]

AT_ONCE = 1e-6
"""The end of a ramp that begins at 0: there is none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Paid:
    """Information in z has a price."""

    free: float = 0.0
    """Part of the bound that costs nothing."""
    bound: Bound = "information"
    """The quantity paid for: information about the problem, in nats, as closely bounded as can be;
    or the norm, |f|^2 / 2, which bounds it from far above."""
    weight_begin: Annotated[float, SHARE] = 0.15
    """When it begins to be paid for, as a share of the run."""
    weight_end: Annotated[float, SHARE] = 0.4
    """When it is paid for in full."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_order(self, "weight_begin", "weight_end")


@dataclasses.dataclass(frozen=True)
class Constrained(_Paid):
    """As little information in z as the best return allows: lambda is a dual variable."""

    first_dual: Annotated[float, Range(1e-9, 1.0)] = 0.005
    """The dual variable at the start."""
    least_dual: Annotated[float, Range(1e-9, 1.0)] = 1e-4
    """The least that it can be."""
    dual_rate: Annotated[float, SHARE] = 0.015
    """Rate at which the dual variable rises, an iteration, while the return stays at its best."""
    fall: float = 5.0
    """Rate of its fall when the return suffers, as a multiple of `dual_rate`."""
    tolerance: Annotated[float, Range(1e-9, 1.0)] = 0.005
    """Share of the learned return that compression may cost before the dual variable falls."""
    improving: float = 0.25
    """The return still improves while its averages differ by more than this share of tolerance."""
    begin: Annotated[float, SHARE] = 0.4
    """When it begins to adapt, as a share of the run: before, the policy is random on purpose."""
    fast: Annotated[float, SHARE] = 0.05
    """Rate of the fast moving average of the return."""
    slow: Annotated[float, SHARE] = 0.015
    """Rate of the slow one."""

    name: ClassVar[str] = "constrained"


@dataclasses.dataclass(frozen=True)
class Fixed(_Paid):
    """Information in z at a fixed price."""

    weight: float = 0.025
    """Price of a nat, or of |f|^2 / 2."""

    name: ClassVar[str] = "fixed"


@dataclasses.dataclass(frozen=True)
class Unlimited:
    """No bottleneck."""

    name: ClassVar[str] = "none"


Bottleneck = Constrained | Fixed | Unlimited


@dataclasses.dataclass(frozen=True)
class Exploitation:
    """The policy pi(a | s, goal, z); times are shares of the whole run."""

    hidden: Annotated[int, COUNT] = 64
    """Width of the policy."""
    discount: Annotated[float, SHARE] = 0.99
    """Discount of a step."""
    may_end: bool = True
    """Whether it may take the family's end action, where there is one. Where rewards are far and
    ending costs nothing, chance ends most episodes before any is found."""
    decoder_share: Annotated[float, SHARE] = 0.5
    """Share of episodes that act on the decoder's z, once grown."""
    decoder_share_begin: Annotated[float, SHARE] = 0.3
    """When that share begins to grow."""
    decoder_share_end: Annotated[float, SHARE] = 0.6
    """When it is grown."""
    belief_noise: bool = True
    """Whether the decoder's z has the noise of z in training, too; at meta-test it has none. Where
    tests leave doubts, beliefs may be no further apart than that, and ask for other actions."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_order(self, "decoder_share_begin", "decoder_share_end")


Objective = Literal[
    "information-gain",
    "regret",
    "returns",
    "end-to-end",
    "predict-dynamics",
    "dynamics-information",
    "prediction-error",
    "belief-entropy",
    "novelty",
]


@dataclasses.dataclass(frozen=True)
class Exploration:
    """The policy pi(a | s, tau) and the stop rule."""

    policy: Literal["learned", "random"] = "learned"
    """The exploration policy: learned, or random."""
    objective: Objective = "information-gain"
    """The payment for exploration: information about z; how much less regret acting on the
    decoder's z leaves after each step (`regret`); what exploitation on it then returns, with all
    else as it is (`returns`), or with exploitation and decoder that learn from what explorations
    gave alone (`end-to-end`); or one of the related objectives."""
    hidden: Annotated[int, COUNT] = 32
    """Width of the policy."""
    critic: Literal["history", "privileged"] = "history"
    """What the value is told that the policy's gains are compared with, by learner ppo: the history
    alone; or, in training, the problem too, which leaves less noise where tests leave doubts."""
    discount: Annotated[float, SHARE] = 0.97
    """Discount of information gained."""
    cost: Annotated[float, SHARE] = 0.02
    """c: price of a step, as a share of what explorations of full length find, on top of what the
    family makes explorations cost."""
    random_share: Annotated[float, Range(0.0, 0.9)] = 0.25
    """Share of explorations that act partly at random. Only the decoder learns from them: it
    must read any exploration, not only those that the present policy makes."""
    starts: int = 0
    """Trials played before the policy learns."""
    stop: Annotated[int | Literal["rule", "never"], Range(0, 1e9)] = "rule"
    """When explorations of the trained agent end: by the learned rule, or never where steps cost
    nothing; never before the horizon; or after so many steps."""
    stop_weight: float = 0.5
    """Weight of the stop rule's error."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclasses.dataclass(frozen=True)
class Decoding:
    """The decoder g_omega(tau), and the replayed explorations that it learns from."""

    hidden: int = 0
    """Width of the decoder; 0: as wide as the exploration policy."""
    batch: Annotated[int, COUNT] = 256
    """Replayed explorations an update."""
    replay: Annotated[int, COUNT] = 32768
    """Explorations kept; trials must divide it."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclasses.dataclass(frozen=True)
class DreamSettings:
    """Hyperparameters of DREAM; times are shares of the whole run."""

    budget: Budget = Budget(learning_rate=5e-3)
    learner: Learner = PPO(
        exploitation=PolicyObjective(gae_lambda=0.8, entropy=0.3, barrier=0.2, advantage_floor=0.3),
        exploration=PolicyObjective(entropy_begin=0.15, entropy_end=0.7),
    )
    """The learner of the two policies."""
    encoding: Encoding = Encoding()
    bottleneck: Bottleneck = Constrained()
    """The limit on information in z."""
    exploitation: Exploitation = Exploitation()
    exploration: Exploration = Exploration()
    decoder: Decoding = Decoding()

    def __post_init__(self) -> None:
        check_ranges(self)
        check_learner(self.learner, self.budget)
        check_divides("decoder.replay", self.decoder.replay, "trials", self.budget.trials)


BY_NORM = Constrained(
    first_dual=1e-3,
    least_dual=1e-3,
    dual_rate=0.03,
    begin=0.6,
    bound="norm",
    weight_begin=0.0,
    weight_end=AT_ONCE,
)
"""The bottleneck of before: lambda |f|^2 / 2, with a lambda that waits."""

KITCHEN = dataclasses.replace(
    BY_NORM, first_dual=0.1, least_dual=0.1, begin=0.7, weight_begin=0.2, weight_end=0.5
)
"""The bottleneck where exploitation learns late: by the norm, which draws encodings together and
merges none, and not at once."""

_DEFAULT = DreamSettings()
_COOKING = dataclasses.replace(cooked(_DEFAULT, iterations=800), bottleneck=KITCHEN)

PRESETS = {
    "default": _DEFAULT,
    "bus": dataclasses.replace(_DEFAULT, budget=Budget(iterations=500, learning_rate=5e-3)),
    "map": dataclasses.replace(_DEFAULT, budget=Budget(iterations=500, learning_rate=5e-3)),
    "cooking": _COOKING,
    # Recipes are for any two drawers: what is in each must add up, in kitchens never seen too. Of
    # 800 iterations a seed of five had not learned them.
    "described-cooking": dataclasses.replace(
        _COOKING,
        budget=dataclasses.replace(_COOKING.budget, iterations=1200),
        encoding=Encoding(hidden=0),
    ),
    # c was 0 there.
    "sign": dataclasses.replace(
        pictures(_DEFAULT, gae_lambda=0.95),
        exploitation=Exploitation(may_end=False),
        bottleneck=dataclasses.replace(BY_NORM, begin=0.8),
        exploration=Exploration(hidden=64, cost=0.005),
        decoder=Decoding(replay=4096, batch=64),
    ),
    # Of eight bugs the last is worth some ten steps, and not to be had where others come first.
    "paddle": dataclasses.replace(
        _DEFAULT,
        bottleneck=BY_NORM,
        exploration=Exploration(hidden=64, discount=0.99, cost=0.002),
    ),
    # Tests leave doubts, and beliefs between two faults must not look like a third: encodings that
    # are as far from each other as the norm makes them. What a test gains differs with the fault
    # more than with the test (docs/lessons.md).
    "diagnosis": dataclasses.replace(
        _DEFAULT,
        bottleneck=dataclasses.replace(BY_NORM, first_dual=0.1, least_dual=0.1),
        exploration=Exploration(critic="privileged"),
    ),
    # c was 0.1, and |f|^2 was kept from growing above 10: a hundredth of it, once it is as large.
    # |f|^2 began at 22.
    "paper": DreamSettings(
        budget=PAPER_BUDGET,
        learner=PAPER_DQN_EPISODE,
        encoding=Encoding(z=64, scale=22.0),
        bottleneck=Fixed(2.0, free=10.0, bound="norm", weight_begin=0.0, weight_end=AT_ONCE),
        exploitation=Exploitation(decoder_share_begin=0.0, decoder_share_end=AT_ONCE),
        exploration=Exploration(hidden=64, discount=0.99, cost=0.01, random_share=0.0, starts=8000),
        decoder=Decoding(hidden=128, batch=512, replay=16384),
    ),
}
