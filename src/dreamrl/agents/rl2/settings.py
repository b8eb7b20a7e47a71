"""Presets of RL2 and of the bounds; their hyperparameters are those of all whole-trial methods."""

import dataclasses

from dreamrl.agents.settings import PAPER_DQN_EPISODE
from dreamrl.agents.whole_trial.settings import WholeTrialSettings, presets
from dreamrl.configuration import changed

PRESETS = presets(WholeTrialSettings())


# What they have to learn is no longer than an episode.
BOUND_PRESETS = PRESETS | {
    "cooking": changed(
        PRESETS["cooking"],
        {f"learner.{part}.gae_lambda": 0.8 for part in ("exploration", "exploitation")},
    ),
    "paper": dataclasses.replace(PRESETS["paper"], learner=PAPER_DQN_EPISODE),
}
