"""RL2 and E-RL2: one recurrent policy, trained end to end on the returns of the whole trial.

RL2 (Duan et al. 2016; Wang et al. 2016) maximises E[sum of all rewards of the trial]: the
exploration's, where the family gives any without a goal, and an exploitation episode's, of which
the mean counts where there are several. E-RL2 (Stadie et al. 2018) does not count the
exploration's, so that exploring costs nothing. The hidden state is carried from the exploration
into each exploitation episode; nothing else is.

Beside them, trained the same way, the bounds of every comparison: `no-exploration`, whose
exploration has no step, and `oracle`, which does not explore either but sees in every observation
what problem it is in.

Deviations: the exploration cannot take the action that ends an episode; there is no hidden state
but the trial encoder's.
"""

from dreamrl.agents.method import Method
from dreamrl.agents.rl2.algorithm import RL2Algorithm, oracle
from dreamrl.agents.rl2.settings import BOUND_PRESETS, PRESETS
from dreamrl.agents.whole_trial.settings import WholeTrialSettings


def _rl2(family, settings):
    return RL2Algorithm(family, settings, include_exploration_reward=True)


def _no_exploration(family, settings):
    return RL2Algorithm(family, settings, has_exploration=False)


RL2 = Method(WholeTrialSettings, _rl2, PRESETS)
E_RL2 = Method(WholeTrialSettings, RL2Algorithm, PRESETS)
NO_EXPLORATION = Method(WholeTrialSettings, _no_exploration, BOUND_PRESETS)
ORACLE = Method(WholeTrialSettings, oracle, BOUND_PRESETS)
