"""How methods with one policy for the whole trial are trained."""

import dataclasses
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from dreamrl.agents.agent import Metrics, finite
from dreamrl.agents.whole_trial import trials as whole
from dreamrl.agents.whole_trial.nets import Nets, WholeTrialAgent
from dreamrl.agents.whole_trial.trials import Credit, Recorded, Told, Weights, WholeTrials
from dreamrl.families.family import Family, draw_ids
from dreamrl.learners.schedules import adam, ramp
from dreamrl.types import Key, ProblemID


@runtime_checkable
class Objective(Protocol):
    """What makes the difference between the methods."""

    @property
    def count_exploration(self) -> bool:
        """Whether the exploration's rewards count."""
        ...

    @property
    def explores(self) -> bool:
        """Whether there is any exploration; without it, there is none at meta-test either."""
        ...

    @property
    def apart(self) -> bool:
        """Whether the policy's loss reaches the policy alone, and `beside` all the rest."""
        ...

    def nets(self, key: Key, family: Family, settings: Any) -> Nets: ...

    def told(self, nets: Nets, problem_id: ProblemID) -> Told | None:
        """What B trials are told of their problems in training, if anything."""
        ...

    def beside(
        self, nets: Nets, recorded: Recorded, memories: whole.Memories, settings: Any, key: Key
    ) -> tuple[Float[Array, ""], Metrics]:
        """A loss beside the policy's, and what to report of it."""
        ...

    def encode(self, nets: Nets, problem_id: ProblemID) -> Float[Array, "... Z"] | None:
        """The true z of a training problem, if the method has one."""
        ...


class WholeTrialState(NamedTuple):
    params: Nets
    optimiser: optax.OptState
    iteration: Array
    key: Key


@dataclasses.dataclass(frozen=True)
class WholeTrial:
    """The algorithm for one family; see `dreamrl.agents.agent.Algorithm`."""

    family: Family
    settings: Any
    objective: Objective

    def init(self, key: Key) -> WholeTrialState:
        key, key_nets = jax.random.split(key)
        nets = self.objective.nets(key_nets, self.family, self.settings)
        return WholeTrialState(nets, self._adam.init(nets), jnp.array(0), key)

    def agent(self, state: WholeTrialState) -> WholeTrialAgent:
        return agent_of(state.params, self.family, self.objective)

    def encode(self, state: WholeTrialState, problem_id: ProblemID) -> Float[Array, "... Z"] | None:
        return self.objective.encode(state.params, problem_id)

    def iterate(self, state: WholeTrialState) -> tuple[WholeTrialState, Metrics]:
        updates = self.settings.minibatches
        key, key_play, key_updates = jax.random.split(state.key, 3)
        progress = state.iteration / self.settings.iterations
        trials = self._play(state.params, key_play)
        # Strided, so that each minibatch holds its share of every kind of trial.
        minibatches = jax.tree.map(
            lambda x: x.reshape(-1, updates, *x.shape[1:]).swapaxes(0, 1), trials
        )

        def update(carry, inputs):
            nets, optimiser = carry
            minibatch, key = inputs
            return self._update(nets, optimiser, minibatch, key, progress)

        carry = (state.params, state.optimiser)
        inputs = (minibatches, jax.random.split(key_updates, updates))
        (params, optimiser), losses = jax.lax.scan(update, carry, inputs)
        metrics = {name: value.mean() for name, value in losses.items()}
        metrics |= counted(trials.recorded)
        after = WholeTrialState(params, optimiser, state.iteration + 1, key)
        return after, finite(metrics, "policy")

    @property
    def _adam(self) -> optax.GradientTransformation:
        return optimiser(self.settings, self.objective, self.settings.minibatches, 1.0)

    def _play(self, nets: Nets, key: Key) -> WholeTrials:
        settings, objective = self.settings, self.objective
        count = settings.trials
        key_ids, key_trials = jax.random.split(key)
        problem_id = ProblemID(draw_ids(self.family.train_ids, key_ids, count))
        told = objective.told(nets, problem_id)
        keys = jax.random.split(key_trials, count)

        def play(problem_id, told, key):
            terms = (settings.episodes, objective.explores)
            return whole.play(nets, self.family, problem_id, told, *terms, key)

        played, kept_x, kept_e = jax.vmap(play)(problem_id, told, keys)
        credit = Credit(settings.discount, settings.gae_lambda, objective.count_exploration)
        return whole.whole_trials(problem_id, played, told, kept_x, kept_e, credit)

    def _update(
        self, nets: Nets, optimiser: optax.OptState, trials: WholeTrials, key: Key, progress: Array
    ) -> tuple[tuple[Nets, optax.OptState], Metrics]:
        settings, objective = self.settings, self.objective
        last, end = settings.last_entropy, settings.entropy_end
        entropy = ramp(progress, settings.entropy, last, 0.0, end)
        exploration_entropy = ramp(progress, settings.exploration_entropy, last, 0.0, end)
        weights = Weights(exploration_entropy, entropy, settings.barrier * entropy)

        def objectives(nets: Nets) -> tuple[Float[Array, ""], Metrics]:
            recorded = told_again(objective, nets, trials.recorded)
            memories = whole.read(nets, recorded.played)
            now, barred = trials._replace(recorded=recorded), self.family.end_action
            terms = (barred, settings.clip, weights)
            loss, entropies = whole.policy_loss(nets, now, memories, *terms)
            beside, losses = objective.beside(nets, recorded, memories, settings, key)
            return loss + beside, entropies | losses | {"loss_policy": loss}

        (_, losses), grads = eqx.filter_value_and_grad(objectives, has_aux=True)(nets)
        changes, optimiser = self._adam.update(grads, optimiser)
        return (eqx.apply_updates(nets, changes), optimiser), losses


def optimiser(
    settings: Any, objective: Objective, updates: int, max_norm: float
) -> optax.GradientTransformation:
    """Adam for all that is trained, with so many updates an iteration.

    Where two losses train two parts, each part has one of its own: else the norm of the one's
    gradient would shrink the other's.
    """
    schedule = (settings.learning_rate, settings.last_learning_rate, settings.iterations * updates)

    def make() -> optax.GradientTransformation:
        return adam(*schedule, max_norm)

    if not objective.apart:
        return make()
    parts = Nets._make(["model", "model", "policy", "model"])
    return optax.partition({"policy": make(), "model": make()}, parts)


def agent_of(nets: Nets, family: Family, objective: Objective) -> WholeTrialAgent:
    """What meta-test gets."""
    return WholeTrialAgent(
        nets.reader, nets.tell, nets.policy, family.end_action, objective.explores
    )


def told_again(objective: Objective, nets: Nets, recorded: Recorded) -> Recorded:
    """The z is worked out again, for its gradient; who was told it stays."""
    told = objective.told(nets, recorded.problem_id)
    if told is not None and recorded.told is not None:
        told = told._replace(informed=recorded.told.informed)
    return recorded._replace(told=told)


def counted(recorded: Recorded) -> Metrics:
    """What is reported of new trials."""
    played, told = recorded.played, recorded.told
    returns = played.exploitation.episode_return.mean(1)
    blind = jnp.ones(returns.shape, bool) if told is None else ~told.informed
    steps = played.exploration.mask.sum() + played.exploitation.mask.sum()
    metrics = {
        "steps": steps,
        "return_sampled": (returns * blind).sum() / jnp.maximum(blind.sum(), 1),
        "return_exploration": played.exploration.episode_return.mean(),
    }
    return {name: value.astype(jnp.float32) for name, value in metrics.items()}
