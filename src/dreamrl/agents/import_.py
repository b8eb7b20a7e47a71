"""IMPORT: informed policy regularisation (Kamienny et al. 2020).

One policy acts on f(mu) in informed trials and on g(tau_:t) in all others, and is trained on the
returns of both. Informed returns teach f what matters about a problem; g is trained by the
policy's own loss in the other trials, and by an auxiliary one that pulls it to where f is:

    beta |g(tau_:t) - stop f(mu)|^2, a mean over the steps of the trial.
"""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.agent import Method, Metrics
from dreamrl.agents.dream.encoder import make_encoder
from dreamrl.agents.q_settings import presets
from dreamrl.agents.ranges import COUNT, SHARE
from dreamrl.agents.whole_trial.algorithm import WholeTrial
from dreamrl.agents.whole_trial.nets import Nets, make_nets
from dreamrl.agents.whole_trial.q_learning import WholeTrialQ, whole_trial
from dreamrl.agents.whole_trial.settings import WholeTrialSettings
from dreamrl.agents.whole_trial.trials import Memories, Recorded, Told
from dreamrl.families.family import Family
from dreamrl.networks.layers import Dense
from dreamrl.types import Key, ProblemID


@dataclasses.dataclass(frozen=True)
class ImportSettings(WholeTrialSettings):
    """IMPORT's settings; times are shares of the whole run."""

    z: int = 32
    """Length of f(mu) and g(tau)."""
    informed_share: float = 0.5
    """Share of training trials in which the policy acts on f(mu)."""
    auxiliary: float = 0.1
    """Beta: weight of the auxiliary loss."""

    ranges: ClassVar[dict[str, tuple[float, float]]] = WholeTrialSettings.ranges | {
        "z": COUNT,
        "informed_share": SHARE,
    }


@dataclasses.dataclass(frozen=True)
class Informed:
    """The policy is told g(tau), or f(mu); `beside` in the nets is f."""

    informed_share: float
    count_exploration = False
    explores = True
    apart = False

    def nets(self, key: Key, family: Family, settings: ImportSettings) -> Nets:
        key_nets, key_tell, key_encoder = jax.random.split(key, 3)
        tell = Dense(key_tell, settings.hidden, settings.z)
        encoder = make_encoder(key_encoder, family, settings.z)
        return make_nets(key_nets, family, settings, tell, settings.z, encoder)

    def told(self, nets: Nets, problem_id: ProblemID) -> Told:
        count = problem_id.value.shape[0]
        informed = jnp.arange(count) < self.informed_share * count
        return Told(nets.beside(problem_id), informed)

    def beside(
        self,
        nets: Nets,
        recorded: Recorded,
        memories: Memories,
        settings: ImportSettings,
        key: Key,
    ) -> tuple[Float[Array, ""], Metrics]:
        """The auxiliary loss, on every trial and step."""
        aim = jax.lax.stop_gradient(nets.beside(recorded.problem_id))
        explored, exploited = recorded.played.exploration.mask, recorded.played.exploitation.mask
        errors_x = jnp.square(nets.tell(memories.exploration[:, 1:]) - aim[:, None]).sum(-1)
        errors_e = jnp.square(nets.tell(memories.exploitation) - aim[:, None, None]).sum(-1)
        total = (errors_x * explored).sum() + (errors_e * exploited).sum()
        loss = total / (explored.sum() + exploited.sum())
        z_squared = jnp.square(aim).sum(-1).mean()
        return settings.auxiliary * loss, {"loss_auxiliary": loss, "z_squared": z_squared}

    def encode(self, nets: Nets, problem_id: ProblemID) -> Float[Array, "... Z"]:
        return nets.beside(problem_id)


def import_(family: Family, settings: ImportSettings) -> WholeTrial | WholeTrialQ:
    return whole_trial(family, settings, Informed(settings.informed_share))


_PRESETS = presets(ImportSettings)

METHOD = Method(ImportSettings, import_, _PRESETS)
