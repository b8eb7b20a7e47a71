"""DREAM: four components, trained together, none in the other's way (Liu et al. 2021)."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from dreamrl.agents.agent import Metrics, finite
from dreamrl.agents.dream import bottleneck
from dreamrl.agents.dream.agent import DreamAgent
from dreamrl.agents.dream.components import (
    Components,
    Explored,
    Optimisers,
    agent_of,
    descend,
    first_optimisers,
    make_components,
    parts,
)
from dreamrl.agents.dream.decoder import decoder_loss
from dreamrl.agents.dream.exploitation import ExploitationBatch, exploitation_loss
from dreamrl.agents.dream.exploration import ExplorationBatch, exploration_loss
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.agents.dream.trials import Player
from dreamrl.families.family import Family
from dreamrl.learners import replay
from dreamrl.learners.schedules import adam, ramp
from dreamrl.types import Key, ProblemID


class DreamState(NamedTuple):
    params: Components
    optimisers: Optimisers
    replay: replay.Replay
    dual: bottleneck.Dual
    iteration: Array
    key: Key


@dataclasses.dataclass(frozen=True)
class Dream:
    """The algorithm for one family; see `dreamrl.agents.agent.Algorithm`."""

    family: Family
    settings: DreamSettings

    def init(self, key: Key) -> DreamState:
        family, settings = self.family, self.settings
        keys = jax.random.split(key, 5)
        params = make_components(keys, family, settings)
        optimisers = first_optimisers(self._adam, params)
        problem_id = ProblemID(jnp.array(family.train_ids[0]))
        explored, _ = jax.eval_shape(
            lambda: self._player.explore(params, problem_id, keys[0], False)
        )
        ring = replay.empty(Explored(explored, problem_id), settings.replay)
        dual = bottleneck.start(settings.first_dual)
        return DreamState(params, optimisers, ring, dual, jnp.array(0), keys[4])

    def agent(self, state: DreamState) -> DreamAgent:
        return agent_of(state.params)

    def encode(self, state: DreamState, problem_id: ProblemID) -> Float[Array, "... Z"]:
        return state.params.encoder(problem_id)

    def iterate(self, state: DreamState) -> tuple[DreamState, Metrics]:
        settings = self.settings
        key, key_trials, key_replay = jax.random.split(state.key, 3)
        progress = state.iteration / settings.iterations
        new = self._player.play(state.params, progress, key_trials)
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
        dual = bottleneck.follow(settings, state.dual, new.metrics["return_encoder"], progress)
        after = DreamState(params, optimisers, ring, dual, state.iteration + 1, key)
        metrics = new.metrics | {name: value.mean() for name, value in losses.items()}
        metrics["dual"] = bottleneck.weight(settings, state.dual)
        metrics["decoder_share"] = self._player.decoder_share(progress)
        return after, finite(metrics, "exploitation", "exploration", "decoder")

    @property
    def _player(self) -> Player:
        return Player(self.family, self.settings)

    @property
    def _adam(self) -> optax.GradientTransformation:
        settings = self.settings
        updates = settings.iterations * settings.minibatches
        return adam(settings.learning_rate, settings.last_learning_rate, updates)

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
        told, explorer, decoder = parts(params)
        (loss_t, parts_t), grads_t = eqx.filter_value_and_grad(exploitation_loss, has_aux=True)(
            told,
            exploited,
            settings.clip,
            exploitation_entropy,
            settings.barrier * exploitation_entropy,
            bottleneck.weight(settings, dual),
            settings.bottleneck_free,
        )
        (loss_x, parts_x), grads_x = eqx.filter_value_and_grad(exploration_loss, has_aux=True)(
            explorer, explored, settings.clip, exploration_entropy
        )
        means = params.encoder(replayed.problem_id)
        loss_d, grads_d = eqx.filter_value_and_grad(decoder_loss)(
            decoder, replayed.trajectory, means
        )
        grads = (grads_t, grads_x, grads_d)
        params, optimisers = descend(self._adam, params, optimisers, grads)
        losses = {
            "loss_exploitation": loss_t,
            "loss_exploration": loss_x,
            "loss_decoder": loss_d,
            "exploitation_entropy": parts_t.entropy,
            "exploration_entropy": parts_x.entropy,
        }
        return (params, optimisers), losses
