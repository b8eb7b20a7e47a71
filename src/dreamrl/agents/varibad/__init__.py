"""VariBAD: `posterior.py` says what is believed, `elbo.py` trains it, `varibad.py` the rest."""

from dreamrl.agents.agent import Method
from dreamrl.agents.q_settings import presets
from dreamrl.agents.varibad.varibad import VaribadSettings, varibad

# What a reward says is all that treasures differ in: with a weight of 1 it is learned late.
_TREASURE = VaribadSettings(reward_weight=10.0, divergence_weight=1.0)
_PRESETS = presets(VaribadSettings) | {"treasure": _TREASURE}

METHOD = Method(VaribadSettings, varibad, _PRESETS)
