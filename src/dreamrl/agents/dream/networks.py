"""DREAM's four components, the agent they make, and its behaviour in training."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree, Scalar

from dreamrl.agents.dream import exploration
from dreamrl.agents.dream.decoder import Decoder
from dreamrl.agents.dream.exploration import ExplorationPolicy, ExplorerCarry
from dreamrl.agents.policy import InstructedPolicy
from dreamrl.agents.settings import Learner
from dreamrl.networks.encoder import Encoder
from dreamrl.trial import Choice, Decided, Percept
from dreamrl.types import Belief, Key, ProblemID, Trajectory


class Components(NamedTuple):
    """All that is trained."""

    encoder: Encoder
    exploitation: InstructedPolicy
    exploration: ExplorationPolicy
    decoder: Decoder


class ExploiterCarry(NamedTuple):
    """What an exploitation threads through its steps."""

    policy: PyTree
    z: Float[Array, " Z"]


class DreamAgent(eqx.Module):
    """Greedy in both episodes, unless its explorer is random; z is the decoder's mean.

    There is no encoder in it.
    """

    exploration: ExplorationPolicy
    decoder: Decoder
    exploitation: InstructedPolicy

    def init_exploration(self) -> ExplorerCarry:
        return exploration.init_carry(self.exploration, self.decoder)

    def explore(
        self, carry: ExplorerCarry, percept: Percept, key: Key
    ) -> tuple[ExplorerCarry, Choice]:
        """Stop where going on is not worth its cost (see `stopping`), unless it acts at random."""
        carry, decision, _ = exploration.decide(self.exploration, self.decoder, carry, percept)
        worth = self.exploration.stop(decision.features)
        stop = (worth <= 0) & (not self.exploration.random)
        action = self.exploration.choose(decision, key)
        return carry, Choice(action, stop, Decided(decision.policy, worth))

    def beliefs(self, exploration: Trajectory) -> Belief:
        return Belief(self.decoder.unroll(exploration))

    def init_exploitation(
        self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key
    ) -> ExploiterCarry:
        """Begin with the decoder's z."""
        return ExploiterCarry(self.exploitation.init_carry(), belief.mean)

    def exploit(
        self, carry: ExploiterCarry, percept: Percept, goal: Array, key: Key
    ) -> tuple[ExploiterCarry, Choice]:
        inner, decision = self.exploitation.step(carry.policy, percept, goal, carry.z)
        action = decision.policy.mode()
        return carry._replace(policy=inner), Choice(action, extras=Decided(decision.policy))


class Conditions(NamedTuple):
    """What makes the behaviour of one trial in training."""

    problem_id: ProblemID
    random: Float[Array, ""]
    """How often the exploration acts at random: 0 for most trials."""
    on_purpose: Bool[Array, ""]
    """Whether the exploration is the policy's own: only then are beliefs acted on."""
    decoded: Bool[Array, " N"]
    """Which exploitation episodes act on the decoder's z; the others on the encoder's."""
    noise: Float[Array, "N Z"]
    """Of z, in each exploitation episode."""


class Recorded(NamedTuple):
    """What is recorded of an exploration's decisions."""

    learner: Any
    belief: Float[Array, " Z"]
    continuation: Float[Array, ""]
    """W, of the stop rule."""


class DreamBehaviour(eqx.Module):
    """Samples in both episodes; explorations are of full length, z is noisy."""

    params: Components
    conditions: Conditions
    progress: Float[Array, ""]
    learner: Learner = eqx.field(static=True)

    def init_exploration(self) -> ExplorerCarry:
        return exploration.init_carry(self.params.exploration, self.params.decoder)

    def explore(
        self, carry: ExplorerCarry, percept: Percept, key: Key
    ) -> tuple[ExplorerCarry, Choice]:
        """Choose as the learner does, and partly at random where the conditions say so."""
        policy, decoder = self.params.exploration, self.params.decoder
        carry, decision, belief = exploration.decide(policy, decoder, carry, percept)
        choice = self.learner.choose(decision, key, self.progress, self.conditions.random)
        recorded = Recorded(choice.extras, belief, policy.stop(decision.features))
        return carry, choice._replace(extras=recorded)

    def beliefs(self, exploration: Trajectory) -> Belief:
        return Belief(self.params.decoder.unroll(exploration))

    def init_exploitation(
        self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key
    ) -> ExploiterCarry:
        """Begin with the encoder's z or with the decoder's, and its noise."""
        conditions = self.conditions
        z = encoding(
            self.params.encoder,
            conditions.problem_id,
            belief.mean,
            conditions.decoded[episode],
            conditions.noise[episode],
        )
        return ExploiterCarry(self.params.exploitation.init_carry(), z)

    def exploit(
        self, carry: ExploiterCarry, percept: Percept, goal: Array, key: Key
    ) -> tuple[ExploiterCarry, Choice]:
        inner, decision = self.params.exploitation.step(carry.policy, percept, goal, carry.z)
        return carry._replace(policy=inner), self.learner.choose(decision, key, self.progress)


def encoding(
    encoder: Encoder,
    problem_id: ProblemID,
    beliefs: Float[Array, "*B Z"],
    decoded: Bool[Array, "*B"],
    noise: Float[Array, "*B Z"],
) -> Float[Array, "*B Z"]:
    """Return z ~ N(f_psi(mu), rho^2 I), or around the decoder's mean where `decoded`.

    The decoder's mean is data here: nothing that is done on z flows back into it.
    """
    beliefs = jax.lax.stop_gradient(beliefs)
    return jnp.where(decoded[..., None], beliefs, encoder(problem_id)) + noise
