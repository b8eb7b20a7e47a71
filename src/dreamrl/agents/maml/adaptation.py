"""The inner steps: what one exploration makes of the policy's parameters (Finn et al. 2017)."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.agents.maml.settings import MamlSettings
from dreamrl.agents.policy import InstructedPolicy, bar
from dreamrl.agents.q_settings import barred
from dreamrl.families.family import Family
from dreamrl.learners.returns import generalised_advantages
from dreamrl.networks.actor_critic import Decision
from dreamrl.trial import Percept, before
from dreamrl.types import Goal, Key, Trajectory


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

    It explores without a goal and cannot take `barred`, the action that ends an episode. Adapted,
    the same network exploits.
    """

    policy: InstructedPolicy
    rates: InstructedPolicy
    """One for each parameter (Meta-SGD, Li et al. 2017)."""
    settings: MamlSettings = eqx.field(static=True)
    barred: int | None = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, settings: MamlSettings):
        self.policy = InstructedPolicy(
            key,
            family.observation_space,
            family.action_space,
            family.goal_space,
            settings.hidden,
            1,
            settings.recurrent,
            barred(settings.may_end, family),
        )
        self.rates = jax.tree.map(lambda x: jnp.full_like(x, settings.inner_rate), self.policy)
        self.settings, self.barred = settings, family.end_action

    def step(
        self, memory: Float[Array, " size"], percept: Percept
    ) -> tuple[Float[Array, " size"], Decision]:
        """One decision of an exploration."""
        memory, decision = self.policy.step(memory, percept, None, _context())
        return memory, bar(decision, self.barred)

    def unroll(self, seen: Percept) -> Decision:
        """Decisions of a whole exploration, as `step` by step gives them."""
        return bar(self.policy.unroll(seen, None, _context()), self.barred)

    def read(self, trajectory: Trajectory) -> Explored:
        """What the initial policy makes of an exploration, or of the part that `mask` leaves."""
        settings = self.settings
        seen = before(trajectory)
        decision = self.unroll(seen)
        advantages = generalised_advantages(
            trajectory.rewards,
            decision.value,
            jnp.zeros(()),
            trajectory.terminated,
            trajectory.mask,
            settings.inner_discount,
            settings.inner_gae_lambda,
        )
        log_probs = decision.policy.log_prob(trajectory.actions)
        data = (log_probs, advantages, advantages + decision.value)
        return Explored(
            seen, trajectory.actions, *jax.lax.stop_gradient(data), mask=trajectory.mask
        )

    def adapt(self, explored: Explored) -> InstructedPolicy:
        """Theta' = theta + rates * gradient of `surrogate`, as often as the settings say.

        Differentiable in theta and rates: through the gradient too, if of second order.
        """
        settings, adapted, rates = self.settings, self, self.rates
        if settings.inner_rates == "fixed":
            rates = jax.lax.stop_gradient(rates)
        for _ in range(settings.inner_steps):
            gradient = jax.grad(surrogate)(adapted, explored).policy
            if settings.order == "first":
                gradient = jax.lax.stop_gradient(gradient)
            policy = jax.tree.map(lambda p, r, g: p + r * g, adapted.policy, rates, gradient)
            adapted = eqx.tree_at(lambda x: x.policy, adapted, policy)
        return adapted.policy


def surrogate(initial: InitialPolicy, explored: Explored) -> Float[Array, ""]:
    """Its gradient is the policy gradient of one exploration, a mean over the steps taken.

    Second derivatives differ by objective. `maml` is about the expected step, so sampling counts:
    mean of pi(a) / pi_old(a) A, whose second derivative holds grad log pi grad log pi^T A too (the
    low variance curvature of Rothfuss et al. 2019, section 5). `e-maml` is about the step that
    this very exploration makes: mean of log pi(a) A (Stadie et al. 2018); the sampling is credited
    apart, with the return that follows.
    """
    log_probs = initial.unroll(explored.percepts).policy.log_prob(explored.actions)
    log_probs = jnp.where(explored.mask, log_probs, 0.0)
    if initial.settings.objective == "maml":
        old = jnp.where(explored.mask, explored.log_probs, 0.0)
        log_probs = jnp.exp(log_probs - old)
    total = (log_probs * explored.advantages * explored.mask).sum()
    return total / jnp.maximum(explored.mask.sum(), 1)


def exploit_step(
    policy: InstructedPolicy, memory: Float[Array, " size"], percept: Percept, goal: Goal
) -> tuple[Float[Array, " size"], Decision]:
    """One decision of an exploitation by an adapted policy."""
    return policy.step(memory, percept, goal, _context())


def exploit_unroll(policy: InstructedPolicy, seen: Percept, goal: Goal) -> Decision:
    return policy.unroll(seen, goal, _context())


def _context() -> Float[Array, "1"]:
    """Nothing is told in z: with a constant there, its weights are parameters to adapt."""
    return jnp.ones(1)
