"""What meta-test gets of MAML: the initial policy, and how an exploration changes it."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from dreamrl.agents.maml.adaptation import InitialPolicy, exploit_step
from dreamrl.agents.policy import InstructedPolicy
from dreamrl.trial import Percept
from dreamrl.types import Action, Belief, Key, Trajectory

DIRECTIONS = 16


class ExploiterMemory(NamedTuple):
    adapted: InstructedPolicy
    policy: Float[Array, " size"]


class MamlAgent(eqx.Module):
    """Explores by sampling from the initial policy; greedy in exploitation, once adapted.

    A greedy exploration would have no policy gradient: that is about what was tried by chance.
    """

    initial: InitialPolicy

    def explorer(self) -> Float[Array, " size"]:
        return self.initial.policy.start()

    def explore(
        self, memory: Float[Array, " size"], percept: Percept, key: Key
    ) -> tuple[Float[Array, " size"], Action, Bool[Array, ""]]:
        """Samples; never stops by itself."""
        memory, decision = self.initial.step(memory, percept)
        return memory, decision.policy.sample(key), jnp.array(False)

    def beliefs(self, trajectory: Trajectory) -> Belief:
        """The memory is the exploration so far, from which `exploiter` computes parameters.

        The mean is how the parameters have changed, seen along a few random directions, in which
        distances are about what they are between parameters. Computed only if it is asked for.
        """
        steps = trajectory.mask.shape[0]

        def after(time: Array) -> Belief:
            seen = trajectory._replace(mask=trajectory.mask & (jnp.arange(steps) < time))
            return Belief(self._change(seen), seen)

        return jax.vmap(after)(jnp.arange(steps + 1))

    def exploiter(self, belief: Belief) -> ExploiterMemory:
        adapted = self.initial.adapt(self.initial.read(belief.memory))
        return ExploiterMemory(adapted, adapted.start())

    def exploit(
        self, memory: ExploiterMemory, percept: Percept, goal: Array, key: Key
    ) -> tuple[ExploiterMemory, Action]:
        hidden, decision = exploit_step(memory.adapted, memory.policy, percept, goal)
        return memory._replace(policy=hidden), decision.policy.mode()

    def _change(self, trajectory: Trajectory) -> Float[Array, " directions"]:
        adapted = self.initial.adapt(self.initial.read(trajectory))
        change, _ = ravel_pytree(jax.tree.map(jnp.subtract, adapted, self.initial.policy))
        directions = jax.random.normal(jax.random.key(0), (change.size, DIRECTIONS))
        return change @ directions / DIRECTIONS**0.5
