"""Double dueling Q-learning on whole replayed episodes, for any network that gives a `Decision`.

Mnih et al. 2015, van Hasselt et al. 2016 (double), Wang et al. 2016 (dueling). The horizon is part
of the task, as for `PPO.prepare`: whether an episode terminated or was truncated, what would come
after its last step counts as 0.
"""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from dreamrl.configuration import COUNT, SHARE, Range, check_ranges
from dreamrl.learners.returns import lambda_returns, n_step_returns
from dreamrl.learners.schedules import ramp
from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.distributions import MASKED, Categorical
from dreamrl.trial import Choice
from dreamrl.types import Action, Key, Trajectory

Kind = Literal["n-step", "peng", "watkins"]


class Batch(eqx.Module):
    """The steps of episodes with any leading axes, as the loss needs them."""

    actions: Int[Array, "*B T"]
    rewards: Float[Array, "*B T"]
    mask: Bool[Array, "*B T"]
    bootstrap_value: Float[Array, "*B"]
    """Value of what each episode's last step leads to."""
    discount: float = eqx.field(static=True)


@dataclasses.dataclass(frozen=True)
class DQN:
    """The learner DQN: off-policy, recurrent where the policy is, on replayed trials."""

    updates: Annotated[int, COUNT] = 40
    """Updates an iteration."""
    batch: Annotated[int, COUNT] = 512
    """Trials replayed an update."""
    capacity: Annotated[int, COUNT] = 16384
    """Trials kept for replay; `trials` must divide it."""
    starts: int = 0
    """Trials played before learning starts."""
    max_norm: Annotated[float, Range(1e-6, 1e6)] = 1.0
    """Gradients of a larger norm are scaled down to it."""
    returns: Kind = "n-step"
    """Returns that targets are made of: of `steps` steps, or Peng's or Watkins's Q(lambda)."""
    steps: Annotated[int, Range(1, 1000)] = 1
    """n of the n-step returns."""
    q_lambda: Annotated[float, SHARE] = 0.8
    """Lambda of Q(lambda)."""
    target_every: Annotated[int, COUNT] = 300
    """Updates from one step of the target network to the next."""
    target_rate: Annotated[float, Range(1e-6, 1.0)] = 1.0
    """Share of the way that the target network moves then: all of it, or less (Polyak)."""
    epsilon: Annotated[float, SHARE] = 1.0
    """Share of random actions at the start."""
    last_epsilon: Annotated[float, SHARE] = 0.01
    """Share of random actions at `epsilon_end`."""
    epsilon_end: Annotated[float, Range(1e-6, 1.0)] = 0.05
    """When that share has fallen, as a share of the run."""
    temperature: float = 0.0
    """Of the softmax of Q that the other actions are drawn from, at the start; 0: greedy."""
    last_temperature: float = 0.0
    """The temperature at `temperature_end`."""
    temperature_end: Annotated[float, Range(1e-6, 1.0)] = 0.7
    """When it has fallen, as a share of the run."""

    name: ClassVar[str] = "dqn"

    exploitation: ClassVar[Any] = None
    """There is no objective but the squared error of Q."""
    exploration: ClassVar[Any] = None

    def __post_init__(self) -> None:
        """Raise UserError where a value is out of range."""
        check_ranges(self)

    def choose(
        self,
        decision: Decision,
        key: Key,
        progress: Float[Array, ""],
        random: Float[Array, ""] | None = None,
    ) -> Choice:
        """Take the best action, or one drawn by softmax, or at random by epsilon.

        `random`, if given, is a further probability of a random action.
        """
        q = dueling(decision)
        epsilon = ramp(progress, self.epsilon, self.last_epsilon, 0.0, self.epsilon_end)
        if random is not None:
            epsilon = jnp.maximum(epsilon, random)
        if self.temperature or self.last_temperature:
            key, key_noise = jax.random.split(key)
            ends = (self.temperature, self.last_temperature, 0.0, self.temperature_end)
            q = q + ramp(progress, *ends) * jax.random.gumbel(key_noise, q.shape)
        return Choice(epsilon_greedy(key, q, epsilon))

    def prepare(
        self,
        episodes: Trajectory,
        recorded: Any,
        objective: Any,
        discount: float,
        bootstrap_value: Float[Array, "*B"] | None = None,
    ) -> Batch:
        """Return what the loss needs: targets are worked out there, by the present networks."""
        zeros = jnp.zeros(episodes.rewards.shape[:-1])
        return Batch(episodes.actions, episodes.rewards, episodes.mask, zeros, discount)

    def start_values(self, batch: Any, recorded: Any, objective: Any) -> None:
        """Return nothing: `link` gets the values from the present networks."""

    def link(self, batch: Any, decision: Decision, target: Any) -> Batch:
        """Return episodes that lead to others [B, N, T]: to the mean double-Q of their starts."""
        q, q_target = (dueling(d)[..., 0, :] for d in (decision, target))
        values = jax.lax.stop_gradient(q_of(q_target, q.argmax(-1)))
        return dataclasses.replace(batch, bootstrap_value=values.mean(1))

    def loss(
        self,
        decision: Decision,
        target: Any,
        batch: Any,
        objective: Any,
        progress: Float[Array, ""],
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """Return half the squared error of Q, a mean over the steps of episodes [*B, T]."""
        lead = batch.mask.ndim - 1
        decision, target, batch = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[lead:]), (decision, target, batch)
        )
        return q_loss(decision, target, batch, self), {}

    def follow(self, target: PyTree, params: PyTree, updates: Int[Array, ""]) -> PyTree:
        """Return the target network after so many updates."""
        if self.target_every == 1:
            return optax.incremental_update(params, target, self.target_rate)
        step = optax.incremental_update(params, target, self.target_rate)
        return optax.periodic_update(step, target, updates, self.target_every)


def dueling(decision: Decision) -> Float[Array, "... actions"]:
    """Return Q = value + logits - their mean over allowed actions (Wang et al. 2016, eq. 9).

    The Q of an action that is masked, whose logit is MASKED, is so too.
    """
    assert isinstance(decision.policy, Categorical)
    logits = decision.policy.logits
    allowed = logits > MASKED / 2
    mean = jnp.where(allowed, logits, 0.0).sum(-1) / allowed.sum(-1)
    return jnp.where(allowed, logits + (decision.value - mean)[..., None], MASKED)


def epsilon_greedy(
    key: Key, q: Float[Array, " actions"], epsilon: Float[Array, ""] | float
) -> Action:
    """Return the best action or, with probability epsilon, any allowed one, each as likely."""
    key_whether, key_which = jax.random.split(key)
    any_allowed = jax.random.categorical(key_which, jnp.where(q > MASKED / 2, 0.0, MASKED))
    return jnp.where(jax.random.uniform(key_whether) < epsilon, any_allowed, q.argmax(-1))


def q_of(q: Float[Array, "... actions"], action: Int[Array, "..."]) -> Float[Array, "..."]:
    """Return the Q of the actions taken."""
    return (q * jax.nn.one_hot(action, q.shape[-1])).sum(-1)


def double_q_targets(
    q: Float[Array, "T actions"],
    q_target: Float[Array, "T actions"],
    actions: Int[Array, " T"],
    rewards: Float[Array, " T"],
    mask: Bool[Array, " T"],
    bootstrap_value: Float[Array, ""] | float,
    discount: float,
    learner: DQN,
) -> Float[Array, " T"]:
    """Return what Q of the actions taken should be: `q` chooses, `q_target` evaluates.

    `bootstrap_value` is the value of what the episode's last step leads to. Van Hasselt et al.
    2016, eq. 4; traces as in Peng and Williams 1996 or Watkins 1989.
    """
    best = q.argmax(-1)
    values = q_of(q_target, best)
    last = mask & ~jnp.append(mask[1:], False)
    next_values = jnp.where(last, bootstrap_value, jnp.append((values * mask)[1:], 0.0))
    if learner.returns == "n-step":
        return n_step_returns(rewards, next_values, mask, discount, learner.steps)
    traces = (actions == best)[1:] if learner.returns == "watkins" else mask[1:]
    lambdas = learner.q_lambda * jnp.append(traces, False)
    return lambda_returns(rewards, next_values, lambdas, mask, discount)


def q_loss(decision: Decision, target: Decision, batch: Batch, learner: DQN) -> Float[Array, ""]:
    """Return half the squared error of Q, a mean over the steps taken; nothing flows into targets.

    `decision` and `target` are [B, T], of the network and of its target network.
    """
    q, q_target = dueling(decision), dueling(target)

    def targets_of(q, q_target, actions, rewards, mask, bootstrap_value):
        inputs = (actions, rewards, mask, bootstrap_value)
        return double_q_targets(q, q_target, *inputs, batch.discount, learner)

    steps = (batch.actions, batch.rewards, batch.mask, batch.bootstrap_value)
    targets = jax.vmap(targets_of)(q, q_target, *steps)
    errors = jnp.where(batch.mask, q_of(q, batch.actions) - jax.lax.stop_gradient(targets), 0.0)
    return jnp.square(errors).sum() / 2 / jnp.maximum(batch.mask.sum(), 1)
