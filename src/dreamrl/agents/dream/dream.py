"""DREAM: four components, trained together, none in the other's way (Liu et al. 2021)."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from dreamrl.agents.agent import Metrics
from dreamrl.agents.dream import bottleneck
from dreamrl.agents.dream.agent import DreamAgent
from dreamrl.agents.dream.decoder import Decoder, decoder_loss
from dreamrl.agents.dream.dynamics import Dynamics
from dreamrl.agents.dream.encoder import Encoder, make_encoder
from dreamrl.agents.dream.exploitation import (
    ExploitationBatch,
    exploitation_loss,
)
from dreamrl.agents.dream.exploration import (
    ExplorationBatch,
    ExplorationPolicy,
    exploration_loss,
)
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.agents.dream.trials import Components, Explored, Player
from dreamrl.agents.policy import InstructedPolicy
from dreamrl.families.family import Family
from dreamrl.learners import replay
from dreamrl.learners.schedules import adam, ramp
from dreamrl.types import Key, ProblemID


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
        if settings.objective == "predict-dynamics":
            encoder: Encoder = Dynamics(keys[0], family, z)
        else:
            encoder = make_encoder(keys[0], family, z)
        params = Components(
            encoder,
            InstructedPolicy(keys[1], observations, actions, family.goal_space, width, z),
            ExplorationPolicy(
                keys[2],
                observations,
                actions,
                narrow,
                z,
                barred=family.end_action,
                random=settings.explorer == "random",
            ),
            Decoder(keys[3], observations, actions, narrow, z),
        )
        optimisers = Optimisers(*(self._adam.init(part) for part in _parts(params)))
        problem_id = ProblemID(jnp.array(family.train_ids[0]))
        explored, _ = jax.eval_shape(
            lambda: self._player.explore(params, problem_id, keys[0], False)
        )
        ring = replay.empty(Explored(explored, problem_id), settings.replay)
        dual = bottleneck.start(settings.first_dual)
        return DreamState(params, optimisers, ring, dual, jnp.array(0), keys[4])

    def agent(self, state: DreamState) -> DreamAgent:
        return DreamAgent(state.params.exploration, state.params.decoder, state.params.exploitation)

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
        settled = (progress >= settings.entropy_end).astype(jnp.float32)
        dual = bottleneck.adapt(
            state.dual,
            new.metrics["return_encoder"],
            settings.dual_rate,
            settings.tolerance,
            settled,
            settings.first_dual,
        )
        after = DreamState(params, optimisers, ring, dual, state.iteration + 1, key)
        metrics = new.metrics | {name: value.mean() for name, value in losses.items()}
        metrics["dual"] = self._weight(state.dual)
        metrics["decoder_share"] = self._player.decoder_share(progress)
        for part in ("exploitation", "exploration", "decoder"):
            metrics[f"bad_{part}"] = 1.0 - jnp.isfinite(metrics[f"loss_{part}"])
        bad = [metrics[f"bad_{part}"] for part in ("exploitation", "exploration", "decoder")]
        metrics["finite"] = 1.0 - jnp.stack(bad).max()
        return after, metrics

    @property
    def _player(self) -> Player:
        return Player(self.family, self.settings)

    @property
    def _adam(self) -> optax.GradientTransformation:
        settings = self.settings
        updates = settings.iterations * settings.minibatches
        return adam(settings.learning_rate, settings.last_learning_rate, updates)

    def _weight(self, dual: bottleneck.Dual) -> Float[Array, ""]:
        """Lambda: adapted, fixed or none."""
        settings = self.settings
        if settings.objective == "predict-dynamics":
            return jnp.zeros(())
        weights = {
            "constrained": dual.value,
            "fixed": jnp.array(settings.bottleneck_weight),
            "none": jnp.zeros(()),
        }
        return weights[settings.bottleneck]

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
) -> tuple[tuple[Encoder, InstructedPolicy], ExplorationPolicy, Decoder]:
    """The three groups that are trained apart."""
    return (params.encoder, params.exploitation), params.exploration, params.decoder
