"""DREAM (Liu, Raghunathan, Liang, Finn, ICML 2021).

Objective: `losses` and `exploration.information_gain`; docs/method.md has the mathematics. The
four components: `networks/encoder.py`, exploitation (`networks/policy.py`), `decoder.py`,
`exploration.py` with its stop rule (`stopping.py`); `algorithm.py` joins them.

Deviations from the paper: lambda is a dual variable, and I(z; mu) is bounded more closely
(`bottleneck.py`); exploration ends by a learned stop rule in place of an action; PPO trains both
policies unless the learner is DQN; gains are shares of all there is to find out, and c is charged
late (`exploration.py`); some explorations are partly random, for the decoder; exploitation also
acts on the decoder's z. docs/method.md says why; the preset `paper` is nearer to the paper.
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
