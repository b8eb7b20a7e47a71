"""IMPORT: some trials act on f(mu), all others on g(tau), and g is pulled to f."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.algorithm import Metrics
from dreamrl.agents.import_.losses import pull_loss
from dreamrl.agents.import_.networks import import_nets
from dreamrl.agents.whole_trial.algorithm import WholeTrial
from dreamrl.agents.whole_trial.losses import HiddenStates, Trials
from dreamrl.agents.whole_trial.networks import Nets, PrivilegedContext
from dreamrl.types import Key, ProblemID


@dataclasses.dataclass(frozen=True)
class Import(WholeTrial):
    """The policy acts on g(tau), or on f(mu): the auxiliary network is f."""

    def nets(self, key: Key) -> Nets:
        return import_nets(key, self.family, self.settings)

    def context(self, nets: Nets, problem_id: ProblemID) -> PrivilegedContext:
        """Return f(mu), and which trials act on it."""
        count = problem_id.value.shape[0]
        informed = jnp.arange(count) < self.settings.informed_share * count
        return PrivilegedContext(nets.auxiliary(problem_id), informed)

    def auxiliary_loss(
        self, nets: Nets, trials: Trials, hidden: HiddenStates, key: Key
    ) -> tuple[Float[Array, ""], Metrics]:
        """Return the weighted pull."""
        loss, z_squared = pull_loss(nets, trials, hidden)
        return self.settings.auxiliary * loss, {"loss_auxiliary": loss, "z_squared": z_squared}

    def encode(self, params: Nets, problem_id: ProblemID) -> Float[Array, "... Z"]:
        return params.auxiliary(problem_id)
