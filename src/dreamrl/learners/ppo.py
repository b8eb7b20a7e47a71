"""Proximal policy optimisation (Schulman et al. 2017) on whole episodes."""

import dataclasses
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.configuration import COUNT, SHARE, Range, check_order, check_ranges
from dreamrl.learners.returns import generalised_advantages
from dreamrl.learners.schedules import ramp
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.distributions import Distribution
from dreamrl.trial import Choice
from dreamrl.types import Key, Trajectory


class Batch(NamedTuple):
    """The steps of episodes with any leading axes, as the loss needs them."""

    actions: Array
    """[*B, T, ...]"""
    log_probs: Float[Array, "*B T"]
    advantages: Float[Array, "*B T"]
    targets: Float[Array, "*B T"]
    mask: Bool[Array, "*B T"]


class Recorded(NamedTuple):
    """PPO's record of a decision."""

    log_prob: Float[Array, "..."]
    value: Float[Array, "..."]


class PPOLoss(NamedTuple):
    """The three terms, each a mean over steps."""

    policy: Float[Array, ""]
    value: Float[Array, ""]
    entropy: Float[Array, ""]


@dataclasses.dataclass(frozen=True)
class PolicyObjective:
    """PPO's objective for one policy; times are shares of the whole run."""

    gae_lambda: Annotated[float, SHARE] = 0.95
    """Lambda of the generalised advantages."""
    entropy: float = 0.1
    """Weight of the entropy at the start."""
    last_entropy: float = 0.003
    """Weight of the entropy at `entropy_end`."""
    entropy_begin: Annotated[float, SHARE] = 0.0
    """When the entropy's weight begins to fall."""
    entropy_end: Annotated[float, Range(1e-6, 1.0)] = 0.6
    """When it has fallen."""
    barrier: float = 0.0
    """Weight of the log barrier, which keeps every action possible, relative to the entropy's."""
    advantage_floor: float = 0.1
    """Least divisor when advantages are normalised: those that are pure noise stay small."""

    def __post_init__(self) -> None:
        """Raise UserError where a value is out of range."""
        check_ranges(self)
        check_order(self, "entropy_begin", "entropy_end")

    def entropy_weight(self, progress: Float[Array, ""]) -> Float[Array, ""]:
        """Return the entropy's weight at this share of the run."""
        times = (self.entropy_begin, self.entropy_end)
        return ramp(progress, self.entropy, self.last_entropy, *times)


@dataclasses.dataclass(frozen=True)
class PPO:
    """The learner PPO: on-policy, each iteration learns from its own new trials alone."""

    minibatches: Annotated[int, COUNT] = 4
    """Updates an iteration; each sees trials / minibatches of the new trials."""
    clip: Annotated[float, SHARE] = 0.2
    """Largest move of the probability ratio from 1."""
    value_weight: float = 0.5
    """Weight of the value error."""
    max_norm: Annotated[float, Range(1e-6, 1e6)] = 1.0
    """Gradients of a larger norm are scaled down to it."""
    exploitation: PolicyObjective = PolicyObjective(entropy=0.3, barrier=0.2, advantage_floor=0.3)
    """Objective of what is paid by the task."""
    exploration: PolicyObjective = PolicyObjective()
    """Objective of what acts without a goal."""

    name: ClassVar[str] = "ppo"
    capacity: ClassVar[int] = 0
    """Trials kept for replay."""
    starts: ClassVar[int] = 0
    """Trials played before learning starts."""

    def __post_init__(self) -> None:
        """Raise UserError where a value is out of range."""
        check_ranges(self)

    @property
    def updates(self) -> int:
        """Updates an iteration."""
        return self.minibatches

    def choose(
        self,
        decision: Decision,
        key: Key,
        progress: Float[Array, ""],
        random: Float[Array, ""] | None = None,
    ) -> Choice:
        """Sample an action; with probability `random`, if given, any allowed one instead."""
        policy = decision.policy
        if random is not None:
            key, key_random = jax.random.split(key)
            at_random = jax.random.uniform(key_random) < random
            policy = jax.tree.map(
                lambda x, y: jnp.where(at_random, x, y), policy.anything(), policy
            )
        action = policy.sample(key)
        record = Recorded(decision.policy.log_prob(action), decision.value)
        return Choice(action, extras=record)

    def prepare(
        self,
        episodes: Trajectory,
        recorded: Any,
        objective: PolicyObjective,
        discount: float,
        bootstrap_value: Float[Array, "*B"] | None = None,
    ) -> Batch:
        """Return advantages and value targets of episodes whose horizon is part of the task.

        What would come after the horizon is never scored in a trial, so it counts as 0; unless
        `bootstrap_value` says what an episode that does not terminate leads to.
        """
        return make_batch(
            episodes,
            recorded,
            discount,
            objective.gae_lambda,
            objective.advantage_floor,
            bootstrap_value,
        )

    def start_values(
        self, batch: Any, recorded: Any, objective: PolicyObjective
    ) -> Float[Array, "*B"]:
        """Return the lambda return with which prepared episodes begin, seen from before them."""
        first = recorded.value[..., 0]
        return first + objective.gae_lambda * (batch.targets[..., 0] - first)

    def link(self, batch: Any, decision: Decision, target: Any) -> Batch:
        """Return the batch as it is: `start_values` linked it to what follows."""
        return batch

    def loss(
        self,
        decision: Decision,
        target: Any,
        batch: Any,
        objective: PolicyObjective,
        progress: Float[Array, ""],
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """Return policy, value and entropy terms as one loss, and the entropy to report.

        `target` is unused: there is no target network.
        """
        terms = ppo_loss(decision, batch, self.clip)
        weight = objective.entropy_weight(progress)
        loss = terms.policy + self.value_weight * terms.value - weight * terms.entropy
        if objective.barrier:
            loss += objective.barrier * weight * log_barrier(decision.policy, batch.mask)
        return loss, {"entropy": terms.entropy}


def log_barrier(policy: Distribution, mask: Bool[Array, "*B T"]) -> Float[Array, ""]:
    """Return the term that keeps every action possible, a mean over the steps taken."""
    return (policy.barrier() * mask).sum() / jnp.maximum(mask.sum(), 1)


def normalise(
    advantages: Float[Array, "*B T"], mask: Bool[Array, "*B T"], floor: float
) -> Float[Array, "*B T"]:
    """Bring advantages to zero mean and unit deviation over the steps taken.

    The divisor never falls below `floor`: advantages that are pure noise must stay small.
    """
    count = jnp.maximum(mask.sum(), 1)
    mean = (advantages * mask).sum() / count
    deviation = jnp.sqrt((jnp.square(advantages - mean) * mask).sum() / count)
    return (advantages - mean) / jnp.maximum(deviation, floor) * mask


def make_batch(
    episodes: Trajectory,
    recorded: Recorded,
    discount: float,
    lambda_: float,
    floor: float,
    bootstrap_value: Float[Array, "*B"] | None = None,
) -> Batch:
    """Return normalised advantages and value targets; see `PPO.prepare`."""
    if bootstrap_value is None:
        bootstrap_value = jnp.zeros(episodes.rewards.shape[:-1])
    advantages_of = generalised_advantages
    for _ in range(episodes.rewards.ndim - 1):
        advantages_of = jax.vmap(advantages_of, in_axes=(0, 0, 0, 0, 0, None, None))
    advantages = advantages_of(
        episodes.rewards,
        recorded.value,
        bootstrap_value,
        episodes.terminated,
        episodes.mask,
        discount,
        lambda_,
    )
    return Batch(
        episodes.actions,
        recorded.log_prob,
        normalise(advantages, episodes.mask, floor),
        advantages + recorded.value,
        episodes.mask,
    )


def ppo_loss(decision: Decision, batch: Batch, clip: float) -> PPOLoss:
    """Return the clipped surrogate, the value error and the entropy, means over steps.

    The surrogate is that of Schulman et al. (2017), eq. 7. Where targets spread more widely than 1,
    the value error is in units of their variance: it must not drown the policy's gradient, whatever
    a family's rewards are counted in.
    """
    count = jnp.maximum(batch.mask.sum(), 1)

    def mean(x):
        return (x * batch.mask).sum() / count

    change = decision.policy.log_prob(batch.actions) - batch.log_probs
    ratio = jnp.exp(jnp.where(batch.mask, change, 0.0))
    clipped_ratio = jnp.clip(ratio, 1 - clip, 1 + clip)
    surrogate = jnp.minimum(ratio * batch.advantages, clipped_ratio * batch.advantages)
    error = jnp.square(decision.value - batch.targets)
    spread = mean(jnp.square(batch.targets - mean(batch.targets)))
    value = mean(error) / jnp.maximum(spread, 1.0)
    return PPOLoss(-mean(surrogate), value, mean(decision.policy.entropy()))
