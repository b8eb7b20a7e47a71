"""VariBAD: the policy acts on a posterior that an ELBO trains."""

import dataclasses
from typing import Any, cast

import optax
from jaxtyping import Array, Float

from dreamrl.agents.algorithm import Metrics
from dreamrl.agents.varibad.losses import elbo
from dreamrl.agents.varibad.networks import Posterior, varibad_nets
from dreamrl.agents.whole_trial.algorithm import WholeTrial
from dreamrl.agents.whole_trial.losses import HiddenStates, Trials
from dreamrl.agents.whole_trial.networks import Nets
from dreamrl.types import Key


@dataclasses.dataclass(frozen=True)
class Varibad(WholeTrial):
    """The policy acts on mean and variance: the auxiliary network is the ELBO's decoder."""

    def nets(self, key: Key) -> Nets:
        return varibad_nets(key, self.family, self.settings)

    def optimisers(self) -> dict[str, optax.GradientTransformation]:
        """Return one for the policy and one for all that the ELBO trains.

        Else the norm of the one's gradient would shrink the other's.
        """
        labels: Any = dict.fromkeys(Nets._fields, "model") | {"policy": "policy"}
        parts = Nets(**labels)
        return {"policy": optax.partition({"policy": self.adam(), "model": self.adam()}, parts)}

    def auxiliary_loss(
        self, nets: Nets, trials: Trials, hidden: HiddenStates, key: Key
    ) -> tuple[Float[Array, ""], Metrics]:
        """Return the negative ELBO, weighted."""
        settings = self.settings
        posterior = cast(Posterior, nets.belief_head)
        terms = elbo(posterior, nets.auxiliary, trials.trial, hidden, settings.samples, key)
        loss = (
            settings.observation_weight * terms.observation
            + settings.reward_weight * terms.reward
            + settings.divergence_weight * terms.divergence
        )
        metrics = {
            "observation_error": terms.observation,
            "reward_error": terms.reward,
            "divergence": terms.divergence,
        }
        return loss, metrics
