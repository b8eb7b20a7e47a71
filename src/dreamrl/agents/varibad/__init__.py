"""VariBAD: a Bayes-adaptive policy by variational inference (Zintgraf et al. 2020).

The policy acts on (s, goal, m_t, s_t^2) and is trained on the returns of the whole trial; the
posterior and the decoder are trained on the ELBO alone (`losses`). No gradient of the policy's loss
reaches the trial encoder or the posterior.

Deviations: the two losses have an optimiser each; the exploration cannot take the action that ends
an episode; a few times t of each trial are sampled, not all.
"""

from dreamrl.agents.method import Method
from dreamrl.agents.varibad.algorithm import Varibad
from dreamrl.agents.varibad.settings import PRESETS, VaribadSettings


def _varibad(family, settings):
    return Varibad(family, settings, include_exploration_reward=settings.exploration_rewards)


VARIBAD = Method(VaribadSettings, _varibad, PRESETS)
