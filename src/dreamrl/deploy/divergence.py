"""Divergence of an agent's belief from the exact posterior, where that is known: in diagnoses."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from dreamrl.deploy.agent import TrainedAgent
from dreamrl.evaluation import per_family, spread
from dreamrl.families.diagnosis import Diagnosis, posterior
from dreamrl.families.diagnosis.relevance import members_of
from dreamrl.families.family import Family, prior_of
from dreamrl.host import in_own_switches
from dreamrl.trial import play

LEAST = 1e-9
"""Shares below count as this: a belief that rules out what is the case is as bad as that."""


@in_own_switches
def divergence(agent: TrainedAgent, trials: int = 500, seed: int = 0) -> float | None:
    """Return KL(exact posterior | the agent's) at the end of an exploration, a mean in nats.

    Over what matters: faults that no repair tells apart count as one. The agent's belief is its
    z, read as `ExplorationRecord.confidence` reads it. None for agents without an encoder, and for
    families other than a `Diagnosis`.
    """
    family, problems = agent.family, agent.known
    if not isinstance(family, Diagnosis) or problems is None:
        return None
    ids = spread(family.train_ids, trials, seed, prior_of(family, family.train_ids))
    # Other explorations than those that the confidence is fitted on.
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 1), trials)
    outputs = per_family(_exploration_player, family)(agent.agent, np.asarray(ids, np.int32), keys)
    means, observations = jax.tree.map(np.asarray, outputs)
    # An observation of 0 shows no outcome.
    outcomes = [[int(number) - 1 for number in row if number] for row in observations]
    exact = np.stack([posterior(family.table, results) for results in outcomes])
    member = members_of(family.table.payoffs)
    target, estimate = exact @ member, problems.posterior.shares(means) @ member
    ratio = np.log(np.maximum(target, LEAST)) - np.log(np.maximum(estimate, LEAST))
    return float((target * ratio).sum(-1).mean())


def _exploration_player(family: Family) -> Callable[..., Any]:
    """Return (agent, ids, keys) -> last beliefs, and what was seen, 0 where nothing was."""

    def one(agent, problem_id, key):
        trial = play(family, family.problem(problem_id), agent, key)
        trajectory = trial.exploration
        return trial.beliefs.mean[-1], trajectory.observations[1:] * trajectory.mask

    return jax.vmap(one, in_axes=(None, 0, 0))
