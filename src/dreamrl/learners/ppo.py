"""Proximal policy optimisation (Schulman et al. 2017) on whole episodes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.learners.returns import generalised_advantages
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.distributions import Distribution


class Batch(NamedTuple):
    """What an update needs to know of each step of episodes, with any leading axes."""

    actions: Array
    """[*B, T, ...]"""
    log_probs: Float[Array, "*B T"]
    advantages: Float[Array, "*B T"]
    targets: Float[Array, "*B T"]
    mask: Bool[Array, "*B T"]


class PPOLoss(NamedTuple):
    policy: Float[Array, ""]
    value: Float[Array, ""]
    entropy: Float[Array, ""]

    def total(self, entropy_weight: Float[Array, ""] | float) -> Float[Array, ""]:
        return self.policy + 0.5 * self.value - entropy_weight * self.entropy


def log_barrier(policy: Distribution, mask: Bool[Array, "*B T"]) -> Float[Array, ""]:
    """What keeps every action possible, a mean over the steps taken; see `Categorical.barrier`."""
    return (policy.barrier() * mask).sum() / jnp.maximum(mask.sum(), 1)


def normalise(
    advantages: Float[Array, "*B T"], mask: Bool[Array, "*B T"], floor: float
) -> Float[Array, "*B T"]:
    """Zero mean and unit deviation over the steps taken.

    The divisor never falls below `floor`: advantages that are pure noise must stay small.
    """
    count = jnp.maximum(mask.sum(), 1)
    mean = (advantages * mask).sum() / count
    deviation = jnp.sqrt((jnp.square(advantages - mean) * mask).sum() / count)
    return (advantages - mean) / jnp.maximum(deviation, floor) * mask


def make_batch(
    actions: Array,
    rewards: Float[Array, "*B T"],
    terminated: Bool[Array, "*B T"],
    mask: Bool[Array, "*B T"],
    log_probs: Float[Array, "*B T"],
    values: Float[Array, "*B T"],
    discount: float,
    lambda_: float,
    floor: float,
    after: Float[Array, "*B"] | None = None,
) -> Batch:
    """Advantages and value targets of episodes whose horizon is part of the task.

    What would come after the horizon is never scored in a trial, so it counts as 0; unless
    `after` says what an episode that does not terminate leads to.
    """
    after = jnp.zeros(rewards.shape[:-1]) if after is None else after
    of_all = generalised_advantages
    for _ in range(rewards.ndim - 1):
        of_all = jax.vmap(of_all, in_axes=(0, 0, 0, 0, 0, None, None))
    advantages = of_all(rewards, values, after, terminated, mask, discount, lambda_)
    targets = advantages + values
    return Batch(actions, log_probs, normalise(advantages, mask, floor), targets, mask)


def ppo_loss(decision: Decision, batch: Batch, clip: float) -> PPOLoss:
    """The clipped surrogate (eq. 7), the value error and the entropy, means over steps.

    Where targets spread more widely than 1, the value error is in units of their variance: it
    must not drown the policy's gradient, whatever a family's rewards are counted in.
    """
    count = jnp.maximum(batch.mask.sum(), 1)

    def mean(x):
        return (x * batch.mask).sum() / count

    change = decision.policy.log_prob(batch.actions) - batch.log_probs
    ratio = jnp.exp(jnp.where(batch.mask, change, 0.0))
    clipped = jnp.clip(ratio, 1 - clip, 1 + clip)
    surrogate = jnp.minimum(ratio * batch.advantages, clipped * batch.advantages)
    error = jnp.square(decision.value - batch.targets)
    spread = mean(jnp.square(batch.targets - mean(batch.targets)))
    value = mean(error) / jnp.maximum(spread, 1.0)
    return PPOLoss(-mean(surrogate), value, mean(decision.policy.entropy()))
