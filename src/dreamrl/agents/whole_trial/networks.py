"""The networks of one policy for the whole trial, the agent they make, and its behaviour."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Scalar

from dreamrl.agents.acting import Behaviour, GreedyAgent
from dreamrl.agents.whole_trial.settings import WholeTrialSettings
from dreamrl.families.family import Family
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.layers import Dense
from dreamrl.networks.policy import InstructedPolicy, PerceptEncoder, encode_goal, goal_features
from dreamrl.networks.recurrent import GRU
from dreamrl.spaces import Space
from dreamrl.trial import Choice, percepts
from dreamrl.types import Belief, Goal, Key, Percept, Trajectory

BeliefHead = Callable[[Float[Array, "... size"]], Float[Array, "... Z"]]
"""From the trial encoder's hidden state to the policy's z: a module, `Identity` or a layer."""


class TrialEncoder(eqx.Module):
    """Everything seen in a trial so far, goals included, in one hidden state."""

    percept_encoder: PerceptEncoder
    hidden: Dense
    rnn: GRU
    goal_space: Space = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, size: int):
        keys = jax.random.split(key)
        self.goal_space = family.goal_space
        self.percept_encoder = PerceptEncoder(jax.random.fold_in(key, 2), family, size)
        features = self.percept_encoder.features + goal_features(family.goal_space)
        self.hidden = Dense(keys[0], features, size, gain=2**0.5)
        self.rnn = GRU(keys[1], size, size)

    def init_carry(self) -> Float[Array, " size"]:
        """Return the hidden state before the first percept."""
        return self.rnn.init_carry()

    def step(
        self, carry: Float[Array, " size"], percept: Percept, goal: Goal
    ) -> Float[Array, " size"]:
        """Return the hidden state after one more percept."""
        return self.rnn.step(carry, self._features(percept, goal))

    def unroll(
        self,
        carry: Float[Array, " size"],
        percepts: Percept,
        goal: Goal,
        mask: Bool[Array, " T"] | None = None,
    ) -> Float[Array, "T size"]:
        """Return the hidden state after each percept; one outside `mask` changes nothing."""
        return self.rnn.unroll(carry, self._features(percepts, goal), mask)

    def read(self, exploration: Trajectory) -> Float[Array, "times size"]:
        """Return the hidden state after each percept of an exploration, the last one included.

        [T+1]; after the end it stays the same.
        """
        return self.unroll(self.init_carry(), percepts(exploration), None, exploration.seen)

    def _features(self, percept: Percept, goal: Goal) -> Float[Array, "... size"]:
        goal_vector = encode_goal(self.goal_space, goal, percept.first.shape)
        features = jnp.concatenate([self.percept_encoder(percept), goal_vector], axis=-1)
        return jax.nn.relu(self.hidden(features))


class Identity(eqx.Module):
    """A belief head: z is the hidden state itself."""

    def __call__(self, hidden: Float[Array, "... size"]) -> Float[Array, "... size"]:
        """Return the hidden state."""
        return hidden


class Nets(NamedTuple):
    """All that is trained."""

    encoder: TrialEncoder
    belief_head: BeliefHead
    policy: InstructedPolicy
    auxiliary: Any = None
    """A network that training needs and no agent has."""


def make_nets(
    key: Key,
    family: Family,
    settings: WholeTrialSettings,
    belief_head: BeliefHead,
    z: int,
    auxiliary: Any = None,
) -> Nets:
    """Return networks whose policy has no memory: all that is remembered is in the encoder."""
    keys = jax.random.split(key)
    size, may_end = settings.hidden, settings.may_end
    policy = InstructedPolicy(keys[1], family, size, z, recurrent=False, may_end=may_end)
    return Nets(TrialEncoder(keys[0], family, size), belief_head, policy, auxiliary)


class PrivilegedContext(NamedTuple):
    """In an informed trial the policy acts on this z, not on what the encoder reads."""

    z: Float[Array, "... Z"]
    informed: Bool[Array, "..."]

    def replace(self, z: Float[Array, "... Z"]) -> Float[Array, "... Z"]:
        """Return the z that the policy acts on."""
        return jnp.where(self.informed[..., None], self.z, z)


class Conditions(NamedTuple):
    """The conditions of one trial in training."""

    context: PrivilegedContext | None
    random: Float[Array, ""] | None
    """Probability that an action of the exploration is random: 0 where it is the policy's."""


class WholeTrialAgent(GreedyAgent):
    """Greedy in both episodes; the belief is the hidden state and the z made of it."""

    encoder: TrialEncoder
    belief_head: BeliefHead
    policy: InstructedPolicy
    explores: bool = eqx.field(static=True)

    def init_exploration(self) -> Float[Array, " size"]:
        return self.encoder.init_carry()

    def decide_exploration(
        self, carry: Float[Array, " size"], percept: Percept
    ) -> tuple[Float[Array, " size"], Decision]:
        return self.decide_exploitation(carry, percept, None)

    def stops(self, carry: Float[Array, " size"], decision: Decision) -> bool:
        """Stop at once if the method does not explore."""
        return not self.explores

    def beliefs(self, exploration: Trajectory) -> Belief:
        hidden = self.encoder.read(exploration)
        return Belief(self.belief_head(hidden), hidden)

    def init_exploitation(
        self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key
    ) -> Float[Array, " size"]:
        return belief.extra

    def decide_exploitation(
        self, carry: Float[Array, " size"], percept: Percept, goal: Goal
    ) -> tuple[Float[Array, " size"], Decision]:
        carry = self.encoder.step(carry, percept, goal)
        z = self.context(self.belief_head(carry))
        _, decision = self.policy.step(self.policy.init_carry(), percept, goal, z)
        return carry, decision

    def context(self, z: Float[Array, " Z"]) -> Float[Array, " Z"]:
        """Return the z that the policy acts on."""
        return z


class InformedAgent(WholeTrialAgent):
    """In training it may act on privileged context; meta-test never gets this one."""

    privileged: PrivilegedContext

    def context(self, z: Float[Array, " Z"]) -> Float[Array, " Z"]:
        return self.privileged.replace(z)


class WholeTrialBehaviour(Behaviour):
    """Explores partly at random where the conditions say so."""

    def explore(
        self, carry: Float[Array, " size"], percept: Percept, key: Key
    ) -> tuple[Float[Array, " size"], Choice]:
        """Choose as the learner does, or at random."""
        carry, decision = self.agent.decide_exploration(carry, percept)
        choice = self.learner.choose(decision, key, self.progress, self.conditions.random)
        return carry, choice._replace(stop=self.agent.stops(carry, decision))
