"""PEARL: a posterior over z from transitions, and Thompson sampling (Rakelly et al. 2019).

Objective, with z ~ q(z | c) and a context c of explorations in the problem of the episodes:

    E[(Q(s, goal, a, z) - G)^2 / 2] + w KL(q(z | c) || N(0, I))

where G is made of the rewards that followed and the target network. The error of Q trains the
encoder, as the critic's does in the paper. Deviations:

- Actions are discrete: a double dueling DQN stands in for SAC, and a softmax of Q, at a temperature
  that falls, for its entropy. The policy is feed-forward, as there.
- The prior is one more factor of the posterior, so that no transition leaves just the prior.
- Contexts are one to several whole explorations of the recent past; at meta-test there is one. w
  grows from 0 once Q has had time to find a use for z.
- An exploration has no goal, but the policy needs one. It acts for a goal met in training, drawn
  anew each time from those of the last iteration, and the environment gets none, in training as at
  meta-test. It cannot take the action that ends an episode.
- At meta-test the exploration acts on a z from the prior, exploitation on one from the posterior,
  as there, or on the posterior's mean (`act_on`), which returns a little more (docs/results.md).
"""

from dreamrl.agents.method import Method
from dreamrl.agents.pearl.algorithm import Pearl
from dreamrl.agents.pearl.settings import PRESETS, PearlSettings

PEARL = Method(PearlSettings, Pearl, PRESETS)
