"""MAML's one network, how an exploration adapts it, the agent, and its behaviour in training."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree, Scalar

from dreamrl.agents.acting import Behaviour, GreedyAgent
from dreamrl.agents.maml.settings import MamlSettings
from dreamrl.families.family import Family
from dreamrl.learners.returns import generalised_advantages
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.trial import Choice, before
from dreamrl.types import Action, Belief, Goal, Key, Percept, Trajectory

DIRECTIONS = 16


class Explored(NamedTuple):
    """One exploration as the inner steps read it: data, nothing flows back into it."""

    percepts: Percept
    actions: Array
    """[T, ...]"""
    log_probs: Float[Array, " T"]
    """Under the policy that explored."""
    advantages: Float[Array, " T"]
    targets: Float[Array, " T"]
    mask: Bool[Array, " T"]


class InitialPolicy(eqx.Module):
    """Theta, and the rates at which an exploration's gradient changes it.

    It explores without a goal. Adapted, the same network exploits.
    """

    policy: InstructedPolicy
    rates: InstructedPolicy
    """One for each parameter (Meta-SGD, Li et al. 2017)."""
    settings: MamlSettings = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, settings: MamlSettings):
        kinds = dict(recurrent=settings.recurrent, may_end=settings.may_end)
        self.policy = InstructedPolicy(key, family, settings.hidden, 1, **kinds)
        self.rates = jax.tree.map(lambda x: jnp.full_like(x, settings.inner.rate), self.policy)
        self.settings = settings

    def unroll(self, seen: Percept) -> Decision:
        """Return the decisions of a whole exploration."""
        return self.policy.unroll(seen, None, context())

    def read(self, exploration: Trajectory) -> Explored:
        """Return an exploration, or the part that `mask` leaves, as the inner steps read it."""
        settings = self.settings
        percepts = before(exploration)
        decision = self.unroll(percepts)
        advantages = generalised_advantages(
            exploration.rewards,
            decision.value,
            jnp.zeros(()),
            exploration.terminated,
            exploration.mask,
            settings.inner.discount,
            settings.learner.exploration.gae_lambda,
        )
        log_probs = decision.policy.log_prob(exploration.actions)
        data = (log_probs, advantages, advantages + decision.value)
        return Explored(
            percepts, exploration.actions, *jax.lax.stop_gradient(data), mask=exploration.mask
        )

    def adapt(self, explored: Explored) -> InstructedPolicy:
        """Return theta' = theta + rates * gradient of `surrogate`, after all inner steps.

        Differentiable in theta and rates: through the gradient too, if of second order.
        """
        inner, model, rates = self.settings.inner, self, self.rates
        if inner.rates == "fixed":
            rates = jax.lax.stop_gradient(rates)
        for _ in range(inner.steps):
            gradient = jax.grad(surrogate)(model, explored).policy
            if inner.order == "first":
                gradient = jax.lax.stop_gradient(gradient)
            policy = jax.tree.map(lambda p, r, g: p + r * g, model.policy, rates, gradient)
            model = eqx.tree_at(lambda x: x.policy, model, policy)
        return model.policy


def surrogate(initial: InitialPolicy, explored: Explored) -> Float[Array, ""]:
    """Return a value whose gradient is the policy gradient of one exploration.

    A mean over the steps taken. Second derivatives differ by objective. `maml` is about the
    expected step, so sampling counts: mean of pi(a) / pi_old(a) A, whose second derivative holds
    grad log pi grad log pi^T A too (the low variance curvature of Rothfuss et al. 2019, section 5).
    `e-maml` is about the step that this very exploration makes: mean of log pi(a) A (Stadie et al.
    2018); the sampling gets its credit apart, with the return that follows.
    """
    log_probs = initial.unroll(explored.percepts).policy.log_prob(explored.actions)
    log_probs = jnp.where(explored.mask, log_probs, 0.0)
    if initial.settings.objective == "maml":
        old = jnp.where(explored.mask, explored.log_probs, 0.0)
        log_probs = jnp.exp(log_probs - old)
    total = (log_probs * explored.advantages * explored.mask).sum()
    return total / jnp.maximum(explored.mask.sum(), 1)


def context() -> Float[Array, "1"]:
    """Return a constant z: its weights are parameters to adapt."""
    return jnp.ones(1)


class ExploiterCarry(NamedTuple):
    """The carry of an exploitation."""

    adapted: InstructedPolicy
    policy: PyTree


class MamlAgent(GreedyAgent):
    """Explores by sampling from the initial policy; greedy in exploitation, once adapted."""

    initial: InitialPolicy

    def init_exploration(self) -> PyTree:
        return self.initial.policy.init_carry()

    def decide_exploration(self, carry: PyTree, percept: Percept) -> tuple[PyTree, Decision]:
        return self.initial.policy.step(carry, percept, None, context())

    def pick(self, decision: Decision, key: Key) -> Action:
        """Sample: the inner step needs explorations that differ."""
        return decision.policy.sample(key)

    def beliefs(self, exploration: Trajectory) -> Belief:
        """Return, as extra, the exploration so far: `init_exploitation` adapts on it.

        The mean is the change of the parameters, seen along a few random directions, in which
        distances are about what they are between parameters. Computed only if it is asked for.
        """
        steps = exploration.mask.shape[0]

        def belief_at(time: Int[Array, ""]) -> Belief:
            prefix = exploration._replace(mask=exploration.mask & (jnp.arange(steps) < time))
            return Belief(self._change(prefix), prefix)

        return jax.vmap(belief_at)(jnp.arange(steps + 1))

    def init_exploitation(
        self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key
    ) -> ExploiterCarry:
        return self.adapted(self.initial.read(belief.extra))

    def adapted(self, explored: Explored) -> ExploiterCarry:
        """Return the carry of an exploitation by the policy adapted on an exploration."""
        policy = self.initial.adapt(explored)
        return ExploiterCarry(policy, policy.init_carry())

    def decide_exploitation(
        self, carry: ExploiterCarry, percept: Percept, goal: Goal
    ) -> tuple[ExploiterCarry, Decision]:
        inner, decision = carry.adapted.step(carry.policy, percept, goal, context())
        return carry._replace(policy=inner), decision

    def _change(self, exploration: Trajectory) -> Float[Array, " directions"]:
        policy = self.initial.adapt(self.initial.read(exploration))
        change, _ = ravel_pytree(jax.tree.map(jnp.subtract, policy, self.initial.policy))
        directions = jax.random.normal(jax.random.key(0), (change.size, DIRECTIONS))
        return change @ directions / DIRECTIONS**0.5


class MamlBehaviour(Behaviour):
    """Samples in both episodes; nothing is recorded of the exploration."""

    def explore(self, carry: PyTree, percept: Percept, key: Key) -> tuple[PyTree, Choice]:
        return self.agent.explore(carry, percept, key)

    def beliefs(self, exploration: Trajectory) -> Belief:
        """Return the whole exploration alone, read once: training asks for no other belief."""
        record = self.agent.initial.read(exploration)
        return jax.tree.map(lambda x: x[None], Belief(jnp.zeros(DIRECTIONS), record))

    def init_exploitation(
        self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key
    ) -> ExploiterCarry:
        return self.agent.adapted(belief.extra)
