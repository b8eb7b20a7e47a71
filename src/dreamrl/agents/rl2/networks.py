"""RL2's networks: the policy acts on the trial encoder's hidden state itself."""

from dreamrl.agents.whole_trial.networks import Identity, Nets, make_nets
from dreamrl.agents.whole_trial.settings import WholeTrialSettings
from dreamrl.families.family import Family
from dreamrl.types import Key


def rl2_nets(key: Key, family: Family, settings: WholeTrialSettings) -> Nets:
    """Return RL2's networks; one loss trains them all."""
    return make_nets(key, family, settings, Identity(), settings.hidden)
