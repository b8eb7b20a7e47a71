"""What meta-test gets of PEARL: context encoder, policy, and goals to explore for."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.agents.pearl.posterior import ContextEncoder, Posterior, posteriors, sample
from dreamrl.agents.policy import InstructedPolicy, bar
from dreamrl.trial import Percept
from dreamrl.types import Action, Belief, Key, Trajectory


class Components(NamedTuple):
    encoder: ContextEncoder
    policy: InstructedPolicy
    goals: Array
    """[trials, ...]: goals met in training; an exploration acts for one of them."""


class ExplorerMemory(NamedTuple):
    policy: Float[Array, " size"]
    z: Float[Array, " Z"]
    goal: Array


class ExploiterMemory(NamedTuple):
    policy: Float[Array, " size"]
    z: Float[Array, " Z"]
    posterior: Posterior


class PearlAgent(eqx.Module):
    """Greedy for a z that is chosen when an episode begins.

    In the exploration it is drawn from the prior (Thompson sampling), afterwards from the
    posterior, unless `act_on_mean`.
    """

    params: Components
    barred: int | None = eqx.field(static=True)
    act_on_mean: bool = eqx.field(static=True)

    def explorer(self) -> ExplorerMemory:
        params = self.params
        return ExplorerMemory(params.policy.start(), self._prior.mean, params.goals[0])

    def explore(
        self, memory: ExplorerMemory, percept: Percept, key: Key
    ) -> tuple[ExplorerMemory, Action, Bool[Array, ""]]:
        key_z, key_goal = jax.random.split(key)
        goals = self.params.goals
        z = jnp.where(percept.first, sample(self._prior, key_z), memory.z)
        drawn = goals[jax.random.randint(key_goal, (), 0, goals.shape[0])]
        goal = jnp.where(percept.first, drawn, memory.goal)
        hidden, decision = self.params.policy.step(memory.policy, percept, goal, z)
        # Explorations do not end themselves: there is nothing to gain by that.
        action = bar(decision, self.barred).policy.mode()
        return ExplorerMemory(hidden, z, goal), action, jnp.array(False)

    def beliefs(self, trajectory: Trajectory) -> Belief:
        """Posterior mean, and its variance as memory."""
        return Belief(*posteriors(self.params.encoder, trajectory))

    def exploiter(self, belief: Belief) -> ExploiterMemory:
        posterior = Posterior(belief.mean, belief.memory)
        return ExploiterMemory(self.params.policy.start(), posterior.mean, posterior)

    def exploit(
        self, memory: ExploiterMemory, percept: Percept, goal: Array, key: Key
    ) -> tuple[ExploiterMemory, Action]:
        draws = percept.first & (not self.act_on_mean)
        z = jnp.where(draws, sample(memory.posterior, key), memory.z)
        hidden, decision = self.params.policy.step(memory.policy, percept, goal, z)
        return memory._replace(policy=hidden, z=z), decision.policy.mode()

    @property
    def _prior(self) -> Posterior:
        size = self.params.policy.told.weight.shape[0]
        return Posterior(jnp.zeros(size), jnp.ones(size))
