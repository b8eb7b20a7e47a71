"""RL2 and E-RL2: one recurrent policy, trained end to end on the returns of the whole trial.

RL2 (Duan et al. 2016; Wang et al. 2016) maximises E[sum of all rewards of the trial]: the
exploration's, where the family gives any without a goal, and an exploitation episode's, of which
the mean counts where there are several. E-RL2 (Stadie et al. 2018) does not count the
exploration's, so that exploring costs nothing. The hidden state is carried from the exploration
into each exploitation episode; nothing else is.

Beside them, trained the same way, what frames every comparison: `no-exploration`, whose
exploration has no step, and `oracle`, which does not explore either but sees in every observation
what problem it is in.
"""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.agent import Method, Metrics
from dreamrl.agents.q_settings import PAPER_EPISODE, presets
from dreamrl.agents.whole_trial.algorithm import WholeTrial
from dreamrl.agents.whole_trial.nets import Nets, Same, make_nets
from dreamrl.agents.whole_trial.q_learning import WholeTrialQ, whole_trial
from dreamrl.agents.whole_trial.settings import WholeTrialSettings
from dreamrl.agents.whole_trial.trials import Memories, Recorded
from dreamrl.families.described import Described
from dreamrl.families.family import Family
from dreamrl.types import Key, ProblemID


@dataclasses.dataclass(frozen=True)
class EndToEnd:
    """The policy is told the reader's memory, and its loss trains both."""

    count_exploration: bool
    explores: bool = True
    apart = False

    def nets(self, key: Key, family: Family, settings: WholeTrialSettings) -> Nets:
        return make_nets(key, family, settings, Same(), settings.hidden)

    def told(self, nets: Nets, problem_id: ProblemID) -> None:
        return None

    def beside(
        self,
        nets: Nets,
        recorded: Recorded,
        memories: Memories,
        settings: WholeTrialSettings,
        key: Key,
    ) -> tuple[Float[Array, ""], Metrics]:
        return jnp.zeros(()), {}

    def encode(self, nets: Nets, problem_id: ProblemID) -> None:
        return None


def rl2(family: Family, settings: WholeTrialSettings) -> WholeTrial | WholeTrialQ:
    return whole_trial(family, settings, EndToEnd(count_exploration=True))


def e_rl2(family: Family, settings: WholeTrialSettings) -> WholeTrial | WholeTrialQ:
    return whole_trial(family, settings, EndToEnd(count_exploration=False))


def no_exploration(family: Family, settings: WholeTrialSettings) -> WholeTrial | WholeTrialQ:
    return whole_trial(family, settings, EndToEnd(count_exploration=False, explores=False))


def oracle(family: Family, settings: WholeTrialSettings) -> WholeTrial | WholeTrialQ:
    return no_exploration(Described(family), settings)


_PRESETS = presets(WholeTrialSettings)

RL2 = Method(WholeTrialSettings, rl2, _PRESETS)
E_RL2 = Method(WholeTrialSettings, e_rl2, _PRESETS)
# As DREAM's exploitation: what they have to learn is no longer than an episode.
_ALONE = _PRESETS | {
    "cooking": dataclasses.replace(_PRESETS["cooking"], gae_lambda=0.8),
    "paper": dataclasses.replace(_PRESETS["paper"], **PAPER_EPISODE),
}
NO_EXPLORATION = Method(WholeTrialSettings, no_exploration, _ALONE)
ORACLE = Method(WholeTrialSettings, oracle, _ALONE)
