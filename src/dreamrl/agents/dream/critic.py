"""The exploration policy's critic that is told the problem, in training alone.

What a step of exploration gains differs with the problem, which the policy cannot know: noise to
it, and most of the advantages' variance where tests leave doubts. A value that is told the problem
takes that out and leaves the policy's gradient as it is in the mean (Pinto et al. 2018).
"""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.errors import UserError
from dreamrl.learners.dqn import DQN
from dreamrl.networks.encoder import HIDDEN
from dreamrl.networks.layers import Dense, gated
from dreamrl.types import Key


def check_critic(settings: DreamSettings) -> None:
    """Raise UserError where a learner has no critic to tell anything."""
    if settings.exploration.critic == "privileged" and isinstance(settings.learner, DQN):
        raise UserError(
            "exploration.critic privileged is for learner ppo, as dqn has no critic but its Q: "
            "choose exploration.critic history"
        )


class PrivilegedCritic(eqx.Module):
    """(features of the exploration policy, f(mu)) -> V; f in units of its noise."""

    features: Dense
    problem: Dense
    value: Dense
    rho: float = eqx.field(static=True)

    def __init__(self, key: Key, size: int, z: int, rho: float):
        keys = jax.random.split(key, 3)
        self.rho = rho
        self.features = Dense(keys[0], size, HIDDEN)
        self.problem = Dense(keys[1], z, HIDDEN)
        self.value = Dense(keys[2], HIDDEN, 1)

    def __call__(
        self, features: Float[Array, "B T size"], means: Float[Array, "B Z"]
    ) -> Float[Array, "B T"]:
        """Return V of each step of B explorations."""
        seen, problem = self.features(features), self.problem(means / self.rho)[:, None]
        return self.value(gated(seen, problem))[..., 0]
