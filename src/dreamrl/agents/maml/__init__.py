"""MAML: `adaptation.py` is the inner step, `maml.py` the outer loss and the training."""

from dreamrl.agents.agent import Method
from dreamrl.agents.maml.maml import Maml
from dreamrl.agents.maml.settings import MamlSettings
from dreamrl.agents.q_settings import COOKING, PICTURES

METHOD = Method(
    MamlSettings,
    Maml,
    {
        "default": MamlSettings(),
        "cooking": MamlSettings(**COOKING),
        "sign": MamlSettings(**PICTURES),
    },
)
