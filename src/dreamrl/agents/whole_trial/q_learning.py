"""The same methods as released with DREAM: the policy trained by Q-learning on replayed trials.

A trial is one long episode: what an exploration's last step leads to is worth what exploitation
begins with, a mean over its episodes.
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from dreamrl.agents.agent import Metrics, finite
from dreamrl.agents.policy import bar
from dreamrl.agents.q_settings import check_actions, epsilon, returns
from dreamrl.agents.whole_trial import trials as whole
from dreamrl.agents.whole_trial.algorithm import (
    Objective,
    WholeTrial,
    agent_of,
    counted,
    optimiser,
    told_again,
)
from dreamrl.agents.whole_trial.nets import Nets, WholeTrialAgent
from dreamrl.agents.whole_trial.trials import Recorded
from dreamrl.families.family import Family, draw_ids
from dreamrl.learners import dqn, replay
from dreamrl.types import Key, ProblemID


class QState(NamedTuple):
    params: Nets
    target: Nets
    optimiser: optax.OptState
    replay: replay.Replay
    iteration: Array
    key: Key


@dataclasses.dataclass(frozen=True)
class WholeTrialQ:
    """The algorithm for one family; see `dreamrl.agents.agent.Algorithm`."""

    family: Family
    settings: Any
    objective: Objective

    def init(self, key: Key) -> QState:
        key, key_nets = jax.random.split(key)
        nets = self.objective.nets(key_nets, self.family, self.settings)
        new = jax.eval_shape(lambda: self._play(nets, jnp.array(1.0), key))
        one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), new)
        ring = replay.empty(one, self.settings.q_replay)
        # Its own arrays: whoever donates the state must find each but once.
        target = jax.tree.map(jnp.copy, nets)
        return QState(nets, target, self._adam.init(nets), ring, jnp.array(0), key)

    def agent(self, state: QState) -> WholeTrialAgent:
        return agent_of(state.params, self.family, self.objective)

    def encode(self, state: QState, problem_id: ProblemID) -> Float[Array, "... Z"] | None:
        return self.objective.encode(state.params, problem_id)

    def iterate(self, state: QState) -> tuple[QState, Metrics]:
        settings = self.settings
        key, key_play, key_updates = jax.random.split(state.key, 3)
        progress = state.iteration / settings.iterations
        new = self._play(state.params, epsilon(settings, progress), key_play)
        ring = replay.add(state.replay, new)
        first = state.iteration * settings.q_updates

        def update(carry, inputs):
            nets, target, optimiser = carry
            key, number = inputs
            nets, optimiser, losses = self._update(nets, target, optimiser, ring, key)
            done = first + number + 1
            target = optax.periodic_update(nets, target, done, settings.q_target_every)
            return (nets, target, optimiser), losses

        carry = (state.params, state.target, state.optimiser)
        inputs = (jax.random.split(key_updates, settings.q_updates), jnp.arange(settings.q_updates))
        (nets, target, optimiser), losses = jax.lax.scan(update, carry, inputs)
        metrics = {name: value.mean() for name, value in losses.items()} | counted(new)
        after = QState(nets, target, optimiser, ring, state.iteration + 1, key)
        return after, finite(metrics, "q")

    @property
    def _adam(self) -> optax.GradientTransformation:
        settings = self.settings
        return optimiser(settings, self.objective, settings.q_updates, settings.q_max_norm)

    def _play(self, nets: Nets, share: Array, key: Key) -> Recorded:
        """New trials, `share` of their actions taken at random."""
        settings, objective = self.settings, self.objective
        key_ids, key_trials = jax.random.split(key)
        problem_id = ProblemID(draw_ids(self.family.train_ids, key_ids, settings.trials))
        told = objective.told(nets, problem_id)

        def pick(decision, key):
            return dqn.epsilon_greedy(key, dqn.dueling(decision), share)

        def play(problem_id, told, key):
            terms = (settings.episodes, objective.explores, key, pick)
            return whole.play(nets, self.family, problem_id, told, *terms)[0]

        keys = jax.random.split(key_trials, settings.trials)
        return Recorded(problem_id, jax.vmap(play)(problem_id, told, keys), told)

    def _update(
        self, nets: Nets, target: Nets, optimiser: optax.OptState, ring: replay.Replay, key: Key
    ) -> tuple[Nets, optax.OptState, Metrics]:
        key_replay, key_beside = jax.random.split(key)
        trials: Recorded = replay.sample(ring, key_replay, self.settings.q_batch)

        def objectives(nets: Nets) -> tuple[Float[Array, ""], Metrics]:
            recorded = told_again(self.objective, nets, trials)
            memories = whole.read(nets, recorded.played)
            loss = self._loss(nets, target, recorded, memories)
            beside, losses = self.objective.beside(
                nets, recorded, memories, self.settings, key_beside
            )
            return loss + beside, losses | {"loss_q": loss}

        (_, losses), grads = eqx.filter_value_and_grad(objectives, has_aux=True)(nets)
        changes, after = self._adam.update(grads, optimiser)
        moved = (eqx.apply_updates(nets, changes), after)
        started = ring.added >= self.settings.q_starts
        return *dqn.once(started, moved, (nets, optimiser)), losses

    def _loss(
        self, nets: Nets, target: Nets, recorded: Recorded, memories: whole.Memories
    ) -> Float[Array, ""]:
        """Q error of both episodes of the trial."""
        settings, played = self.settings, recorded.played
        after = told_again(self.objective, target, recorded)
        now = whole.decide(nets, recorded, memories)
        wanted = whole.decide(target, after, whole.read(target, played))
        first, first_wanted = (
            dqn.dueling(jax.tree.map(lambda x: x[:, :, 0], decision))
            for _, decision in (now, wanted)
        )
        following = jax.lax.stop_gradient(dqn.q_of(first_wanted, first.argmax(-1)).mean(1))
        rewards = played.exploration.rewards * float(self.objective.count_exploration)
        explored = dqn.Batch(played.exploration.actions, rewards, played.exploration.mask)
        flat = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[2:]), (played.exploitation, now[1], wanted[1])
        )
        exploited = dqn.Batch(flat[0].actions, flat[0].rewards, flat[0].mask)
        discount, kind, barred = settings.discount, returns(settings), self.family.end_action
        of_first = (bar(now[0], barred), bar(wanted[0], barred))
        loss = dqn.q_loss(flat[1], flat[2], exploited, discount, kind)
        return loss + dqn.q_loss(*of_first, explored, discount, kind, following)


def whole_trial(family: Family, settings: Any, objective: Objective) -> WholeTrial | WholeTrialQ:
    """By the learner that the settings name."""
    if settings.learner == "dqn":
        check_actions(family)
        return WholeTrialQ(family, settings, objective)
    return WholeTrial(family, settings, objective)
