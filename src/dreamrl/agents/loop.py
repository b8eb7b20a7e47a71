"""The one training iteration, for all methods: play, store, sample, losses, step, target, report.

`Trainer` trains one seed of an `Algorithm`; `jax.vmap` over `init` and `iterate` trains many seeds
in one program, and `dreamrl.training` cuts iterations into compiled chunks.
"""

import dataclasses
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from dreamrl.agents.algorithm import Agent, Algorithm, Experience, Metrics, Snapshot
from dreamrl.agents.mistakes import check_losses, check_parameters, checked_loss
from dreamrl.families.family import Family
from dreamrl.learners import replay
from dreamrl.learners.dqn import DQN
from dreamrl.networks.layers import products_in
from dreamrl.sharding import dealt, over_trials, own_key
from dreamrl.trial import Trial, TrialKeys, play
from dreamrl.types import Key, ProblemID


@runtime_checkable
class Trainable(Protocol):
    """The trainee of `dreamrl.training`: a `Trainer`, or anything with the same few functions."""

    @property
    def family(self) -> Family:
        """Return the family that it is trained and evaluated on."""
        ...

    @property
    def settings(self) -> Any:
        """Return a frozen dataclass; its `budget` has `iterations`, `trials` and `episodes`."""
        ...

    def init(self, key: Key) -> PyTree:
        """Return a training state."""
        ...

    def iterate(self, state: PyTree) -> tuple[PyTree, Metrics]:
        """Run one iteration: new trials, then all updates. Pure, to be scanned and jitted.

        The metrics hold at least `steps` (environment steps taken) and `finite` (1.0 unless a
        loss of some part was not finite; then `bad_<part>` is 1.0 for each such part).
        """
        ...

    def agent(self, state: PyTree) -> Agent:
        """Return the agent that meta-test gets."""
        ...

    def encode(self, state: PyTree, problem_id: ProblemID) -> Float[Array, "... Z"] | None:
        """Return the true z of a training problem, to draw beside beliefs; None without one."""
        ...


class State(NamedTuple):
    """All that training needs to go on."""

    params: PyTree
    target: PyTree
    """The target network of an off-policy learner; None on-policy."""
    optimisers: dict[str, optax.OptState]
    replay: replay.Replay | None
    """An off-policy learner's trials."""
    memory: PyTree
    """The method's memory besides its parameters."""
    iteration: Int[Array, ""]
    key: Key


@dataclasses.dataclass(frozen=True)
class Trainer:
    """Trains one seed of an algorithm; see `Trainable`."""

    algorithm: Algorithm

    @property
    def family(self) -> Family:
        """Return the family that the algorithm is trained and evaluated on."""
        return self.algorithm.family

    @property
    def settings(self) -> Any:
        """Return the algorithm's settings."""
        return self.algorithm.settings

    def init(self, key: Key) -> State:
        """Return a training state."""
        algorithm, learner = self.algorithm, self.settings.learner
        params, key = algorithm.init(key)
        groups, steps = algorithm.groups(params), algorithm.optimisers()
        check_parameters(algorithm, params, groups, steps)
        optimisers = {name: steps[name].init(group) for name, group in groups.items()}
        snapshot = Snapshot(params, jnp.array(0.0), algorithm.memory(params))
        target = ring = None
        if isinstance(learner, DQN):
            target = algorithm.target(params)
            shapes = jax.eval_shape(lambda: self.play(snapshot, jnp.array(0), key))
            ring = replay.empty(_example(algorithm.stored(shapes)), learner.capacity)
        return State(params, target, optimisers, ring, snapshot.memory, jnp.array(0), key)

    def agent(self, state: State) -> Agent:
        """Return the agent that meta-test gets."""
        return self.algorithm.agent(state.params)

    def encode(self, state: State, problem_id: ProblemID) -> Float[Array, "... Z"] | None:
        """Return the true z of a training problem; None for methods without one."""
        return self.algorithm.encode(state.params, problem_id)

    def iterate(self, state: State) -> tuple[State, Metrics]:
        """Run one iteration: new trials, then all updates."""
        with products_in(self.settings.budget.precision):
            return self._iterate(state)

    def _iterate(self, state: State) -> tuple[State, Metrics]:
        algorithm, learner = self.algorithm, self.settings.learner
        updates, number = learner.updates, state.iteration
        key, key_trials, key_updates = jax.random.split(state.key, 3)
        progress = number / self.settings.budget.iterations
        snapshot = Snapshot(state.params, progress, state.memory, state.target)
        trials = self.settings.budget.trials
        experience = self.play(snapshot, number * trials, key_trials)
        count = (number + 1) * trials
        batches, metrics = algorithm.prepare(snapshot, experience)
        snapshot = snapshot._replace(memory=algorithm.remember(snapshot.memory, experience))
        off_policy = state.replay is not None
        ring = (
            replay.add(state.replay, algorithm.stored(experience))
            if state.replay is not None
            else None
        )
        # Off-policy updates draw from these keys themselves.
        key_recalled = jax.random.fold_in(key_updates, updates) if off_policy else key_updates
        memories = _minibatches(algorithm.recalled(snapshot.memory, key_recalled), updates, True)
        keys = jax.random.split(key_updates, updates)
        if off_policy:
            inputs: Any = (keys, jnp.arange(updates), memories)
        else:
            batches = _minibatches(batches, updates, algorithm.interleaved)
            inputs = (keys, batches, memories)

        def update(carry, inputs):
            params, target, optimisers = carry
            key, batch, memories = inputs
            current = snapshot._replace(params=params, target=target)
            if ring is not None:
                step = number * updates + batch + 1
                key_replay, key = jax.random.split(key)
                batch = algorithm.replayed(current, ring, key_replay)

            gradients = over_trials(self._gradients, mean=True)((current, key), batch, memories)
            params, optimisers, terms = self._descend(params, optimisers, gradients, count)
            if ring is not None:
                target = learner.follow(target, algorithm.target(params), step)
            return (params, target, optimisers), terms

        carry = (state.params, state.target, state.optimisers)
        (params, target, optimisers), losses = jax.lax.scan(update, carry, inputs)
        metrics = metrics | {name: value.mean() for name, value in losses.items()}
        metrics["steps"] = (
            experience.trial.exploration.mask.sum() + experience.trial.exploitation.mask.sum()
        )
        snapshot, metrics = algorithm.conclude(
            snapshot._replace(params=params), experience, metrics
        )
        metrics = {name: jnp.asarray(x).astype(jnp.float32) for name, x in metrics.items()}
        next_state = State(
            snapshot.params, target, optimisers, ring, snapshot.memory, number + 1, key
        )
        return next_state, with_finite_flags(metrics, algorithm.group_names)

    def play(self, now: Snapshot, played: Int[Array, ""], key: Key) -> Experience:
        """Play the new trials of an iteration, side by side, when so many have been `played`."""
        algorithm, episodes = self.algorithm, self.settings.budget.episodes
        key_ids, key_trials, key_episodes = jax.random.split(key, 3)
        problem_id = algorithm.problems(key_ids, played)
        setup = algorithm.conditions(now, problem_id, key_trials, key_episodes)
        problem_id, (conditions, keys) = dealt((problem_id, setup))

        def one(now: Snapshot, problem_id: ProblemID, conditions: PyTree, keys: TrialKeys) -> Trial:
            problem = self.family.problem(problem_id.value)
            actor = algorithm.behave(now, conditions)
            return play(self.family, problem, actor, keys, episodes=episodes)

        side_by_side = over_trials(jax.vmap(one, (None, 0, 0, 0)))
        return Experience(problem_id, conditions, side_by_side(now, problem_id, conditions, keys))

    def _gradients(
        self, snapshot: tuple[Snapshot, Key], batch: PyTree, memories: PyTree
    ) -> dict[str, Any]:
        """Return ((loss, metrics), gradients) of each group on a minibatch."""
        current, key = snapshot
        losses = self.algorithm.losses(current, batch, memories, own_key(key))
        check_losses(self.algorithm, losses)
        groups = self.algorithm.groups(current.params)
        return {
            name: eqx.filter_value_and_grad(checked_loss(name, loss), has_aux=True)(groups[name])
            for name, loss in losses.items()
        }

    def _descend(
        self,
        params: PyTree,
        optimisers: dict[str, optax.OptState],
        gradients: dict[str, Any],
        trials: Array,
    ) -> tuple[PyTree, dict[str, optax.OptState], Metrics]:
        """Take one step of each group by its own loss, with its own optimiser."""
        algorithm = self.algorithm
        groups, steps = algorithm.groups(params), algorithm.optimisers()
        updated_groups: dict[str, PyTree] = {}
        states: dict[str, optax.OptState] = {}
        metrics: Metrics = {}
        for name, ((value, extras), grads) in gradients.items():
            updates, states[name] = steps[name].update(grads, optimisers[name], groups[name])
            updated_groups[name] = eqx.apply_updates(groups[name], updates)
            metrics |= {f"loss_{name}": value, **extras}
        for name, starts in algorithm.starts().items():
            if starts:
                old = (groups[name], optimisers[name])
                new = (updated_groups[name], states[name])
                updated_groups[name], states[name] = where_tree(trials >= starts, new, old)
        return algorithm.merge(params, updated_groups), states, metrics


def where_tree(condition: Bool[Array, ""], new: PyTree, old: PyTree) -> PyTree:
    """Return the new pytree where the condition holds, and the old one elsewhere."""
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), new, old)


def with_finite_flags(metrics: Metrics, groups: tuple[str, ...]) -> Metrics:
    """Return the metrics with `finite`, and `bad_<group>` for each group of parameters."""
    bad = {f"bad_{name}": 1.0 - jnp.isfinite(metrics[f"loss_{name}"]) for name in groups}
    return {**metrics, **bad, "finite": 1.0 - jnp.stack(list(bad.values())).max()}


def _example(batch: PyTree) -> PyTree:
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), batch)


def _minibatches(batch: PyTree, updates: int, interleaved: bool) -> PyTree:
    """Cut [B, ...] into [updates, B / updates, ...]."""
    if interleaved:
        return jax.tree.map(lambda x: x.reshape(-1, updates, *x.shape[1:]).swapaxes(0, 1), batch)
    return jax.tree.map(lambda x: x.reshape(updates, -1, *x.shape[1:]), batch)
