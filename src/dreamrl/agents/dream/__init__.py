"""DREAM: `dream.py` puts encoder, exploitation, exploration and decoder together."""

from dreamrl.agents.agent import Method
from dreamrl.agents.dream.dream import Dream
from dreamrl.agents.dream.settings import DreamSettings

METHOD = Method(
    DreamSettings,
    Dream,
    {
        "default": DreamSettings(),
        "bus": DreamSettings(iterations=500),
        "map": DreamSettings(iterations=500),
        # Some 400 pairs of problem and goal, each with a trap of its own: they need more trials.
        "cooking": DreamSettings(iterations=400, trials=2048, minibatches=16, entropy_end=0.8),
    },
)
