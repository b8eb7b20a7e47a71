"""DREAM: four components, trained together, none in the other's way (Liu et al. 2021)."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, PyTree

from dreamrl.agents.agent import Metrics
from dreamrl.agents.dream import bottleneck, exploration
from dreamrl.agents.dream.agent import DreamAgent
from dreamrl.agents.dream.decoder import Decoder, belief_error, decoder_loss
from dreamrl.agents.dream.encoder import Encoder
from dreamrl.agents.dream.exploitation import (
    ExploitationBatch,
    ExploitationPolicy,
    encoding,
    exploitation_loss,
)
from dreamrl.agents.dream.exploration import (
    ExplorationBatch,
    ExplorationPolicy,
    exploration_loss,
    exploration_rewards,
)
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.agents.dream.stopping import going_on, stop_length
from dreamrl.families.family import Family
from dreamrl.learners import ppo, replay
from dreamrl.learners.schedules import adam, ramp
from dreamrl.trial import Choice, Percept, percepts, rollout
from dreamrl.types import Key, ProblemID, Trajectory


class Components(NamedTuple):
    encoder: Encoder
    exploitation: ExploitationPolicy
    exploration: ExplorationPolicy
    decoder: Decoder


class Explored(NamedTuple):
    """What the decoder learns from; it stays in the replay."""

    trajectory: Trajectory
    problem_id: ProblemID


class Optimisers(NamedTuple):
    exploitation: optax.OptState
    """Of the encoder too: the two share one objective."""
    exploration: optax.OptState
    decoder: optax.OptState


class DreamState(NamedTuple):
    params: Components
    optimisers: Optimisers
    replay: replay.Replay
    dual: bottleneck.Dual
    iteration: Array
    key: Key


class NewTrials(NamedTuple):
    """What one iteration adds, ready for the updates."""

    exploitation: ExploitationBatch
    exploration: ExplorationBatch
    explored: Explored
    metrics: Metrics


@dataclasses.dataclass(frozen=True)
class Dream:
    """The algorithm for one family; see `dreamrl.agents.agent.Algorithm`."""

    family: Family
    settings: DreamSettings

    def init(self, key: Key) -> DreamState:
        family, settings = self.family, self.settings
        keys = jax.random.split(key, 5)
        observations, actions = family.observation_space, family.action_space
        width, narrow, z = settings.hidden, settings.exploration_hidden, settings.z
        params = Components(
            Encoder(keys[0], family.train_ids, z),
            ExploitationPolicy(keys[1], observations, actions, family.goal_space, width, z),
            ExplorationPolicy(keys[2], observations, actions, narrow, z, family.end_action),
            Decoder(keys[3], observations, actions, narrow, z),
        )
        optimisers = Optimisers(*(self._adam.init(part) for part in _parts(params)))
        problem_id = ProblemID(jnp.array(family.train_ids[0]))
        explored, _ = jax.eval_shape(lambda: self._explore(params, problem_id, keys[0], False))
        ring = replay.empty(Explored(explored, problem_id), settings.replay)
        return DreamState(params, optimisers, ring, bottleneck.start(), jnp.array(0), keys[4])

    def agent(self, state: DreamState) -> DreamAgent:
        return DreamAgent(state.params.exploration, state.params.decoder, state.params.exploitation)

    def encode(self, state: DreamState, problem_id: ProblemID) -> Float[Array, "... Z"]:
        return state.params.encoder(problem_id)

    def iterate(self, state: DreamState) -> tuple[DreamState, Metrics]:
        settings = self.settings
        key, key_trials, key_replay = jax.random.split(state.key, 3)
        progress = state.iteration / settings.iterations
        new = self._play(state.params, progress, key_trials)
        ring = replay.add(state.replay, new.explored)
        updates = settings.minibatches
        replayed = replay.sample(ring, key_replay, updates * settings.decoder_batch)
        batches = (new.exploitation, new.exploration, replayed)
        # Strided, so that each minibatch holds its share of every kind of trial.
        minibatches = jax.tree.map(
            lambda x: x.reshape(-1, updates, *x.shape[1:]).swapaxes(0, 1), batches
        )

        def update(carry, minibatch):
            params, optimisers = carry
            return self._update(params, optimisers, minibatch, progress, state.dual)

        carry = (state.params, state.optimisers)
        (params, optimisers), losses = jax.lax.scan(update, carry, minibatches)
        settled = (progress >= settings.entropy_end).astype(jnp.float32)
        dual = bottleneck.adapt(
            state.dual,
            new.metrics["return_encoder"],
            settings.dual_rate,
            settings.tolerance,
            settled,
        )
        after = DreamState(params, optimisers, ring, dual, state.iteration + 1, key)
        metrics = new.metrics | {name: value.mean() for name, value in losses.items()}
        metrics["dual"] = self._weight(state.dual)
        metrics["decoder_share"] = self._decoder_share(progress)
        for part in ("exploitation", "exploration", "decoder"):
            metrics[f"bad_{part}"] = 1.0 - jnp.isfinite(metrics[f"loss_{part}"])
        bad = [metrics[f"bad_{part}"] for part in ("exploitation", "exploration", "decoder")]
        metrics["finite"] = 1.0 - jnp.stack(bad).max()
        return after, metrics

    @property
    def _adam(self) -> optax.GradientTransformation:
        settings = self.settings
        updates = settings.iterations * settings.minibatches
        return adam(settings.learning_rate, settings.last_learning_rate, updates)

    def _weight(self, dual: bottleneck.Dual) -> Float[Array, ""]:
        """Lambda: adapted, fixed or none."""
        settings = self.settings
        weights = {
            "constrained": dual.value,
            "fixed": jnp.array(settings.bottleneck_weight),
            "none": jnp.zeros(()),
        }
        return weights[settings.bottleneck]

    def _decoder_share(self, progress: Array) -> Float[Array, ""]:
        settings = self.settings
        times = (settings.decoder_share_begin, settings.decoder_share_end)
        return ramp(progress, 0.0, settings.decoder_share, *times)

    def _explore(
        self, params: Components, problem_id: ProblemID, key: Key, random: Bool[Array, ""] | bool
    ) -> tuple[Trajectory, PyTree]:
        """An exploration of full length; `random` ones act at random with their own frequency."""
        policy, decoder = params.exploration, params.decoder
        key, key_frequency = jax.random.split(key)
        frequency = jnp.where(random, jax.random.uniform(key_frequency), 0.0)

        def act(memory, percept, key):
            key_action, key_random = jax.random.split(key)
            memory, decision, belief = exploration.decide(policy, decoder, memory, percept)
            at_random = jax.random.uniform(key_random) < frequency
            logits = jnp.where(at_random, policy.random_logits(), decision.logits)
            action = jax.random.categorical(key_action, logits)
            log_prob = ppo.log_prob(decision.logits, action)
            kept = (log_prob, decision.value, belief, policy.stop(decision.state))
            return memory, Choice(action, kept=kept)

        problem = self.family.problem(problem_id.value)
        start = exploration.start(policy, decoder)
        return rollout(self.family, problem, None, act, start, key)

    def _exploit(
        self, params: Components, problem_id: ProblemID, z: Array, key: Key
    ) -> tuple[Array, Trajectory, PyTree]:
        policy = params.exploitation
        key_goal, key_episode = jax.random.split(key)
        problem = self.family.problem(problem_id.value)
        goal = self.family.sample_goal(key_goal, problem)

        def act(memory, percept, key):
            memory, decision = policy.step(memory, percept, goal, z)
            action = jax.random.categorical(key, decision.logits)
            kept = (ppo.log_prob(decision.logits, action), decision.value)
            return memory, Choice(action, kept=kept)

        return goal, *rollout(self.family, problem, goal, act, policy.start(), key_episode)

    def _play(self, params: Components, progress: Array, key: Key) -> NewTrials:
        """New trials, and what each part may learn from them."""
        settings = self.settings
        count = settings.trials
        keys = jax.random.split(key, 5)
        ids = jnp.array(self.family.train_ids)
        problem_id = ProblemID(jax.random.choice(keys[0], ids, (count,)))
        means = params.encoder(problem_id)

        random = jnp.arange(count) < settings.random_share * count
        explored, (log_probs, values, beliefs, worth) = jax.vmap(
            self._explore, in_axes=(None, 0, 0, 0)
        )(params, problem_id, jax.random.split(keys[1], count), random)
        final = jax.vmap(params.decoder.unroll)(explored)
        errors = belief_error(means[:, None], final)
        unit = jnp.maximum(errors[:, 0].mean(), settings.rho**2)
        paid = jax.vmap(exploration_rewards, in_axes=(0, 0, None, None))
        # An explorer that can end its episode otherwise than by the barred action must not be
        # charged before the decoder has made longer explorations worth their cost.
        times = (settings.decoder_share_begin, settings.decoder_share_end)
        charged = paid(errors, explored.mask, unit, ramp(progress, 0.0, settings.cost, *times))
        rewards = paid(errors, explored.mask, unit, settings.cost)
        own = explored.mask & ~random[:, None]
        exploration_batch = ExplorationBatch(
            _before(explored),
            beliefs,
            jax.vmap(going_on)(rewards, worth, own),
            ppo.make_batch(
                explored.actions,
                charged,
                explored.terminated,
                own,
                log_probs,
                values,
                settings.exploration_discount,
                settings.exploration_gae_lambda,
                floor=0.1,
            ),
        )

        exploitation_batch, decoded, returns, steps = self._exploit_all(
            params, problem_id, final[:, -1], ~random, progress, keys[2]
        )

        def mean(x, where):
            return (x * where).sum() / jnp.maximum(where.sum(), 1)

        ends = jax.vmap(stop_length)(worth, explored.mask)
        known = 1 - mean(errors[:, -1], ~random) / unit
        something = errors[:, 0].mean() > 4 * settings.rho**2
        late = progress > settings.decoder_share_begin
        metrics = {
            "steps": explored.mask.sum() + steps,
            "return_encoder": mean(returns, ~decoded),
            "return_decoder": mean(returns, decoded),
            "information": known,
            "z_squared": jnp.square(means).sum(-1).mean(),
            "stop_length": mean(ends, ~random),
            "collapsed": late & something & (mean(ends, ~random) <= 1.0),
        }
        metrics = {name: value.astype(jnp.float32) for name, value in metrics.items()}
        kept = Explored(explored, problem_id)
        return NewTrials(exploitation_batch, exploration_batch, kept, metrics)

    def _exploit_all(
        self,
        params: Components,
        problem_id: ProblemID,
        beliefs: Array,
        decodable: Array,
        progress: Array,
        key: Key,
    ) -> tuple[ExploitationBatch, Array, Array, Array]:
        """Exploitation episodes of all trials, on the encoder's z or on the decoder's."""
        settings = self.settings
        repeated = (problem_id, beliefs, decodable)
        problem_id, beliefs, decodable = jax.tree.map(
            lambda x: jnp.repeat(x, settings.episodes, axis=0), repeated
        )
        count = settings.trials * settings.episodes
        key_share, key_noise, key_play = jax.random.split(key, 3)
        # Only explorations of the policy's own are decoded, so their share is larger.
        share = self._decoder_share(progress) / (1 - settings.random_share)
        decoded = decodable & jax.random.bernoulli(key_share, jnp.minimum(share, 1.0), (count,))
        noise = settings.rho * jax.random.normal(key_noise, beliefs.shape)
        z = encoding(params.encoder, problem_id, beliefs, decoded, noise)
        goals, played, (log_probs, values) = jax.vmap(self._exploit, in_axes=(None, 0, 0, 0))(
            params, problem_id, z, jax.random.split(key_play, count)
        )
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
        batch = ExploitationBatch(
            problem_id, beliefs, decoded, noise, goals, _before(played), learned
        )
        return batch, decoded, played.episode_return, played.mask.sum()

    def _update(
        self,
        params: Components,
        optimisers: Optimisers,
        minibatch: tuple[ExploitationBatch, ExplorationBatch, Explored],
        progress: Array,
        dual: bottleneck.Dual,
    ) -> tuple[tuple[Components, Optimisers], Metrics]:
        """One step of each part, on its own data, with its own optimiser."""
        settings = self.settings
        exploited, explored, replayed = minibatch
        exploitation_entropy = ramp(
            progress, settings.entropy, settings.last_entropy, 0.0, settings.entropy_end
        )
        exploration_entropy = ramp(
            progress,
            settings.exploration_entropy,
            settings.exploration_last_entropy,
            settings.exploration_entropy_begin,
            settings.exploration_entropy_end,
        )
        told, explorer, decoder = _parts(params)
        (loss_t, parts_t), grads_t = eqx.filter_value_and_grad(exploitation_loss, has_aux=True)(
            told,
            exploited,
            settings.clip,
            exploitation_entropy,
            settings.barrier * exploitation_entropy,
            self._weight(dual),
        )
        (loss_x, parts_x), grads_x = eqx.filter_value_and_grad(exploration_loss, has_aux=True)(
            explorer, explored, settings.clip, exploration_entropy
        )
        means = params.encoder(replayed.problem_id)
        loss_d, grads_d = eqx.filter_value_and_grad(decoder_loss)(
            decoder, replayed.trajectory, means
        )
        (encoder, exploiter), state_t = self._step(grads_t, optimisers.exploitation, told)
        explorer, state_x = self._step(grads_x, optimisers.exploration, explorer)
        decoder, state_d = self._step(grads_d, optimisers.decoder, decoder)
        losses = {
            "loss_exploitation": loss_t,
            "loss_exploration": loss_x,
            "loss_decoder": loss_d,
            "exploitation_entropy": parts_t.entropy,
            "exploration_entropy": parts_x.entropy,
        }
        params = Components(encoder, exploiter, explorer, decoder)
        return (params, Optimisers(state_t, state_x, state_d)), losses

    def _step(self, grads: PyTree, state: optax.OptState, part: PyTree) -> tuple[PyTree, PyTree]:
        updates, state = self._adam.update(grads, state)
        return eqx.apply_updates(part, updates), state


def _parts(
    params: Components,
) -> tuple[tuple[Encoder, ExploitationPolicy], ExplorationPolicy, Decoder]:
    """The three groups that are trained apart."""
    return (params.encoder, params.exploitation), params.exploration, params.decoder


def _before(trajectory: Trajectory) -> Percept:
    """[B, T]: what was seen before each action."""
    return jax.tree.map(lambda x: x[:, :-1], jax.vmap(percepts)(trajectory))
