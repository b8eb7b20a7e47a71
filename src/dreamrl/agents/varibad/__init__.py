"""VariBAD: `posterior.py` says what is believed, `elbo.py` trains it, `varibad.py` the rest."""

from dreamrl.agents.agent import Method
from dreamrl.agents.varibad.varibad import VaribadSettings, varibad

METHOD = Method(VaribadSettings, varibad, {"default": VaribadSettings()})
