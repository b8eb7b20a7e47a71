"""VariBAD: a Bayes-adaptive policy by variational inference (Zintgraf et al. 2020).

The policy acts on (s, goal, m_t, s_t^2) and is trained by PPO on the returns of the whole trial;
the posterior and the decoder are trained on the ELBO alone. No gradient of the policy's loss
reaches the reader or the posterior.
"""

import dataclasses
from typing import ClassVar, cast

import jax
from jaxtyping import Array, Float

from dreamrl.agents.agent import Metrics
from dreamrl.agents.ranges import COUNT
from dreamrl.agents.varibad.elbo import Decoder, elbo
from dreamrl.agents.varibad.posterior import Posterior
from dreamrl.agents.whole_trial.algorithm import WholeTrial
from dreamrl.agents.whole_trial.nets import Nets, make_nets
from dreamrl.agents.whole_trial.q_learning import WholeTrialQ, whole_trial
from dreamrl.agents.whole_trial.settings import WholeTrialSettings
from dreamrl.agents.whole_trial.trials import Memories, Recorded
from dreamrl.families.family import Family
from dreamrl.types import Key, ProblemID


@dataclasses.dataclass(frozen=True)
class VaribadSettings(WholeTrialSettings):
    """VariBAD's settings; times are shares of the whole run."""

    z: int = 16
    """Length of z; the policy is told twice as much: mean and variance."""
    samples: int = 4
    """Times t in each trial from which the whole trial is predicted in an update."""
    observation_weight: float = 1.0
    """Weight of the errors of predicted observations."""
    reward_weight: float = 1.0
    """Weight of the errors of predicted rewards."""
    divergence_weight: float = 0.1
    """Weight of the posterior's divergence from the one before."""

    ranges: ClassVar[dict[str, tuple[float, float]]] = WholeTrialSettings.ranges | {
        "z": COUNT,
        "samples": COUNT,
    }


@dataclasses.dataclass(frozen=True)
class Variational:
    """The policy is told the posterior; `beside` in the nets is the ELBO's decoder."""

    count_exploration = False
    explores = True
    apart = True

    def nets(self, key: Key, family: Family, settings: VaribadSettings) -> Nets:
        key_nets, key_tell, key_decoder = jax.random.split(key, 3)
        posterior = Posterior(key_tell, settings.hidden, settings.z)
        decoder = Decoder(key_decoder, family, settings.hidden, settings.z)
        return make_nets(key_nets, family, settings, posterior, 2 * settings.z, decoder)

    def told(self, nets: Nets, problem_id: ProblemID) -> None:
        return None

    def beside(
        self,
        nets: Nets,
        recorded: Recorded,
        memories: Memories,
        settings: VaribadSettings,
        key: Key,
    ) -> tuple[Float[Array, ""], Metrics]:
        posterior = cast(Posterior, nets.tell)
        found = elbo(posterior, nets.beside, recorded.played, memories, settings.samples, key)
        loss = (
            settings.observation_weight * found.observation
            + settings.reward_weight * found.reward
            + settings.divergence_weight * found.divergence
        )
        metrics = {
            "observation_error": found.observation,
            "reward_error": found.reward,
            "divergence": found.divergence,
        }
        return loss, metrics

    def encode(self, nets: Nets, problem_id: ProblemID) -> None:
        return None


def varibad(family: Family, settings: VaribadSettings) -> WholeTrial | WholeTrialQ:
    return whole_trial(family, settings, Variational())
