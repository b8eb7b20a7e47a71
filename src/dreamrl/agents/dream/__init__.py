"""DREAM (Liu, Raghunathan, Liang, Finn, ICML 2021).

Objective: `losses` and `exploration.information_gain`; docs/method.md has the mathematics. The
four components: `networks/encoder.py`, exploitation (`networks/policy.py`), `decoder.py`,
`exploration.py` with its stop rule (`stopping.py`); `algorithm.py` joins them.

Deviations from the paper: lambda is a dual variable (`bottleneck.py`), exploration ends by a
learned stop rule in place of an action, and PPO trains both policies unless the learner is DQN.
"""

import dataclasses

from dreamrl.agents.dream.algorithm import Dream
from dreamrl.agents.dream.settings import PRESETS, DreamSettings
from dreamrl.agents.method import Method

DREAM = Method(DreamSettings, Dream, PRESETS)

RANDOM_EXPLORATION = Method(
    DreamSettings,
    Dream,
    {
        name: dataclasses.replace(
            preset, exploration=dataclasses.replace(preset.exploration, policy="random")
        )
        for name, preset in PRESETS.items()
    },
)
"""DREAM's decoder and exploitation, after explorations at random."""
