"""MAML's outer loss: the adapted policies' loss, as a function of the initial policy."""

from typing import NamedTuple

import jax
from jaxtyping import Array, Float

from dreamrl.agents.algorithm import Metrics, prefixed
from dreamrl.agents.maml.networks import Explored, InitialPolicy, context
from dreamrl.learners import ppo
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.types import Goal, Percept


class Batch(NamedTuple):
    """B trials of N exploitation episodes each, ready for the updates."""

    explored: Explored
    credit: Float[Array, " B"]
    """Advantage of the trial's return over the other trials': E-MAML's term is paid by it."""
    goals: Array
    """[B, N, ...]"""
    percepts: Percept
    """[B, N, T]"""
    ppo: ppo.Batch
    """[B, N, T]"""


def exploit_unroll(policy: InstructedPolicy, seen: Percept, goal: Goal) -> ppo.Decision:
    """Return the decisions of an exploitation by an adapted policy."""
    return policy.unroll(seen, goal, context())


def maml_loss(
    params: InitialPolicy, batch: Batch, progress: Float[Array, ""]
) -> tuple[Float[Array, ""], Metrics]:
    """Return the adapted policies' loss, as a function of what they were adapted from.

    The initial policy's own part teaches its critic, which the inner advantages need, and keeps
    its entropy. Its policy part, in E-MAML alone, credits each of its actions with the return of
    the trial: grad log pi(tau) R (Stadie et al. 2018).
    """
    settings, learner = params.settings, params.settings.learner

    def adapted_decisions(records, percepts, goals):
        policy = params.adapt(records)
        return jax.vmap(exploit_unroll, in_axes=(None, 0, 0))(policy, percepts, goals)

    decision = jax.vmap(adapted_decisions)(batch.explored, batch.percepts, batch.goals)
    terms = (None, batch.ppo, learner.exploitation, progress)
    exploitation, metrics = learner.loss(decision, *terms)

    records = batch.explored
    credit = batch.credit[:, None] * records.mask * (settings.objective == "e-maml")
    initial_batch = ppo.Batch(
        records.actions, records.log_probs, credit, records.targets, records.mask
    )
    decision = jax.vmap(params.unroll)(records.percepts)
    exploration, extras = learner.loss(decision, None, initial_batch, learner.exploration, progress)
    metrics = prefixed("exploitation", metrics) | prefixed("exploration", extras)
    return exploitation + exploration, metrics
