"""The networks of one policy for the whole trial, and the agent that they make."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.agents.policy import (
    InstructedPolicy,
    Senses,
    bar,
    encode_goal,
    goal_features,
)
from dreamrl.agents.q_settings import barred
from dreamrl.agents.whole_trial.settings import WholeTrialSettings
from dreamrl.families.family import Family
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.layers import Dense
from dreamrl.networks.memory import GRU
from dreamrl.spaces import ActionSpace, Space
from dreamrl.trial import Percept, percepts
from dreamrl.types import Action, Belief, Goal, Key, Trajectory


class Reader(eqx.Module):
    """Everything seen in a trial so far, goals included, in one memory."""

    senses: Senses
    hidden: Dense
    memory: GRU
    goal_space: Space = eqx.field(static=True)

    def __init__(
        self, key: Key, observations: Space, actions: ActionSpace, goals: Space, size: int
    ):
        keys = jax.random.split(key)
        self.goal_space = goals
        self.senses = Senses(jax.random.fold_in(key, 2), observations, actions, size)
        features = self.senses.features + goal_features(goals)
        self.hidden = Dense(keys[0], features, size, gain=2**0.5)
        self.memory = GRU(keys[1], size, size)

    def start(self) -> Float[Array, " size"]:
        return self.memory.start()

    def step(
        self, memory: Float[Array, " size"], percept: Percept, goal: Goal
    ) -> Float[Array, " size"]:
        return self.memory.step(memory, self.memory.project(self._features(percept, goal)))

    def unroll(
        self,
        memory: Float[Array, " size"],
        percepts: Percept,
        goal: Goal,
        mask: Bool[Array, " T"] | None = None,
    ) -> Float[Array, "T size"]:
        """The memory after each percept; one that `mask` leaves out changes nothing."""
        return self.memory.unroll(memory, self._features(percepts, goal), mask)

    def _features(self, percept: Percept, goal: Goal) -> Float[Array, "... size"]:
        asked = encode_goal(self.goal_space, goal, percept.first.shape)
        return jax.nn.relu(self.hidden(jnp.concatenate([self.senses(percept), asked], axis=-1)))


Tell = Callable[[Float[Array, "... size"]], Float[Array, "... Z"]]
"""From the reader's memory to the policy's z: a module, `Same` or a layer."""


class Same(eqx.Module):
    """z is the memory itself."""

    def __call__(self, memory: Float[Array, "... size"]) -> Float[Array, "... size"]:
        return memory


class Nets(NamedTuple):
    """What is trained."""

    reader: Reader
    tell: Tell
    policy: InstructedPolicy
    beside: Any = None
    """What training needs and no agent has."""


def make_nets(
    key: Key,
    family: Family,
    settings: WholeTrialSettings,
    tell: Tell,
    z: int,
    beside: Any = None,
) -> Nets:
    """The policy has no memory of its own: all that is remembered goes through the reader."""
    size, kept_from = settings.hidden, barred(settings.may_end, family)
    keys = jax.random.split(key)
    spaces = (family.observation_space, family.action_space, family.goal_space)
    policy = InstructedPolicy(keys[1], *spaces, size, z, recurrent=False, barred=kept_from)
    return Nets(Reader(keys[0], *spaces, size), tell, policy, beside)


def read_all(reader: Reader, trajectory: Trajectory) -> Float[Array, "times size"]:
    """[T+1]: the memory after each percept of an exploration, the last one included.

    Behind the end it stays what it was.
    """
    return reader.unroll(reader.start(), percepts(trajectory), None, trajectory.seen)


class WholeTrialAgent(eqx.Module):
    """Greedy in both episodes; the belief is the reader's memory and what it tells."""

    reader: Reader
    tell: Tell
    policy: InstructedPolicy
    barred: int | None = eqx.field(static=True)
    explores: bool = eqx.field(static=True)

    def explorer(self) -> Float[Array, " size"]:
        return self.reader.start()

    def explore(
        self, memory: Float[Array, " size"], percept: Percept, key: Key
    ) -> tuple[Float[Array, " size"], Action, Bool[Array, ""]]:
        memory, decision = self._decide(memory, percept, None)
        action = bar(decision, self.barred).policy.mode()
        return memory, action, jnp.array(not self.explores)

    def beliefs(self, trajectory: Trajectory) -> Belief:
        memories = read_all(self.reader, trajectory)
        return Belief(self.tell(memories), memories)

    def exploiter(self, belief: Belief) -> Float[Array, " size"]:
        return belief.memory

    def exploit(
        self, memory: Float[Array, " size"], percept: Percept, goal: Array, key: Key
    ) -> tuple[Float[Array, " size"], Action]:
        memory, decision = self._decide(memory, percept, goal)
        return memory, decision.policy.mode()

    def _decide(
        self, memory: Float[Array, " size"], percept: Percept, goal: Goal
    ) -> tuple[Float[Array, " size"], Decision]:
        memory = self.reader.step(memory, percept, goal)
        _, decision = self.policy.step(self.policy.start(), percept, goal, self.tell(memory))
        return memory, decision
