"""IMPORT's networks: g reads the trial; f, the auxiliary network, encodes the problem."""

import jax

from dreamrl.agents.import_.settings import ImportSettings
from dreamrl.agents.whole_trial.networks import Nets, make_nets
from dreamrl.families.family import Family
from dreamrl.networks.encoder import make_encoder
from dreamrl.networks.layers import Dense
from dreamrl.types import Key


def import_nets(key: Key, family: Family, settings: ImportSettings) -> Nets:
    """Return IMPORT's networks."""
    key_nets, key_head, key_encoder = jax.random.split(key, 3)
    belief_head = Dense(key_head, settings.hidden, settings.z)
    encoder = make_encoder(key_encoder, family, settings.z)
    return make_nets(key_nets, family, settings, belief_head, settings.z, encoder)
