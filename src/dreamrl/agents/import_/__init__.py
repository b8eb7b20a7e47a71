"""IMPORT: informed policy regularisation (Kamienny et al. 2020).

One policy acts on f(mu) in informed trials and on g(tau_:t) in all others, and is trained on the
returns of both. Informed returns teach f what matters about a problem; g is trained by the
policy's own loss in the other trials, and by an auxiliary one that pulls it to where f is:

    beta |g(tau_:t) - stop f(mu)|^2, a mean over the steps of the trial.

Deviations: the exploration cannot take the action that ends an episode.
"""

from dreamrl.agents.import_.algorithm import Import
from dreamrl.agents.import_.settings import PRESETS, ImportSettings
from dreamrl.agents.method import Method

IMPORT = Method(ImportSettings, Import, PRESETS)
