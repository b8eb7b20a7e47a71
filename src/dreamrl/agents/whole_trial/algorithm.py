"""How methods with one policy for the whole trial are trained.

A trial is one long episode: the exploration's last step leads to the exploitation's returns, a mean
over its episodes.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.algorithm import Algorithm, Experience, Loss, Metrics, Snapshot
from dreamrl.agents.settings import check_actions
from dreamrl.agents.whole_trial.losses import (
    Batch,
    HiddenStates,
    Trials,
    decide,
    policy_loss,
    read,
)
from dreamrl.agents.whole_trial.networks import (
    Conditions,
    InformedAgent,
    Nets,
    PrivilegedContext,
    WholeTrialAgent,
    WholeTrialBehaviour,
)
from dreamrl.agents.whole_trial.settings import Reader, ReaderSettings
from dreamrl.families.family import Family, exploration_weight
from dreamrl.learners import replay
from dreamrl.trial import Extras, Trial, TrialKeys, blank
from dreamrl.types import Key, ProblemID


@dataclasses.dataclass(frozen=True)
class WholeTrial(Algorithm):
    """One policy for the whole trial; a method says what its networks and its extra loss are."""

    family: Family
    settings: Any
    include_exploration_reward: bool = False
    """True if the exploration's rewards count; they do wherever the family says so."""
    has_exploration: bool = True
    """False for no exploration: then there is none at meta-test either."""

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
        self, nets: Nets, trials: Trials, hidden: HiddenStates, key: Key
    ) -> tuple[Float[Array, ""] | float, Metrics]:
        """Return a loss of what reads trials, to add to the policy's, and what to report of it."""
        return 0.0, {}

    @property
    def reader(self) -> Reader:
        """The reader of trials that this loss trains."""
        settings = self.settings
        return settings.reader if isinstance(settings, ReaderSettings) else Reader()

    def init(self, key: Key) -> tuple[Nets, Key]:
        """Return first networks, and the key to go on with."""
        key, key_nets = jax.random.split(key)
        return self.nets(key_nets), key

    def agent(self, params: Nets) -> WholeTrialAgent:
        nets = (params.encoder, params.belief_head, params.policy)
        return WholeTrialAgent(*nets, self.has_exploration)

    def conditions(
        self, now: Snapshot, problem_id: ProblemID, key: Key, key_episodes: Key
    ) -> tuple[Conditions, TrialKeys]:
        """Return the privileged context of each trial, if there is any, and which are random."""
        _, keys = super().conditions(now, problem_id, key, key_episodes)
        random, share = None, self.reader.random_share
        if share:
            count = self.settings.budget.trials
            frequency = jax.random.uniform(jax.random.fold_in(key_episodes, 1), (count,))
            random = jnp.where(jnp.arange(count) < share * count, frequency, 0.0)
        return Conditions(self.context(now.params, problem_id), random), keys

    def behave(self, now: Snapshot, conditions: Conditions) -> WholeTrialBehaviour:
        agent = self.agent(now.params)
        if conditions.context is not None:
            agent = InformedAgent(**vars(agent), privileged=conditions.context)
        return WholeTrialBehaviour(agent, conditions, now.progress, self.settings.learner)

    @property
    def replayed_episodes(self) -> int:
        """Episodes that are kept for replay, those that the reader learns from among them."""
        return super().replayed_episodes + self.reader.replay * (1 + self.settings.budget.episodes)

    def memory(self, params: Nets) -> replay.Replay | tuple[()]:
        """Return an empty replay of what the reader learns from, if it is kept."""
        if not self.reader.replay:
            return ()
        return replay.empty(jax.eval_shape(self._blank), self.reader.replay)

    def remember(self, memory: Any, experience: Experience) -> replay.Replay | tuple[()]:
        """Keep new trials for the reader."""
        if not self.reader.replay:
            return ()
        return replay.add(memory, Trials(experience.problem_id, _bare(experience.trial)))

    def recalled(self, memory: Any, key: Key) -> Trials | tuple[()]:
        """Return the trials that the reader learns from in this iteration, if they are kept."""
        if not self.reader.replay:
            return ()
        return replay.sample(memory, key, self.settings.learner.updates * self.reader.batch)

    def prepare(self, now: Snapshot, experience: Experience) -> tuple[Batch, Metrics]:
        """Return trials with advantages that run through them, from exploitation back."""
        settings, learner, trial = self.settings, self.settings.learner, experience.trial
        trajectory, records = trial.exploration, trial.extras
        conditions, mask = experience.conditions, trajectory.mask
        if conditions.random is not None:
            mask &= conditions.random[:, None] == 0
        objectives = (learner.exploration, learner.exploitation)
        exploitation = learner.prepare(
            trial.exploitation, records.exploitation, objectives[1], settings.discount
        )
        start_values = learner.start_values(exploitation, records.exploitation, objectives[1])
        # Neither an end nor the horizon ends the trial here: the exploitation follows.
        exploration = learner.prepare(
            trajectory._replace(
                rewards=trajectory.rewards * self._exploration_weight,
                terminated=jnp.zeros_like(trajectory.terminated),
                mask=mask,
            ),
            records.exploration,
            objectives[0],
            settings.discount,
            None if start_values is None else start_values.mean(1),
        )
        batch = Batch(
            experience.problem_id, conditions.context, _bare(trial), exploration, exploitation
        )
        return batch, trial_metrics(experience)

    def losses(
        self, now: Snapshot, batch: Batch, recalled: Trials | tuple[()], key: Key
    ) -> dict[str, Loss]:
        """Return the one loss that trains all networks."""
        learner, trial, target = self.settings.learner, batch.trial, now.target

        def loss(nets: Nets) -> tuple[Float[Array, ""], Metrics]:
            hidden = read(nets, trial)
            decisions = decide(nets, trial, self._differentiable_context(nets, batch), hidden)
            targets: Any = (None, None)
            if target is not None:
                targets = decide(
                    target, trial, self._differentiable_context(target, batch), read(target, trial)
                )
            value, metrics = policy_loss(decisions, targets, batch, learner, now.progress)
            trials = Trials(batch.problem_id, trial)
            if isinstance(recalled, Trials):
                trials, hidden = recalled, read(nets, recalled.trial)
            auxiliary, extras = self.auxiliary_loss(nets, trials, hidden, key)
            return value + auxiliary, metrics | extras

        return {"policy": loss}

    @property
    def _exploration_weight(self) -> float:
        """Weight of an exploration's rewards."""
        return exploration_weight(self.family) or float(self.include_exploration_reward)

    def _differentiable_context(self, nets: Nets, batch: Batch) -> PrivilegedContext | None:
        """Work out z again, for its gradient; which trials are informed stays."""
        context = self.context(nets, batch.problem_id)
        if context is None or batch.context is None:
            return None
        return context._replace(informed=batch.context.informed)

    def _blank(self) -> Trials:
        """Return what the reader's replay keeps of one trial, with nothing in it."""
        family, episodes = self.family, self.settings.budget.episodes
        number = jnp.array(int(family.train_ids[0]))
        goal = family.sample_goal(jax.random.key(0), family.problem(number))
        goals, exploitation = jax.tree.map(
            lambda x: jnp.broadcast_to(x, (episodes, *x.shape)),
            (goal, blank(family, exploring=False)),
        )
        return Trials(ProblemID(number), Trial(blank(family), None, goals, exploitation))


def _bare(trial: Trial) -> Trial:
    """Return a trial without what was recorded of decisions."""
    return trial._replace(beliefs=None, extras=Extras())


def trial_metrics(experience: Experience) -> Metrics:
    """Return what is reported of new trials."""
    trial, context = experience.trial, experience.conditions.context
    returns = trial.exploitation.episode_return.mean(1)
    blind = jnp.ones(returns.shape, bool) if context is None else ~context.informed
    return {
        "return_sampled": (returns * blind).sum() / jnp.maximum(blind.sum(), 1),
        "return_exploration": trial.exploration.episode_return.mean(),
    }
