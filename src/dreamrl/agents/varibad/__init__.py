"""VariBAD: `posterior.py` says what is believed, `elbo.py` trains it, `varibad.py` the rest."""

from dreamrl.agents.agent import Method
from dreamrl.agents.q_settings import presets
from dreamrl.agents.varibad.varibad import VaribadSettings, varibad

_PRESETS = presets(VaribadSettings)

METHOD = Method(VaribadSettings, varibad, _PRESETS)
