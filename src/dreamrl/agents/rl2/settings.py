"""Presets of RL2 and of the bounds; their hyperparameters are those of all whole-trial methods."""

import dataclasses
from typing import Any

from dreamrl.agents.settings import PAPER_DQN_EPISODE
from dreamrl.agents.whole_trial.settings import WholeTrialSettings, presets

PRESETS = presets(WholeTrialSettings())


def _as_dreams_exploitation(settings: WholeTrialSettings) -> WholeTrialSettings:
    ppo: Any = settings.learner
    both = {
        name: dataclasses.replace(getattr(ppo, name), gae_lambda=0.8)
        for name in ("exploration", "exploitation")
    }
    return dataclasses.replace(settings, learner=dataclasses.replace(ppo, **both))


# What they have to learn is no longer than an episode.
BOUND_PRESETS = PRESETS | {
    "cooking": _as_dreams_exploitation(PRESETS["cooking"]),
    "paper": dataclasses.replace(PRESETS["paper"], learner=PAPER_DQN_EPISODE),
}
