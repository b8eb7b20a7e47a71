"""PEARL's loss: Q's error on a z drawn from the posterior, and the posterior's KL."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.algorithm import Metrics
from dreamrl.agents.pearl.contexts import Task
from dreamrl.agents.pearl.networks import ContextEncoder, Posterior, kl_to_prior, product, sample
from dreamrl.agents.pearl.settings import PearlSettings
from dreamrl.learners.schedules import ramp
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.trial import before
from dreamrl.types import Key


def pearl_loss(
    nets: tuple[ContextEncoder, InstructedPolicy],
    target: InstructedPolicy,
    tasks: Task,
    settings: PearlSettings,
    progress: Float[Array, ""],
    key: Key,
) -> tuple[Float[Array, ""], Metrics]:
    """Return the loss of M problems (see the folder's docstring); each episode draws a z."""
    encoder, policy = nets
    learner = settings.learner
    factors = jax.vmap(jax.vmap(encoder.factors))(tasks.contexts)
    posterior = product(jax.tree.map(lambda x: x.sum((1, 2)), factors))
    count, each = tasks.episodes.actions.shape[:2]
    z = sample(Posterior(*(jnp.repeat(x, each, axis=0) for x in posterior)), key)
    goals, episodes = jax.tree.map(
        lambda x: x.reshape(count * each, *x.shape[2:]), (tasks.goals, tasks.episodes)
    )
    inputs = (jax.vmap(before)(episodes), goals, z)
    decision, target_decision = jax.vmap(policy.unroll)(*inputs), jax.vmap(target.unroll)(*inputs)
    batch = learner.prepare(episodes, (), None, settings.discount)
    loss, _ = learner.loss(decision, target_decision, batch, None, progress)
    nats = kl_to_prior(posterior).mean()
    weight = ramp(progress, 0.0, settings.kl_weight, settings.kl_begin, settings.kl_end)
    return loss + weight * nats, {"kl": nats}
