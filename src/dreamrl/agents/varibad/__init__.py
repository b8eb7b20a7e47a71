"""VariBAD: `posterior.py` says what is believed, `elbo.py` trains it, `varibad.py` the rest."""

from dreamrl.agents.agent import Method
from dreamrl.agents.q_settings import PAPER, PICTURES
from dreamrl.agents.varibad.varibad import VaribadSettings, varibad

_PRESETS = {
    "default": VaribadSettings(),
    "sign": VaribadSettings(**PICTURES),
    "paper": VaribadSettings(**PAPER),
}

METHOD = Method(VaribadSettings, varibad, _PRESETS)
