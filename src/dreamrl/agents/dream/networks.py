"""DREAM's four components, the agent they make, and its behaviour in training."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Scalar

from dreamrl.agents.acting import Behaviour, GreedyAgent, OnContext
from dreamrl.agents.dream import exploration
from dreamrl.agents.dream.conditions import Conditions
from dreamrl.agents.dream.critic import PrivilegedCritic
from dreamrl.agents.dream.decoder import Decoder
from dreamrl.agents.dream.exploration import ExplorationPolicy, ExplorerCarry
from dreamrl.agents.dream.objectives import Objective
from dreamrl.agents.dream.regret import Regret
from dreamrl.agents.dream.stopping import Stop
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.encoder import Encoder
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.trial import Choice
from dreamrl.types import Action, Belief, Goal, Key, Percept, ProblemID, Trajectory


class Components(NamedTuple):
    """All that is trained."""

    encoder: Encoder
    exploitation: InstructedPolicy
    exploration: ExplorationPolicy
    decoder: Decoder
    objective: Objective | Regret | None = None
    """The source of exploration's reward, if not information about z or exploitation."""
    critic: PrivilegedCritic | None = None
    """The exploration policy's value, where that is told the problem."""


class DreamAgent(GreedyAgent):
    """Greedy in both episodes, unless its explorer is random; z is the decoder's mean.

    There is no encoder in it.
    """

    exploration: ExplorationPolicy
    decoder: Decoder
    exploitation: InstructedPolicy
    ends: Stop = eqx.field(static=True, default="rule")
    """The end of explorations."""

    def init_exploration(self) -> ExplorerCarry:
        return exploration.init_carry(self.exploration, self.decoder)

    def decide_exploration(
        self, carry: ExplorerCarry, percept: Percept
    ) -> tuple[ExplorerCarry, Decision]:
        return exploration.decide(self.exploration, self.decoder, carry, percept)

    def stops(self, carry: ExplorerCarry, decision: Decision) -> Bool[Array, ""] | bool:
        """Stop where going on is not worth its cost (see `stopping`), unless it acts at random."""
        if isinstance(self.ends, int):
            return carry.steps >= self.ends
        if self.ends == "never":
            return False
        return (self.continuation(decision) <= 0) & (not self.exploration.random)

    def continuation(self, decision: Decision) -> Float[Array, ""]:
        return self.exploration.stop(decision.features)

    def pick(self, decision: Decision, key: Key) -> Action:
        """Pick the greedy action, or any if the explorer is random."""
        policy = decision.policy
        return policy.sample(key) if self.exploration.random else policy.mode()

    @property
    def first_belief(self) -> Float[Array, " Z"]:
        """The decoder's belief before any exploration."""
        return self.decoder.belief(self.decoder.init_carry())

    def beliefs(self, exploration: Trajectory) -> Belief:
        return Belief(self.decoder.unroll(exploration))

    def init_exploitation(
        self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key
    ) -> OnContext:
        """Begin with the decoder's z."""
        return OnContext(self.exploitation.init_carry(), belief.mean)

    def decide_exploitation(
        self, carry: OnContext, percept: Percept, goal: Goal
    ) -> tuple[OnContext, Decision]:
        return carry.decide(self.exploitation, percept, goal)


class Recorded(NamedTuple):
    """The record of an exploration's decision."""

    learner: Any
    belief: Float[Array, " Z"]
    continuation: Float[Array, ""]
    """W, of the stop rule."""
    features: Float[Array, " size"] | None
    """What a privileged critic is told beside the problem, where there is one."""


class DreamBehaviour(Behaviour):
    """Samples in both episodes; explorations are of full length, z is noisy."""

    encoder: Encoder
    privileged: bool = eqx.field(static=True, default=False)
    """Whether a critic is told the problem."""

    def explore(
        self, carry: ExplorerCarry, percept: Percept, key: Key
    ) -> tuple[ExplorerCarry, Choice]:
        """Choose as the learner does, and partly at random where the conditions say so."""
        agent: DreamAgent = self.agent
        carry, decision = agent.decide_exploration(carry, percept)
        choice = self.learner.choose(decision, key, self.progress, self.conditions.random)
        features = decision.features if self.privileged else None
        record = Recorded(choice.extras, carry.belief, agent.continuation(decision), features)
        return carry, choice._replace(extras=record)

    def beliefs(self, exploration: Trajectory) -> Belief:
        """Return the agent's beliefs.

        Where exploitations may act on early ones, `extra` holds those that each acts on.
        """
        belief = self.agent.beliefs(exploration)
        if self.conditions.early is None:
            return belief
        contexts = self.conditions.beliefs(belief.mean)
        times = belief.mean.shape[0]
        return belief._replace(extra=jnp.broadcast_to(contexts, (times, *contexts.shape)))

    def init_exploitation(
        self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key
    ) -> OnContext:
        """Begin with the encoder's z or with one of the decoder's, and its noise."""
        conditions: Conditions = self.conditions
        believed, noise = conditions.believed[episode], conditions.noise[episode]
        mean = belief.mean if conditions.early is None else belief.extra[episode]
        z = encoding(self.encoder, conditions.problem_id, mean, believed, noise)
        return OnContext(self.agent.exploitation.init_carry(), z)


def encoding(
    encoder: Encoder,
    problem_id: ProblemID,
    beliefs: Float[Array, "*B Z"],
    believed: Bool[Array, "*B"],
    noise: Float[Array, "*B Z"],
) -> Float[Array, "*B Z"]:
    """Return z ~ N(f_psi(mu), rho^2 I), or around the decoder's mean where `believed`.

    The decoder's mean is data here: nothing that is done on z flows back into it.
    """
    beliefs = jax.lax.stop_gradient(beliefs)
    return jnp.where(believed[..., None], beliefs, encoder(problem_id)) + noise
