"""MAML: parameters from which one policy-gradient step on an exploration leads far.

Finn, Abbeel and Levine 2017, algorithm 3, with one exploration to adapt on and PPO's clipped
surrogate as the outer loss (as in ProMP, Rothfuss et al. 2019). E-MAML: Stadie et al. 2018.

Deviations: inner rates may be learned by parameter (Meta-SGD, Li et al. 2017); the exploration
cannot take the action that ends an episode; it samples at meta-test too, as an exploration without
chance would have no policy gradient.
"""

from dreamrl.agents.maml.algorithm import Maml
from dreamrl.agents.maml.settings import PRESETS, MamlSettings
from dreamrl.agents.method import Method

MAML = Method(MamlSettings, Maml, PRESETS)
