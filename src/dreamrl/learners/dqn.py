"""Double dueling Q-learning on whole episodes, for any network that gives a `Decision`.

Mnih et al. 2015, van Hasselt et al. 2016 (double), Wang et al. 2016 (dueling). The horizon is part
of the task, as in `ppo.make_batch`: whether an episode terminated or was truncated, what would
come after its last step counts as 0. Epsilon falls by `schedules.ramp`; a target network follows
by `optax.periodic_update` or `optax.incremental_update`; `replay` keeps whole episodes.
"""

from typing import Literal, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from dreamrl.networks.actor_critic import Decision
from dreamrl.networks.distributions import NEVER, Categorical
from dreamrl.types import Action, Key


class Returns(NamedTuple):
    """How far a target follows what was really done before it trusts a Q."""

    kind: Literal["n-step", "peng", "watkins"] = "n-step"
    n: int = 1
    """Steps, of n-step returns."""
    lambda_: float = 0.0
    """Of Peng's and of Watkins's Q(lambda); the latter goes no further than a greedy action."""


class Batch(NamedTuple):
    """What an update needs to know of each step of B episodes."""

    actions: Int[Array, "B T"]
    rewards: Float[Array, "B T"]
    mask: Bool[Array, "B T"]


def dueling(decision: Decision) -> Float[Array, "... actions"]:
    """Q = value + logits - their mean over allowed actions (Wang et al. 2016, eq. 9).

    Of an action that is barred, whose logit is NEVER, Q is so too.
    """
    assert isinstance(decision.policy, Categorical)
    logits = decision.policy.logits
    allowed = logits > NEVER / 2
    mean = jnp.where(allowed, logits, 0.0).sum(-1) / allowed.sum(-1)
    return jnp.where(allowed, logits + (decision.value - mean)[..., None], NEVER)


def epsilon_greedy(
    key: Key, q: Float[Array, " actions"], epsilon: Float[Array, ""] | float
) -> Action:
    """The best action or, with probability epsilon, any allowed one, each as likely."""
    key_whether, key_which = jax.random.split(key)
    any_allowed = jax.random.categorical(key_which, jnp.where(q > NEVER, 0.0, NEVER))
    return jnp.where(jax.random.uniform(key_whether) < epsilon, any_allowed, q.argmax(-1))


def q_of(q: Float[Array, "... actions"], action: Int[Array, "..."]) -> Float[Array, "..."]:
    return (q * jax.nn.one_hot(action, q.shape[-1])).sum(-1)


def n_step_returns(
    rewards: Float[Array, " T"],
    after: Float[Array, " T"],
    mask: Bool[Array, " T"],
    discount: float,
    n: int,
) -> Float[Array, " T"]:
    """G_t = r_t + .. + discount^(n-1) r_t+n-1 + discount^n after_t+n-1, or up to the end.

    `after[t]` is the value of what step t led to.
    """
    inside = jnp.append(mask[1:], False)
    returns = rewards + discount * after
    for _ in range(n - 1):
        returns = rewards + discount * jnp.where(inside, jnp.append(returns[1:], 0.0), after)
    return returns * mask


def lambda_returns(
    rewards: Float[Array, " T"],
    after: Float[Array, " T"],
    lambdas: Float[Array, " T"],
    mask: Bool[Array, " T"],
    discount: float,
) -> Float[Array, " T"]:
    """G_t = r_t + discount ((1 - lambda_t) after_t + lambda_t G_t+1), or after_t at the end."""
    lambdas = lambdas * jnp.append(mask[1:], False)

    def step(following, inputs):
        reward, value, share = inputs
        following = reward + discount * (value + share * (following - value))
        return following, following

    returns = jax.lax.scan(step, jnp.zeros(()), (rewards, after, lambdas), reverse=True)[1]
    return returns * mask


def double_q_targets(
    q: Float[Array, "T actions"],
    q_target: Float[Array, "T actions"],
    actions: Int[Array, " T"],
    rewards: Float[Array, " T"],
    mask: Bool[Array, " T"],
    discount: float,
    returns: Returns,
    following: Float[Array, ""] | float = 0.0,
) -> Float[Array, " T"]:
    """What Q of the actions taken should be: `q` chooses, `q_target` says what that is worth.

    `following` is the value of what the episode's last step leads to. Van Hasselt et al. 2016,
    eq. 4; traces as Peng and Williams 1996 or Watkins 1989 have them.
    """
    best = q.argmax(-1)
    values = q_of(q_target, best)
    last = mask & ~jnp.append(mask[1:], False)
    after = jnp.where(last, following, jnp.append((values * mask)[1:], 0.0))
    if returns.kind == "n-step":
        return n_step_returns(rewards, after, mask, discount, returns.n)
    followed = (actions == best)[1:] if returns.kind == "watkins" else mask[1:]
    lambdas = returns.lambda_ * jnp.append(followed, False)
    return lambda_returns(rewards, after, lambdas, mask, discount)


T = TypeVar("T")


def once(started: Bool[Array, ""], new: T, old: T) -> T:
    """What an update made of the old, once learning has started."""
    return jax.tree.map(lambda x, before: jnp.where(started, x, before), new, old)


def q_loss(
    decision: Decision,
    target: Decision,
    batch: Batch,
    discount: float,
    returns: Returns,
    following: Float[Array, " B"] | None = None,
) -> Float[Array, ""]:
    """Half the squared error of Q, a mean over the steps taken; nothing flows into targets.

    `decision` and `target` are [B, T], of the network and of its target network; for `following`
    see `double_q_targets`.
    """
    q, q_target = dueling(decision), dueling(target)
    following = jnp.zeros(batch.mask.shape[0]) if following is None else following
    wanted = jax.vmap(double_q_targets, in_axes=(0, 0, 0, 0, 0, None, None, 0))(
        q, q_target, *batch, discount, returns, following
    )
    errors = jnp.where(batch.mask, q_of(q, batch.actions) - jax.lax.stop_gradient(wanted), 0.0)
    return jnp.square(errors).sum() / 2 / jnp.maximum(batch.mask.sum(), 1)
