"""DREAM: `dream.py` puts encoder, exploitation, exploration and decoder together."""

import dataclasses

from dreamrl.agents.agent import Method
from dreamrl.agents.dream.dream import Dream
from dreamrl.agents.dream.settings import DreamSettings

_PRESETS = {
    "default": DreamSettings(),
    "bus": DreamSettings(iterations=500),
    "map": DreamSettings(iterations=500),
    # Some 400 pairs of problem and goal, each with a trap of its own: they need more episodes, and
    # slower cooling (docs/lessons.md).
    "cooking": DreamSettings(
        iterations=800, trials=1024, episodes=2, minibatches=16, entropy_end=0.8, first_dual=0.03
    ),
}

METHOD = Method(DreamSettings, Dream, _PRESETS)

RANDOM_EXPLORATION = Method(
    DreamSettings,
    Dream,
    {name: dataclasses.replace(preset, explorer="random") for name, preset in _PRESETS.items()},
)
"""DREAM's decoder and exploitation, after explorations at random."""
