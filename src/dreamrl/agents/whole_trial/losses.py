"""The policy's loss on whole trials, for either learner."""

from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float

from dreamrl.agents.algorithm import Metrics, prefixed
from dreamrl.agents.settings import Learner
from dreamrl.agents.whole_trial.networks import Nets, PrivilegedContext
from dreamrl.networks.actor_critic import Decision
from dreamrl.trial import Trial, before
from dreamrl.types import ProblemID


class Trials(NamedTuple):
    """B trials and the problems that they were played in."""

    problem_id: ProblemID
    trial: Trial


class Batch(NamedTuple):
    """B trials and what the learner needs to know of them."""

    problem_id: ProblemID
    context: PrivilegedContext | None
    trial: Trial
    exploration: Any
    """[B, T], of the learner."""
    exploitation: Any
    """[B, N, T], of the learner."""


class HiddenStates(NamedTuple):
    """The trial encoder's hidden states all through B trials."""

    exploration: Float[Array, "B times size"]
    """[B, T+1]"""
    exploitation: Float[Array, "B N T size"]


def read(nets: Nets, trial: Trial) -> HiddenStates:
    """Return the hidden states of trials, as they were in play if the encoder is the same."""
    exploration = jax.vmap(nets.encoder.read)(trial.exploration)
    percepts = jax.vmap(jax.vmap(before))(trial.exploitation)
    unroll = jax.vmap(nets.encoder.unroll, in_axes=(None, 0, 0))
    return HiddenStates(exploration, jax.vmap(unroll)(exploration[:, -1], percepts, trial.goals))


def decide(
    nets: Nets, trial: Trial, context: PrivilegedContext | None, hidden: HiddenStates
) -> tuple[Decision, Decision]:
    """Return the decisions of the explorations [B, T] and of the exploitations [B, N, T]."""
    z_x = nets.belief_head(hidden.exploration[:, :-1])
    z_e = nets.belief_head(hidden.exploitation)
    if context is not None:
        z_x = jax.tree.map(lambda x: x[:, None], context).replace(z_x)
        z_e = jax.tree.map(lambda x: x[:, None, None], context).replace(z_e)
    unroll = nets.policy.unroll
    percepts_x = jax.vmap(before)(trial.exploration)
    percepts_e = jax.vmap(jax.vmap(before))(trial.exploitation)
    decision_x = jax.vmap(lambda percepts, z: unroll(percepts, None, z))(percepts_x, z_x)
    decision_e = jax.vmap(jax.vmap(unroll))(percepts_e, trial.goals, z_e)
    return decision_x, decision_e


def policy_loss(
    decisions: tuple[Decision, Decision],
    targets: tuple[Decision, Decision] | tuple[None, None],
    batch: Batch,
    learner: Learner,
    progress: Float[Array, ""],
) -> tuple[Float[Array, ""], Metrics]:
    """Return the learner's loss on both episodes of the trial."""
    batch_x = learner.link(batch.exploration, decisions[1], targets[1])
    loss_x, metrics_x = learner.loss(
        decisions[0], targets[0], batch_x, learner.exploration, progress
    )
    loss_e, metrics_e = learner.loss(
        decisions[1], targets[1], batch.exploitation, learner.exploitation, progress
    )
    metrics = prefixed("exploration", metrics_x) | prefixed("exploitation", metrics_e)
    return loss_x + loss_e, metrics
