"""DREAM as released: the same four components, its policies trained by Q-learning on replay.

Double dueling Q-learning (`learners/dqn.py`) in place of PPO, for both policies; the encoder
learns from the exploitation policy's Q error, as it does from PPO's surrogate in `dream.py`.
Information gained is worked out anew from the present encoder and decoder at every update.
"""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from dreamrl.agents.agent import Metrics, finite
from dreamrl.agents.dream import bottleneck, exploration
from dreamrl.agents.dream.agent import DreamAgent
from dreamrl.agents.dream.components import (
    Components,
    Optimisers,
    agent_of,
    descend,
    first_optimisers,
    make_components,
    parts,
)
from dreamrl.agents.dream.decoder import belief_error, decoder_loss
from dreamrl.agents.dream.encoder import Encoder, information
from dreamrl.agents.dream.exploitation import encoding
from dreamrl.agents.dream.exploration import (
    ExplorationPolicy,
    exploration_rewards,
    price,
    returns_as_rewards,
)
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.agents.dream.stopping import going_on, stop_length
from dreamrl.agents.dream.trials import return_of_trial
from dreamrl.agents.policy import InstructedPolicy
from dreamrl.agents.q_settings import epsilon, returns
from dreamrl.families.family import Family, draw_ids
from dreamrl.learners import dqn, replay
from dreamrl.learners.schedules import adam
from dreamrl.trial import Choice, Played, before, rollout
from dreamrl.types import Key, ProblemID


class Replayed(NamedTuple):
    """One trial, as it stays in the replay."""

    problem_id: ProblemID
    played: Played
    decoded: Bool[Array, " episodes"]
    """Which exploitation episodes acted on the decoder's z."""


class QState(NamedTuple):
    params: Components
    target: Components
    optimisers: Optimisers
    replay: replay.Replay
    dual: bottleneck.Dual
    iteration: Array
    key: Key


@dataclasses.dataclass(frozen=True)
class DreamQ:
    """The algorithm for one family; see `dreamrl.agents.agent.Algorithm`."""

    family: Family
    settings: DreamSettings

    def init(self, key: Key) -> QState:
        family, settings = self.family, self.settings
        keys = jax.random.split(key, 5)
        params = make_components(keys, family, settings)
        problem_id = ProblemID(jnp.array(family.train_ids[0]))
        example = jax.eval_shape(lambda: self._play(params, problem_id, jnp.array(1.0), keys[0]))
        ring = replay.empty(example, settings.q_replay)
        # Its own arrays: whoever donates the state must find each but once.
        target = jax.tree.map(jnp.copy, params)
        optimisers = first_optimisers(self._adam, params)
        dual = bottleneck.start(settings.first_dual)
        return QState(params, target, optimisers, ring, dual, jnp.array(0), keys[4])

    def agent(self, state: QState) -> DreamAgent:
        return agent_of(state.params)

    def encode(self, state: QState, problem_id: ProblemID) -> Float[Array, "... Z"]:
        return state.params.encoder(problem_id)

    def iterate(self, state: QState) -> tuple[QState, Metrics]:
        settings = self.settings
        key, key_ids, key_play, key_updates = jax.random.split(state.key, 4)
        progress = state.iteration / settings.iterations
        problem_id = ProblemID(draw_ids(self.family.train_ids, key_ids, settings.trials))
        new = jax.vmap(self._play, in_axes=(None, 0, None, 0))(
            state.params,
            problem_id,
            epsilon(settings, progress),
            jax.random.split(key_play, settings.trials),
        )
        ring = replay.add(state.replay, new)
        first = state.iteration * settings.q_updates

        def update(carry, inputs):
            params, target, optimisers = carry
            key, number = inputs
            params, optimisers, losses = self._update(
                params, target, optimisers, ring, state.dual, key
            )
            target = optax.periodic_update(
                params, target, first + number + 1, settings.q_target_every
            )
            return (params, target, optimisers), losses

        carry = (state.params, state.target, state.optimisers)
        inputs = (jax.random.split(key_updates, settings.q_updates), jnp.arange(settings.q_updates))
        (params, target, optimisers), losses = jax.lax.scan(update, carry, inputs)
        metrics = {name: value.mean() for name, value in losses.items()}
        got = new.played.exploitation.episode_return

        def mean(x, where):
            return (x * where).sum() / jnp.maximum(where.sum(), 1)

        metrics["return_encoder"] = mean(got, ~new.decoded)
        metrics["return_decoder"] = mean(got, new.decoded)
        dual = bottleneck.follow(settings, state.dual, metrics["return_encoder"], progress)
        metrics["dual"] = bottleneck.weight(settings, state.dual)
        steps = new.played.exploration.mask.sum() + new.played.exploitation.mask.sum()
        metrics["steps"] = steps.astype(jnp.float32)
        after = QState(params, target, optimisers, ring, dual, state.iteration + 1, key)
        return after, finite(metrics, "exploitation", "exploration", "decoder")

    @property
    def _adam(self) -> optax.GradientTransformation:
        settings = self.settings
        updates = settings.iterations * settings.q_updates
        schedule = (settings.learning_rate, settings.last_learning_rate, updates)
        return adam(*schedule, settings.q_max_norm)

    def _play(self, params: Components, problem_id: ProblemID, share: Array, key: Key) -> Replayed:
        """One trial, `share` of its actions taken at random."""
        settings, family = self.settings, self.family
        key_explore, key_decoded, key_goals, key_noise, key_exploit = jax.random.split(key, 5)
        problem = family.problem(problem_id.value)

        def explore(memory, percept, key):
            memory, decision, _ = exploration.decide(
                params.exploration, params.decoder, memory, percept
            )
            at_random = 1.0 if params.exploration.random else share
            return memory, Choice(dqn.epsilon_greedy(key, dqn.dueling(decision), at_random))

        start = exploration.start(params.exploration, params.decoder)
        explored, _ = rollout(family, problem, None, explore, start, key_explore)
        belief = params.decoder.unroll(explored)[-1]
        count = settings.episodes
        decoded = jax.random.bernoulli(key_decoded, settings.decoder_share, (count,))
        noise = settings.rho * jax.random.normal(key_noise, (count, settings.z))
        z = encoding(params.encoder, problem_id, belief, decoded, noise)
        draw = jax.vmap(family.sample_goal, in_axes=(0, None))
        goals = draw(jax.random.split(key_goals, count), problem)

        def exploit(goal, z, key):
            def act(memory, percept, key):
                memory, decision = params.exploitation.step(memory, percept, goal, z)
                return memory, Choice(dqn.epsilon_greedy(key, dqn.dueling(decision), share))

            return rollout(family, problem, goal, act, params.exploitation.start(), key)[0]

        exploited = jax.vmap(exploit)(goals, z, jax.random.split(key_exploit, count))
        return Replayed(problem_id, Played(explored, goals, exploited), decoded)

    def _update(
        self,
        params: Components,
        target: Components,
        optimisers: Optimisers,
        ring: replay.Replay,
        dual: bottleneck.Dual,
        key: Key,
    ) -> tuple[Components, Optimisers, Metrics]:
        """One step of each part; new trials and old ones are replayed alike."""
        key_replay, key_noise = jax.random.split(key)
        trials: Replayed = replay.sample(ring, key_replay, self.settings.q_batch)
        told, explorer, decoder = parts(params)
        means = jax.lax.stop_gradient(params.encoder(trials.problem_id))
        beliefs = jax.lax.stop_gradient(jax.vmap(decoder.unroll)(trials.played.exploration))
        weight = bottleneck.weight(self.settings, dual)
        loss_t, grads_t = eqx.filter_value_and_grad(self._exploitation_loss)(
            told, target.exploitation, trials, beliefs[:, -1], weight, key_noise
        )
        (loss_x, lengths), grads_x = eqx.filter_value_and_grad(
            self._exploration_loss, has_aux=True
        )(explorer, target.exploration, trials, means, beliefs)
        loss_d, grads_d = eqx.filter_value_and_grad(decoder_loss)(
            decoder, trials.played.exploration, means
        )
        params, optimisers = self._begun(
            ring.added,
            descend(self._adam, params, optimisers, (grads_t, grads_x, grads_d)),
            (params, optimisers),
        )
        errors = belief_error(means[:, None], beliefs)
        losses = {
            "loss_exploitation": loss_t,
            "loss_exploration": loss_x,
            "loss_decoder": loss_d,
            "information": 1 - errors[:, -1].mean() / errors[:, 0].mean(),
            "z_squared": jnp.square(means).sum(-1).mean(),
            "stop_length": lengths,
        }
        return params, optimisers, losses

    def _begun(
        self, played: Array, new: tuple[Components, Optimisers], old: tuple[Components, Optimisers]
    ) -> tuple[Components, Optimisers]:
        """The new, but the old explorer as long as only the other parts learn, and then nothing."""
        start, explore = self.settings.q_starts, self.settings.q_exploration_starts
        (components, optimisers), (before, states) = new, old
        waiting = (
            components._replace(exploration=before.exploration),
            optimisers._replace(exploration=states.exploration),
        )
        return dqn.once(played >= start, dqn.once(played >= explore, new, waiting), old)

    def _exploitation_loss(
        self,
        told: tuple[Encoder, InstructedPolicy],
        target: InstructedPolicy,
        trials: Replayed,
        beliefs: Float[Array, "B Z"],
        weight: Float[Array, ""],
        key: Key,
    ) -> Float[Array, ""]:
        """Q error of the exploitation episodes, and the bottleneck."""
        settings, (encoder, policy) = self.settings, told
        played = trials.played
        problem_id, beliefs = jax.tree.map(
            lambda x: jnp.repeat(x, settings.episodes, axis=0), (trials.problem_id, beliefs)
        )
        goals, episodes, decoded = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[2:]),
            (played.goals, played.exploitation, trials.decoded),
        )
        noise = settings.rho * jax.random.normal(key, beliefs.shape)
        z = encoding(encoder, problem_id, beliefs, decoded, noise)
        seen = jax.vmap(before)(episodes)
        decision = jax.vmap(policy.unroll)(seen, goals, z)
        wanted = jax.vmap(target.unroll)(seen, goals, z)
        batch = dqn.Batch(episodes.actions, episodes.rewards, episodes.mask)
        loss = dqn.q_loss(decision, wanted, batch, settings.discount, returns(settings))
        squeezed = information(encoder(trials.problem_id), settings.bottleneck_free).mean()
        return loss + weight * squeezed

    def _exploration_loss(
        self,
        policy: ExplorationPolicy,
        target: ExplorationPolicy,
        trials: Replayed,
        means: Float[Array, "B Z"],
        beliefs: Float[Array, "B times Z"],
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Q error of the explorations and error of the stop rule, and how long it lets them be."""
        settings, explored = self.settings, trials.played.exploration
        errors = belief_error(means[:, None], beliefs)
        unit = jnp.maximum(errors[:, 0].mean(), settings.rho**2)
        paid = jax.vmap(exploration_rewards, in_axes=(0, 0, None, None))
        cost = price(settings.cost, 1 - errors[:, -1].mean() / unit)
        rewards, mask = paid(errors, explored.mask, unit, cost), explored.mask
        seen = jax.vmap(before)(explored)
        decision = jax.vmap(policy.unroll)(seen, beliefs[:, :-1])
        wanted = jax.vmap(target.unroll)(seen, beliefs[:, :-1])
        worth = policy.stop(decision.state)
        going = jax.lax.stop_gradient(jax.vmap(going_on)(rewards, worth, mask))
        if settings.objective == "end-to-end":
            after, known = return_of_trial(
                trials.played.exploitation.episode_return.reshape(-1),
                trials.decoded.reshape(-1),
                mask.shape[0],
            )
            rewards = jax.vmap(returns_as_rewards)(mask, after)
            mask, going = mask & known[:, None], jnp.ones_like(worth)
        batch = dqn.Batch(explored.actions, rewards, mask)
        discount = settings.exploration_discount
        loss = dqn.q_loss(decision, wanted, batch, discount, returns(settings))
        off = (jnp.square(worth - going) * mask).sum() / jnp.maximum(mask.sum(), 1)
        return loss + 0.5 * off, jax.vmap(stop_length)(worth, explored.mask).mean()
