"""MAML: parameters from which one policy-gradient step on an exploration leads far.

Finn, Abbeel and Levine 2017, algorithm 3, with one exploration to adapt on and PPO's clipped
surrogate as the outer loss (as in ProMP, Rothfuss et al. 2019). E-MAML: Stadie et al. 2018.
"""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from dreamrl.agents.agent import Metrics, finite
from dreamrl.agents.maml.adaptation import Explored, InitialPolicy, exploit_step, exploit_unroll
from dreamrl.agents.maml.agent import MamlAgent
from dreamrl.agents.maml.settings import MamlSettings
from dreamrl.families.family import Family, draw_ids
from dreamrl.learners import ppo
from dreamrl.learners.schedules import adam, ramp
from dreamrl.trial import Choice, Percept, before, rollout
from dreamrl.types import Key, ProblemID, Trajectory


class MamlState(NamedTuple):
    params: InitialPolicy
    optimiser: optax.OptState
    iteration: Array
    key: Key


class Batch(NamedTuple):
    """B trials of N exploitation episodes each, ready for the updates."""

    explored: Explored
    credit: Float[Array, " B"]
    """Advantage of the trial's return over the other trials': what E-MAML's term is paid."""
    goals: Array
    """[B, N, ...]"""
    percepts: Percept
    """[B, N, T]"""
    ppo: ppo.Batch
    """[B, N, T]"""


class MamlLoss(NamedTuple):
    """The parts of the outer loss."""

    exploitation: ppo.PPOLoss
    """Of the adapted policies."""
    exploration: ppo.PPOLoss
    """Of the initial policy; its policy part is E-MAML's term, and 0 in MAML."""


@dataclasses.dataclass(frozen=True)
class Maml:
    """The algorithm for one family; see `dreamrl.agents.agent.Algorithm`."""

    family: Family
    settings: MamlSettings

    def init(self, key: Key) -> MamlState:
        key_params, key = jax.random.split(key)
        params = InitialPolicy(key_params, self.family, self.settings)
        return MamlState(params, self._adam.init(params), jnp.array(0), key)

    def agent(self, state: MamlState) -> MamlAgent:
        return MamlAgent(state.params)

    def encode(self, state: MamlState, problem_id: ProblemID) -> None:
        """There is no encoder."""
        return None

    def iterate(self, state: MamlState) -> tuple[MamlState, Metrics]:
        settings = self.settings
        key, key_trials = jax.random.split(state.key)
        progress = state.iteration / settings.iterations
        batch, metrics = self._play(state.params, key_trials)
        minibatches = jax.tree.map(
            lambda x: x.reshape(settings.minibatches, -1, *x.shape[1:]), batch
        )
        entropy_weight = ramp(
            progress, settings.entropy, settings.last_entropy, 0.0, settings.entropy_end
        )

        def update(carry, minibatch):
            params, optimiser = carry
            (loss, parts), grads = eqx.filter_value_and_grad(maml_loss, has_aux=True)(
                params, minibatch, entropy_weight
            )
            updates, optimiser = self._adam.update(grads, optimiser)
            return (eqx.apply_updates(params, updates), optimiser), (loss, parts)

        carry = (state.params, state.optimiser)
        (params, optimiser), (loss, parts) = jax.lax.scan(update, carry, minibatches)
        metrics["loss_policy"] = loss.mean()
        metrics["exploitation_entropy"] = parts.exploitation.entropy.mean()
        metrics["exploration_entropy"] = parts.exploration.entropy.mean()
        after = MamlState(params, optimiser, state.iteration + 1, key)
        return after, finite(metrics, "policy")

    @property
    def _adam(self) -> optax.GradientTransformation:
        settings = self.settings
        updates = settings.iterations * settings.minibatches
        return adam(settings.learning_rate, settings.last_learning_rate, updates)

    def _play(self, params: InitialPolicy, key: Key) -> tuple[Batch, Metrics]:
        """New trials: one exploration, one adaptation and some exploitations each."""
        settings, count = self.settings, self.settings.trials
        key_ids, key_trials = jax.random.split(key)
        ids = draw_ids(self.family.train_ids, key_ids, count)
        keys = jax.random.split(key_trials, count)
        exploration, explored, goals, played, (log_probs, values) = jax.vmap(
            self._trial, in_axes=(None, 0, 0)
        )(params, ProblemID(ids), keys)
        learned = ppo.make_batch(
            played.actions,
            played.rewards,
            played.terminated,
            played.mask,
            log_probs,
            values,
            settings.discount,
            settings.gae_lambda,
            floor=0.3,
        )
        returns = played.episode_return.mean(1)
        credit = ppo.normalise(returns[:, None], jnp.ones((count, 1), bool), floor=0.1)[:, 0]
        seen = jax.vmap(jax.vmap(before))(played)
        steps = exploration.mask.sum() + played.mask.sum()
        metrics = {
            "steps": steps.astype(jnp.float32),
            "return_exploitation": returns.mean(),
            "return_exploration": exploration.episode_return.mean(),
        }
        return Batch(explored, credit, goals, seen, learned), metrics

    def _trial(
        self, params: InitialPolicy, problem_id: ProblemID, key: Key
    ) -> tuple[Trajectory, Explored, Array, Trajectory, PyTree]:
        family = self.family
        key_explore, key_goals, key_exploit = jax.random.split(key, 3)
        problem = family.problem(problem_id.value)

        def explore(memory, percept, key):
            memory, decision = params.step(memory, percept)
            return memory, Choice(decision.policy.sample(key))

        start = params.policy.start()
        exploration, _ = rollout(family, problem, None, explore, start, key_explore)
        explored = params.read(exploration)
        adapted = params.adapt(explored)

        def exploitation(goal, key):
            def act(memory, percept, key):
                memory, decision = exploit_step(adapted, memory, percept, goal)
                action = decision.policy.sample(key)
                kept = (decision.policy.log_prob(action), decision.value)
                return memory, Choice(action, kept=kept)

            return rollout(family, problem, goal, act, start, key)

        draw = jax.vmap(family.sample_goal, in_axes=(0, None))
        goals = draw(jax.random.split(key_goals, self.settings.episodes), problem)
        keys = jax.random.split(key_exploit, self.settings.episodes)
        return exploration, explored, goals, *jax.vmap(exploitation)(goals, keys)


def maml_loss(
    params: InitialPolicy, batch: Batch, entropy_weight: Float[Array, ""] | float
) -> tuple[Float[Array, ""], MamlLoss]:
    """The adapted policies' loss, as a function of what they were adapted from.

    The initial policy's own part teaches its critic, which the inner advantages need, and keeps
    its entropy. Its policy part, in E-MAML alone, credits each of its actions with the return of
    the trial: grad log pi(tau) R (Stadie et al. 2018).
    """
    settings = params.settings

    def adapted_decisions(explored, seen, goals):
        adapted = params.adapt(explored)
        return jax.vmap(exploit_unroll, in_axes=(None, 0, 0))(adapted, seen, goals)

    decision = jax.vmap(adapted_decisions)(batch.explored, batch.percepts, batch.goals)
    exploitation = ppo.ppo_loss(decision, batch.ppo, settings.clip)

    explored = batch.explored
    credit = batch.credit[:, None] * explored.mask * (settings.objective == "e-maml")
    own = ppo.Batch(explored.actions, explored.log_probs, credit, explored.targets, explored.mask)
    exploration = ppo.ppo_loss(jax.vmap(params.unroll)(explored.percepts), own, settings.clip)
    loss = exploitation.total(entropy_weight) + exploration.total(settings.exploration_entropy)
    return loss, MamlLoss(exploitation, exploration)
