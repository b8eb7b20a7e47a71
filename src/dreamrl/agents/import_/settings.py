"""Hyperparameters of IMPORT, and presets."""

import dataclasses
from typing import Annotated

from dreamrl.agents.whole_trial.settings import ReaderSettings, presets
from dreamrl.configuration import COUNT, SHARE


@dataclasses.dataclass(frozen=True)
class ImportSettings(ReaderSettings):
    """Hyperparameters of IMPORT."""

    z: Annotated[int, COUNT] = 32
    """Length of f(mu) and g(tau)."""
    informed_share: Annotated[float, SHARE] = 0.5
    """Share of training trials in which the policy acts on f(mu)."""
    auxiliary: float = 0.1
    """Beta: weight of the auxiliary loss."""


PRESETS = presets(ImportSettings())
