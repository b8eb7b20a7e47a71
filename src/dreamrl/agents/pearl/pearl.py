"""PEARL: a posterior over z from what was seen, and Thompson sampling (Rakelly et al. 2019).

Objective, with z ~ q(z | c) and a context c of explorations in the problem of the episodes:

    E[(Q(s, goal, a, z) - G)^2 / 2] + w KL(q(z | c) || N(0, I))

where G is what the target network and the rewards that followed say. The error of Q trains the
encoder, as the critic's does in the paper. What differs from there:

- Actions are discrete: a double dueling DQN stands in for SAC, and a softmax of Q, at a temperature
  that falls, for its entropy. The policy is feed-forward, as there.
- The prior is one more factor of the posterior, so that no transition leaves just the prior.
- Contexts are one to several whole explorations of the recent past; at meta-test there is one. w
  grows from 0 once Q has had time to find a use for z.
- An exploration has no goal, but a policy that is told one. It acts for a goal met in training,
  drawn anew each time from those of the last iteration, and the environment is told none, in
  training as at meta-test. It cannot take the action that ends an episode.
- At meta-test the exploration acts on a z from the prior, exploitation on one from the posterior,
  as there, or on the posterior's mean (`act_on`), which returns a little more (docs/results.md).
"""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from dreamrl.agents.agent import Metrics, finite
from dreamrl.agents.pearl.agent import Components, PearlAgent
from dreamrl.agents.pearl.memory import Task, draw_task
from dreamrl.agents.pearl.posterior import (
    ContextEncoder,
    Posterior,
    information,
    posteriors,
    product,
    sample,
)
from dreamrl.agents.pearl.settings import PearlSettings
from dreamrl.agents.policy import InstructedPolicy, bar
from dreamrl.agents.q_settings import barred
from dreamrl.families.family import Family
from dreamrl.learners import dqn, replay
from dreamrl.learners.schedules import adam, ramp
from dreamrl.networks.actor_critic import Decision
from dreamrl.trial import Choice, Played, before, rollout
from dreamrl.types import Goal, Key, Problem, ProblemID, Trajectory

Nets = tuple[ContextEncoder, InstructedPolicy]


class PearlState(NamedTuple):
    params: Components
    target: InstructedPolicy
    optimiser: optax.OptState
    replay: replay.Replay
    iteration: Array
    key: Key


@dataclasses.dataclass(frozen=True)
class Pearl:
    """The algorithm for one family; see `dreamrl.agents.agent.Algorithm`."""

    family: Family
    settings: PearlSettings

    def init(self, key: Key) -> PearlState:
        family, settings = self.family, self.settings
        keys = jax.random.split(key, 4)
        observations, actions = family.observation_space, family.action_space
        encoder = ContextEncoder(keys[0], observations, actions, settings.hidden, settings.z)
        policy = InstructedPolicy(
            keys[1],
            observations,
            actions,
            family.goal_space,
            settings.hidden,
            settings.z,
            settings.recurrent,
            barred(settings.may_end, family),
        )
        problems = jax.vmap(family.problem)(self._ids(jnp.arange(settings.trials)))
        goals = jax.vmap(family.sample_goal)(jax.random.split(keys[2], settings.trials), problems)
        params = Components(encoder, policy, goals)
        problem = family.problem(jnp.array(family.train_ids[0]))
        played = jax.eval_shape(lambda: self._play(params, 1.0, problem, goals[0], keys[0]))
        ring = replay.empty(played, settings.replay)
        # Its own arrays: whoever donates the state must find each but once.
        target = jax.tree.map(jnp.copy, policy)
        optimiser = self._adam.init((encoder, policy))
        return PearlState(params, target, optimiser, ring, jnp.array(0), keys[3])

    def agent(self, state: PearlState) -> PearlAgent:
        act_on_mean = self.settings.act_on == "mean"
        return PearlAgent(state.params, self.family.end_action, act_on_mean)

    def encode(self, state: PearlState, problem_id: ProblemID) -> None:
        """There is no true z: a problem is known by its transitions alone."""

    def iterate(self, state: PearlState) -> tuple[PearlState, Metrics]:
        settings = self.settings
        key, key_goals, key_play, key_updates = jax.random.split(state.key, 4)
        progress = state.iteration / settings.iterations
        temperatures = (settings.temperature, settings.last_temperature)
        temperature = ramp(progress, *temperatures, 0.0, settings.temperature_end)
        kl_weight = ramp(progress, 0.0, settings.kl_weight, settings.kl_begin, settings.kl_end)
        count = settings.trials
        problems = jax.vmap(self.family.problem)(self._ids(state.replay.added + jnp.arange(count)))
        asked = jax.random.choice(key_goals, state.params.goals, (count,))
        new = jax.vmap(self._play, in_axes=(None, None, 0, 0, 0))(
            state.params, temperature, problems, asked, jax.random.split(key_play, count)
        )
        ring = replay.add(state.replay, new)

        def update(carry, key):
            nets, target, optimiser = carry
            return self._update(ring, nets, target, optimiser, kl_weight, key)

        carry = ((state.params.encoder, state.params.policy), state.target, state.optimiser)
        keys = jax.random.split(key_updates, settings.updates)
        (nets, target, optimiser), losses = jax.lax.scan(update, carry, keys)
        params = Components(*nets, new.goals[:, 0])
        after = PearlState(params, target, optimiser, ring, state.iteration + 1, key)
        metrics = {name: value.mean() for name, value in losses.items()}
        metrics["return_posterior"] = new.exploitation.episode_return.mean()
        metrics["temperature"] = temperature
        steps = new.exploration.mask.sum() + new.exploitation.mask.sum()
        metrics["steps"] = steps.astype(jnp.float32)
        return after, finite(metrics, "q")

    @property
    def _adam(self) -> optax.GradientTransformation:
        settings = self.settings
        updates = settings.iterations * settings.updates
        schedule = (settings.learning_rate, settings.last_learning_rate, updates)
        return adam(*schedule, settings.max_norm)

    def _ids(self, numbers: Array) -> Array:
        """Problems of the trials with these numbers; see `memory`."""
        ids = self.family.train_ids
        rows = numbers % len(ids)
        return ids.start + ids.step * rows if isinstance(ids, range) else jnp.array(ids)[rows]

    def _play(
        self,
        params: Components,
        temperature: Array | float,
        problem: Problem,
        asked: Array,
        key: Key,
    ) -> Played:
        """A trial: for a z from the prior and the goal `asked`, then for z from the posterior."""
        settings, family = self.settings, self.family
        keys = jax.random.split(key, 5)
        policy = params.policy
        random = jax.random.uniform(keys[3]) < settings.random_share
        epsilon = jnp.where(random, jax.random.uniform(keys[4]), 0.0)

        def episode(goal: Goal, told: Array, z: Array, barred: int | None, key: Key) -> Trajectory:
            def act(memory, percept, key):
                memory, decision = policy.step(memory, percept, told, z)
                q = dqn.dueling(bar(decision, barred))
                key_noise, key_action = jax.random.split(key)
                q = q + temperature * jax.random.gumbel(key_noise, q.shape)
                return memory, Choice(dqn.epsilon_greedy(key_action, q, epsilon))

            return rollout(family, problem, goal, act, policy.start(), key)[0]

        z = jax.random.normal(keys[0], (settings.z,))
        exploration = episode(None, asked, z, family.end_action, keys[1])
        posterior = jax.tree.map(lambda x: x[-1], posteriors(params.encoder, exploration))

        def exploit(key):
            key_goal, key_z, key_episode = jax.random.split(key, 3)
            goal = family.sample_goal(key_goal, problem)
            return goal, episode(goal, goal, sample(posterior, key_z), None, key_episode)

        goals, exploitation = jax.vmap(exploit)(jax.random.split(keys[2], settings.episodes))
        return Played(exploration, goals, exploitation)

    def _update(
        self,
        ring: replay.Replay,
        nets: Nets,
        target: InstructedPolicy,
        optimiser: optax.OptState,
        kl_weight: Array,
        key: Key,
    ) -> tuple[tuple[Nets, InstructedPolicy, optax.OptState], Metrics]:
        settings = self.settings
        key_tasks, key_z = jax.random.split(key)
        draw = jax.vmap(
            lambda key: draw_task(
                ring,
                key,
                len(self.family.train_ids),
                settings.contexts,
                settings.recent,
                settings.replayed,
            )
        )
        tasks = draw(jax.random.split(key_tasks, settings.tasks))
        (_, metrics), grads = eqx.filter_value_and_grad(pearl_loss, has_aux=True)(
            nets, target, tasks, kl_weight, key_z, settings
        )
        updates, optimiser = self._adam.update(grads, optimiser)
        nets = eqx.apply_updates(nets, updates)
        target = optax.incremental_update(nets[1], target, settings.target_rate)
        return (nets, target, optimiser), metrics


def pearl_loss(
    nets: Nets,
    target: InstructedPolicy,
    tasks: Task,
    kl_weight: Array | float,
    key: Key,
    settings: PearlSettings,
) -> tuple[Float[Array, ""], Metrics]:
    """Of M problems: see the head of this file. A z is drawn for each episode."""
    encoder, policy = nets
    factors = jax.vmap(jax.vmap(encoder.factors))(tasks.contexts)
    posterior = product(jax.tree.map(lambda x: x.sum((1, 2)), factors))
    count, each = tasks.episodes.actions.shape[:2]
    spread = Posterior(*(jnp.repeat(x, each, axis=0) for x in posterior))
    z = sample(spread, key)
    goals, episodes = jax.tree.map(
        lambda x: x.reshape(count * each, *x.shape[2:]), (tasks.goals, tasks.episodes)
    )

    def decide(policy: InstructedPolicy, episode: Trajectory, goal: Array, z: Array) -> Decision:
        return policy.unroll(before(episode), goal, z)

    decision, wanted = (
        jax.vmap(decide, in_axes=(None, 0, 0, 0))(*inputs)
        for inputs in ((policy, episodes, goals, z), (target, episodes, goals, z))
    )
    batch = dqn.Batch(episodes.actions, episodes.rewards, episodes.mask)
    returns = dqn.Returns(settings.returns, settings.n_steps, settings.q_lambda)
    loss = dqn.q_loss(decision, wanted, batch, settings.discount, returns)
    nats = information(posterior).mean()
    return loss + kl_weight * nats, {"loss_q": loss, "kl": nats}
