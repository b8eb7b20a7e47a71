"""How agents act: greedily at meta-test, and as the learner chooses in training.

A method says once how its agent decides; `GreedyAgent` and `Behaviour` make actors of that.
"""

import abc
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int, PyTree, Scalar

from dreamrl.agents.settings import Learner
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.trial import Choice, Decided
from dreamrl.types import Action, Belief, Goal, Key, Percept, Trajectory


class GreedyAgent(eqx.Module):
    """An actor that takes the best action of each decision, unless it picks another.

    A method adds `init_exploration`, `beliefs` and `init_exploitation` of `trial.Actor`.
    """

    @abc.abstractmethod
    def decide_exploration(self, carry: Any, percept: Percept) -> tuple[Any, Decision]:
        """Return the next carry and the decision in an exploration."""

    def stops(self, carry: Any, decision: Decision) -> Bool[Array, ""] | bool:
        """Return whether the exploration ends before this decision is acted on."""
        return False

    def continuation(self, decision: Decision) -> Float[Array, ""] | None:
        """Return the value of going on with the exploration, if the agent stops by it."""
        return None

    def pick(self, decision: Decision, key: Key) -> Action:
        """Return the action of an exploration's decision."""
        return decision.policy.mode()

    def explore(self, carry: Any, percept: Percept, key: Key) -> tuple[Any, Choice]:
        carry, decision = self.decide_exploration(carry, percept)
        extras = Decided(decision.policy, self.continuation(decision))
        return carry, Choice(self.pick(decision, key), self.stops(carry, decision), extras)

    @abc.abstractmethod
    def decide_exploitation(self, carry: Any, percept: Percept, goal: Goal) -> tuple[Any, Decision]:
        """Return the next carry and the decision in an exploitation."""

    def exploit(self, carry: Any, percept: Percept, goal: Goal, key: Key) -> tuple[Any, Choice]:
        carry, decision = self.decide_exploitation(carry, percept, goal)
        return carry, Choice(decision.policy.mode(), extras=Decided(decision.policy))


class Behaviour(eqx.Module):
    """Decides as its agent, and acts as the learner chooses."""

    agent: Any
    """A `GreedyAgent`."""
    conditions: Any
    """The conditions of this trial."""
    progress: Float[Array, ""]
    learner: Learner = eqx.field(static=True)

    @property
    def random(self) -> Float[Array, ""] | None:
        """Probability of a random action, besides the learner's own."""
        return None

    def init_exploration(self) -> PyTree:
        return self.agent.init_exploration()

    def explore(self, carry: Any, percept: Percept, key: Key) -> tuple[Any, Choice]:
        carry, decision = self.agent.decide_exploration(carry, percept)
        choice = self.learner.choose(decision, key, self.progress, self.random)
        return carry, choice._replace(stop=self.agent.stops(carry, decision))

    def beliefs(self, exploration: Trajectory) -> Belief:
        return self.agent.beliefs(exploration)

    def init_exploitation(self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key) -> PyTree:
        return self.agent.init_exploitation(belief, episode, key)

    def exploit(self, carry: Any, percept: Percept, goal: Goal, key: Key) -> tuple[Any, Choice]:
        carry, decision = self.agent.decide_exploitation(carry, percept, goal)
        return carry, self.learner.choose(decision, key, self.progress, self.random)


class OnContext(NamedTuple):
    """The carry of an exploitation for a z that stays."""

    policy: PyTree
    z: Float[Array, " Z"]

    def decide(
        self, policy: InstructedPolicy, percept: Percept, goal: Goal
    ) -> tuple["OnContext", Decision]:
        """Return the next carry and the policy's decision."""
        inner, decision = policy.step(self.policy, percept, goal, self.z)
        return self._replace(policy=inner), decision
