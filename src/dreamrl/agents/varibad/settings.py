"""Hyperparameters of VariBAD, and presets."""

import dataclasses
from typing import Annotated

from dreamrl.agents.whole_trial.settings import ReaderSettings, presets
from dreamrl.configuration import COUNT


@dataclasses.dataclass(frozen=True)
class VaribadSettings(ReaderSettings):
    """Hyperparameters of VariBAD."""

    z: Annotated[int, COUNT] = 16
    """Length of z; the policy sees twice as much: mean and variance."""
    samples: Annotated[int, COUNT] = 4
    """Times t in each trial from which the whole trial is predicted in an update."""
    observation_weight: float = 1.0
    """Weight of the errors of predicted observations."""
    reward_weight: float = 1.0
    """Weight of the errors of predicted rewards."""
    divergence_weight: float = 0.1
    """Weight of the posterior's divergence from the one before."""
    exploration_rewards: bool = False
    """Whether explorations' rewards count for the policy too, as in the paper."""


PRESETS = presets(VaribadSettings()) | {
    # All that treasures differ in is their reward: with a weight of 1 it is learned late.
    "treasure": VaribadSettings(reward_weight=10.0, divergence_weight=1.0)
}
