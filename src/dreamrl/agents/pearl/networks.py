"""PEARL's networks: q(z | c) of a context of transitions, the agent, its behaviour in training.

Rakelly et al. 2019, section 4.1.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree, Scalar

from dreamrl.agents.acting import Behaviour, GreedyAgent, OnContext
from dreamrl.families.family import Family
from dreamrl.networks.actor_critic import Decision, mask_action
from dreamrl.networks.layers import Dense
from dreamrl.networks.policy import InstructedPolicy, PerceptEncoder
from dreamrl.trial import Choice, percepts
from dreamrl.types import Belief, Goal, Key, Percept, Trajectory


class Factors(NamedTuple):
    """Gaussian factors N(z; m, s), as what adds up when they are multiplied."""

    precision: Float[Array, "... Z"]
    """1 / s"""
    pull: Float[Array, "... Z"]
    """m / s"""


class Posterior(NamedTuple):
    """N(mean, variance)."""

    mean: Float[Array, "... Z"]
    variance: Float[Array, "... Z"]


class ContextEncoder(eqx.Module):
    """(s, a, r, s') -> hidden -> hidden -> a factor; a transition may also say nothing at all.

    Contexts are explorations, which have no goal.
    """

    percept_encoder: PerceptEncoder
    hidden: Dense
    deeper: Dense
    factor: Dense

    def __init__(self, key: Key, family: Family, size: int, z: int):
        keys = jax.random.split(key, 3)
        self.percept_encoder = PerceptEncoder(jax.random.fold_in(key, 3), family, size)
        features = self.percept_encoder.observation.features + self.percept_encoder.features
        self.hidden = Dense(keys[0], features, size, gain=2**0.5)
        self.deeper = Dense(keys[1], size, size, gain=2**0.5)
        self.factor = Dense(keys[2], size, 2 * z, gain=0.4)

    def factors(self, trajectory: Trajectory) -> Factors:
        """Return the factor of each transition, [T, Z]; those after the end say nothing."""
        # The percept after an action holds the action, its reward and where it led.
        arrivals = jax.tree.map(lambda x: x[1:], percepts(trajectory))
        observations = self.percept_encoder.observation(trajectory.observations[:-1])
        features = jnp.concatenate([observations, self.percept_encoder(arrivals)], axis=-1)
        hidden = jax.nn.relu(self.hidden(features))
        pull, raw = jnp.split(self.factor(jax.nn.relu(self.deeper(hidden))), 2, axis=-1)
        # Pulls, not means: they add up, so that one telling step is heard among a hundred others.
        factors = Factors(jax.nn.softplus(raw - 6), pull)
        return jax.tree.map(lambda x: x * trajectory.mask[:, None], factors)


def product(evidence: Factors) -> Posterior:
    """Return the unit prior times factors that `evidence` has summed up."""
    variance = 1 / (1 + evidence.precision)
    return Posterior(variance * evidence.pull, variance)


def posteriors(encoder: ContextEncoder, trajectory: Trajectory) -> Posterior:
    """Return the posterior after 0, 1, ... T transitions; the first one is the prior."""

    def running_sum(x):
        return jnp.concatenate([jnp.zeros_like(x[:1]), jnp.cumsum(x, 0)])

    return product(jax.tree.map(running_sum, encoder.factors(trajectory)))


def sample(posterior: Posterior, key: Key) -> Float[Array, "... Z"]:
    """Draw a z."""
    noise = jax.random.normal(key, posterior.mean.shape)
    return posterior.mean + jnp.sqrt(posterior.variance) * noise


def kl_to_prior(posterior: Posterior) -> Float[Array, "..."]:
    """Return KL(q(z | c) || N(0, I)), in nats."""
    mean, variance = posterior
    return (jnp.square(mean) + variance - 1 - jnp.log(variance)).sum(-1) / 2


class Components(NamedTuple):
    """The networks, and goals to explore for."""

    encoder: ContextEncoder
    policy: InstructedPolicy
    goals: Array
    """[trials, ...]: goals met in training; an exploration acts for one of them."""


class ExplorerCarry(NamedTuple):
    """The carry of an exploration."""

    policy: PyTree
    z: Float[Array, " Z"]
    goal: Array


class PearlAgent(GreedyAgent):
    """Greedy for a z that is chosen when an episode begins.

    In the exploration it is drawn from the prior (Thompson sampling), afterwards from the
    posterior, unless `act_on_mean`.
    """

    params: Components
    act_on_mean: bool = eqx.field(static=True)

    def init_exploration(self) -> ExplorerCarry:
        """Return the carry before the first step, where z and goal are drawn."""
        params = self.params
        return ExplorerCarry(params.policy.init_carry(), self._prior.mean, params.goals[0])

    def decide_exploration(
        self, carry: ExplorerCarry, percept: Percept
    ) -> tuple[ExplorerCarry, Decision]:
        policy = self.params.policy
        inner, decision = policy.step(carry.policy, percept, carry.goal, carry.z)
        return carry._replace(policy=inner), mask_action(decision, policy.end_action)

    def explore(
        self, carry: ExplorerCarry, percept: Percept, key: Key
    ) -> tuple[ExplorerCarry, Choice]:
        """Act greedily for a drawn z and goal; explorations do not end themselves."""
        key_z, key_goal = jax.random.split(key)
        goals = self.params.goals
        z = jnp.where(percept.first, sample(self._prior, key_z), carry.z)
        new_goal = goals[jax.random.randint(key_goal, (), 0, goals.shape[0])]
        goal = jnp.where(percept.first, new_goal, carry.goal)
        return super().explore(ExplorerCarry(carry.policy, z, goal), percept, key)

    def beliefs(self, exploration: Trajectory) -> Belief:
        return Belief(*posteriors(self.params.encoder, exploration))

    def init_exploitation(
        self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key
    ) -> OnContext:
        """Draw z from the posterior, or take its mean."""
        z = belief.mean if self.act_on_mean else sample(Posterior(belief.mean, belief.extra), key)
        return OnContext(self.params.policy.init_carry(), z)

    def decide_exploitation(
        self, carry: OnContext, percept: Percept, goal: Goal
    ) -> tuple[OnContext, Decision]:
        return carry.decide(self.params.policy, percept, goal)

    @property
    def _prior(self) -> Posterior:
        size = self.params.policy.z_proj.weight.shape[0]
        return Posterior(jnp.zeros(size), jnp.ones(size))


class Conditions(NamedTuple):
    """The conditions of one trial in training."""

    z: Float[Array, " Z"]
    """From the prior: the exploration acts on it."""
    goal: Array
    """The exploration acts for it."""
    random: Float[Array, ""]
    """Probability that an action is random."""


class PearlBehaviour(Behaviour):
    """Explores for the conditions' z and goal, and in some trials at random."""

    @property
    def random(self) -> Float[Array, ""]:
        """Probability that an action is random."""
        return self.conditions.random

    def init_exploration(self) -> ExplorerCarry:
        policy = self.agent.params.policy
        return ExplorerCarry(policy.init_carry(), self.conditions.z, self.conditions.goal)
