"""How methods with one policy for the whole trial are trained.

A trial is one long episode: the exploration's last step leads to the exploitation's returns, a mean
over its episodes.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.acting import Behaviour
from dreamrl.agents.algorithm import Algorithm, Experience, Loss, Metrics, Snapshot
from dreamrl.agents.settings import check_actions
from dreamrl.agents.whole_trial.losses import Batch, HiddenStates, decide, policy_loss, read
from dreamrl.agents.whole_trial.networks import (
    InformedAgent,
    Nets,
    PrivilegedContext,
    WholeTrialAgent,
)
from dreamrl.families.family import Family, exploration_weight
from dreamrl.trial import Extras, TrialKeys
from dreamrl.types import Key, ProblemID


@dataclasses.dataclass(frozen=True)
class WholeTrial(Algorithm):
    """One policy for the whole trial; a method says what its networks and its extra loss are."""

    family: Family
    settings: Any
    include_exploration_reward: bool = False
    """Whether the exploration's rewards count; they do wherever the family says so."""
    has_exploration: bool = True
    """Whether there is any exploration; without it, there is none at meta-test either."""

    def __post_init__(self) -> None:
        """Raise UserError for what cannot be trained on the family with these settings."""
        check_actions(self.family, self.settings.learner)

    def nets(self, key: Key) -> Nets:
        """Return the method's networks."""
        raise NotImplementedError

    def context(self, nets: Nets, problem_id: ProblemID) -> PrivilegedContext | None:
        """Return the privileged context of B trials in training, if there is any."""
        return None

    def auxiliary_loss(
        self, nets: Nets, batch: Batch, hidden: HiddenStates, key: Key
    ) -> tuple[Float[Array, ""] | float, Metrics]:
        """Return a loss to add to the policy's, and what to report of it."""
        return 0.0, {}

    def init(self, key: Key) -> tuple[Nets, Key]:
        """Return first networks, and the key to go on with."""
        key, key_nets = jax.random.split(key)
        return self.nets(key_nets), key

    def agent(self, params: Nets) -> WholeTrialAgent:
        nets = (params.encoder, params.belief_head, params.policy)
        return WholeTrialAgent(*nets, self.has_exploration)

    def conditions(
        self, now: Snapshot, problem_id: ProblemID, key: Key, key_episodes: Key
    ) -> tuple[PrivilegedContext | None, TrialKeys]:
        """Return the privileged context of each trial, if there is any."""
        _, keys = super().conditions(now, problem_id, key, key_episodes)
        return self.context(now.params, problem_id), keys

    def behave(self, now: Snapshot, conditions: PrivilegedContext | None) -> Behaviour:
        agent = self.agent(now.params)
        if conditions is not None:
            agent = InformedAgent(**vars(agent), privileged=conditions)
        return Behaviour(agent, conditions, now.progress, self.settings.learner)

    def prepare(self, now: Snapshot, experience: Experience) -> tuple[Batch, Metrics]:
        """Return trials with advantages that run through them, from exploitation back."""
        settings, learner, trial = self.settings, self.settings.learner, experience.trial
        explored, recorded = trial.exploration, trial.extras
        objectives = (learner.exploration, learner.exploitation)
        exploitation = learner.prepare(
            trial.exploitation, recorded.exploitation, objectives[1], settings.discount
        )
        start_values = learner.start_values(exploitation, recorded.exploitation, objectives[1])
        # Neither an end nor the horizon ends the trial here: the exploitation follows.
        exploration = learner.prepare(
            explored._replace(
                rewards=explored.rewards * self._exploration_weight,
                terminated=jnp.zeros_like(explored.terminated),
            ),
            recorded.exploration,
            objectives[0],
            settings.discount,
            None if start_values is None else start_values.mean(1),
        )
        batch = Batch(
            experience.problem_id,
            experience.conditions,
            trial._replace(beliefs=None, extras=Extras()),
            exploration,
            exploitation,
        )
        return batch, trial_metrics(experience)

    def losses(self, now: Snapshot, batch: Batch, recalled: tuple[()], key: Key) -> dict[str, Loss]:
        """Return the one loss that trains all networks."""
        learner, trial, target = self.settings.learner, batch.trial, now.target

        def loss(nets: Nets) -> tuple[Float[Array, ""], Metrics]:
            hidden = read(nets, trial)
            decisions = decide(nets, trial, self._again(nets, batch), hidden)
            targets: Any = (None, None)
            if target is not None:
                targets = decide(target, trial, self._again(target, batch), read(target, trial))
            value, metrics = policy_loss(decisions, targets, batch, learner, now.progress)
            auxiliary, more = self.auxiliary_loss(nets, batch, hidden, key)
            return value + auxiliary, metrics | more

        return {"policy": loss}

    @property
    def _exploration_weight(self) -> float:
        """How much an exploration's rewards count."""
        return exploration_weight(self.family) or float(self.include_exploration_reward)

    def _again(self, nets: Nets, batch: Batch) -> PrivilegedContext | None:
        """Work out z again, for its gradient; which trials are informed stays."""
        context = self.context(nets, batch.problem_id)
        if context is None or batch.context is None:
            return None
        return context._replace(informed=batch.context.informed)


def trial_metrics(experience: Experience) -> Metrics:
    """Return what is reported of new trials."""
    trial, context = experience.trial, experience.conditions
    returns = trial.exploitation.episode_return.mean(1)
    blind = jnp.ones(returns.shape, bool) if context is None else ~context.informed
    return {
        "return_sampled": (returns * blind).sum() / jnp.maximum(blind.sum(), 1),
        "return_exploration": trial.exploration.episode_return.mean(),
    }
