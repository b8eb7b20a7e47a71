"""RL2, E-RL2 and the bounds: the policy's loss trains the trial encoder too."""

import dataclasses

from dreamrl.agents.rl2.networks import rl2_nets
from dreamrl.agents.whole_trial.algorithm import WholeTrial
from dreamrl.agents.whole_trial.networks import Nets
from dreamrl.agents.whole_trial.settings import WholeTrialSettings
from dreamrl.families.family import Family
from dreamrl.families.privileged import WithTaskInfo
from dreamrl.types import Key


@dataclasses.dataclass(frozen=True)
class RL2Algorithm(WholeTrial):
    """End to end: there is no loss but the policy's (`whole_trial.losses`)."""

    def nets(self, key: Key) -> Nets:
        return rl2_nets(key, self.family, self.settings)


def oracle(family: Family, settings: WholeTrialSettings) -> RL2Algorithm:
    """Return an algorithm that does not explore, and sees what problem it is in."""
    return RL2Algorithm(WithTaskInfo(family), settings, has_exploration=False)
