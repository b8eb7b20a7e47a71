"""DREAM's losses: of exploitation and encoder, of exploration and stop rule, of the decoder."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from dreamrl.agents.algorithm import Experience, Metrics, prefixed
from dreamrl.agents.dream.bottleneck import penalty
from dreamrl.agents.dream.critic import PrivilegedCritic
from dreamrl.agents.dream.decoder import Decoder
from dreamrl.agents.dream.exploration import ExplorationPolicy
from dreamrl.agents.dream.networks import encoding
from dreamrl.agents.dream.regret import Regret
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.networks.encoder import Encoder
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.trial import before
from dreamrl.types import Percept, ProblemID, Trajectory


class ExploitationBatch(NamedTuple):
    """B exploitation episodes and the z that each acted on."""

    problem_id: ProblemID
    beliefs: Float[Array, "B Z"]
    """The decoder's reading of the exploration: data here, nothing flows back into it."""
    believed: Bool[Array, " B"]
    """Which acted on the decoder's z, the last or an early one; the others on the encoder's."""
    noise: Float[Array, "B Z"]
    goals: Array
    percepts: Percept
    learner: Any
    returns: Float[Array, " B"]
    """Return of each episode."""
    explorations: Trajectory | None = None
    """The exploration before each, where the decoder learns from these returns."""


class ExplorationBatch(NamedTuple):
    """B explorations; nothing in it comes from an exploitation."""

    percepts: Percept
    beliefs: Float[Array, "B T Z"]
    continuation: Float[Array, "B T"]
    """The stop rule's targets."""
    means: Float[Array, "B Z"]
    """f(mu), for a critic that is told the problem."""
    learner: Any


def exploitation_batch(
    settings: DreamSettings,
    experience: Experience,
    beliefs: Float[Array, "B N Z"],
    records: PyTree,
    end_to_end: bool,
) -> ExploitationBatch:
    """Return all exploitation episodes, [B * N, ...]; end to end, with what was explored."""
    trial, conditions = experience.trial, experience.conditions
    explorations = trial.exploration if end_to_end else None
    problem_id, explorations = jax.tree.map(
        lambda x: jnp.repeat(x, settings.budget.episodes, axis=0),
        (experience.problem_id, explorations),
    )
    zs = (beliefs, conditions.believed, conditions.noise)
    (beliefs, believed, noise), goals, episodes, records = jax.tree.map(
        lambda x: x.reshape(-1, *x.shape[2:]), (zs, trial.goals, trial.exploitation, records)
    )
    learner, discount = settings.learner, settings.exploitation.discount
    batch = learner.prepare(episodes, records, learner.exploitation, discount)
    percepts = jax.vmap(before)(episodes)
    fields = (problem_id, beliefs, believed, noise, goals, percepts, batch)
    return ExploitationBatch(*fields, episodes.episode_return, explorations)


def exploitation_loss(
    nets: tuple[Encoder, InstructedPolicy],
    target: InstructedPolicy | None,
    batch: ExploitationBatch,
    settings: DreamSettings,
    penalty_weight: Float[Array, ""] | float,
    progress: Float[Array, ""],
    decoder: Decoder | None = None,
) -> tuple[Float[Array, ""], Metrics]:
    """Return the policy's loss plus lambda I(z; mu); it trains the encoder too (eq. 3).

    With a `decoder` all act on what that reads off the explorations, and it is trained.
    """
    encoder, policy = nets
    learner, objective = settings.learner, settings.learner.exploitation
    if decoder is None or batch.explorations is None:
        z = encoding(encoder, batch.problem_id, batch.beliefs, batch.believed, batch.noise)
    else:
        z = jax.vmap(decoder.unroll)(batch.explorations)[:, -1] + batch.noise
    inputs = (batch.percepts, batch.goals, z)
    decision = jax.vmap(policy.unroll)(*inputs)
    target_decision = None if target is None else jax.vmap(target.unroll)(*inputs)
    loss, metrics = learner.loss(decision, target_decision, batch.learner, objective, progress)
    cost = penalty(encoder(batch.problem_id), settings.bottleneck, settings.encoding.rho)
    return loss + penalty_weight * cost, prefixed("exploitation", metrics)


def exploration_loss(
    nets: tuple[ExplorationPolicy, PrivilegedCritic | None],
    target: ExplorationPolicy | None,
    batch: ExplorationBatch,
    settings: DreamSettings,
    progress: Float[Array, ""],
) -> tuple[Float[Array, ""], Metrics]:
    """Return the policy's loss and the stop rule's squared error."""
    policy, critic = nets
    learner, objective = settings.learner, settings.learner.exploration
    inputs = (batch.percepts, batch.beliefs)
    decision = jax.vmap(policy.unroll)(*inputs)
    if critic is not None:
        decision = decision._replace(value=critic(decision.features, batch.means))
    target_decision = None if target is None else jax.vmap(target.unroll)(*inputs)
    loss, metrics = learner.loss(decision, target_decision, batch.learner, objective, progress)
    mask = batch.learner.mask
    errors = jnp.square(policy.stop(decision.features) - batch.continuation)
    stop = (errors * mask).sum() / jnp.maximum(mask.sum(), 1)
    return loss + settings.exploration.stop_weight * stop, prefixed("exploration", metrics)


def regret_loss(critic: Regret, batch: ExploitationBatch, encoder: Encoder) -> Float[Array, ""]:
    """Return the error of the critic about what came of the z that each episode acted on."""
    means = jax.lax.stop_gradient(encoder(batch.problem_id))
    contexts = jnp.where(batch.believed[:, None], batch.beliefs, means)
    return critic.loss(means, contexts, batch.goals, batch.returns)
