"""The training loop: any algorithm, one or many seeds, in compiled chunks of iterations."""

import contextlib
import ctypes
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Wrapped
from jaxtyping import Array, Bool, Int, PyTree

from dreamrl import processes
from dreamrl.agents.algorithm import Agent
from dreamrl.agents.loop import Trainable
from dreamrl.devices import ALL, Devices, Layout, check_division, layout
from dreamrl.errors import UserError, without_jax
from dreamrl.evaluation import Outcome, outcomes, spread
from dreamrl.families.family import plain_ids, prior_of
from dreamrl.families.splits import validation_ids
from dreamrl.host import SOON, Options, in_own_switches, where_unset
from dreamrl.listener import SILENT, Listener, Record
from dreamrl.programs import Traced
from dreamrl.sharding import over_trials, shares
from dreamrl.types import Keys
from dreamrl.values import Wholes, seeds_from


class Plan(NamedTuple):
    """The pieces of a training; they change what is reported, never what is learned."""

    chunk: int = 25
    """Iterations in one call of the compiled program."""
    evaluate_every: int = 1
    """Chunks from one evaluation to the next; the last chunk always ends with one."""
    evaluation_trials: int = 512
    """Trials on training problems, and as many on unseen ones, of those that are for choosing."""


DEFAULT_PLAN = Plan()

RUN_OFTEN: Options = {"xla_backend_optimization_level": "1"}
"""Options to compile the training: a quarter sooner than level 3, as fast (docs/lessons.md)."""


class Failure(NamedTuple):
    """The failure of a seed, which trains no more; the others do. Its state stays as before."""

    place: int
    """Among the seeds."""
    iteration: int
    """The iteration of its state."""
    error: str


class Training(NamedTuple):
    """A training as far as it has got: with this it goes on as if it had never stopped."""

    state: PyTree
    """The training states, with a leading axis of seeds."""
    iteration: int
    chunks: int
    steps: tuple[int, ...]
    """Environment steps of each seed."""
    seconds: float
    compile_seconds: float
    finished: bool = False
    """False if there is more to do."""
    records: Sequence[Record] = ()
    """The last record of each seed that is healthy."""
    failures: tuple[Failure, ...] = ()
    """Of the seeds that are not."""

    @property
    def healthy(self) -> list[int]:
        """Return the places of the seeds that have not failed."""
        failed = {failure.place for failure in self.failures}
        return [place for place in range(len(self.steps)) if place not in failed]


class TrainingDiverged(UserError):
    """A loss that is not finite in the last seed left.

    `training` has the states from before it, as they were good, and `failures` tells of those
    seeds that have failed since.
    """

    exit_code = 1

    def __init__(self, training: Training, failures: tuple[Failure, ...]):
        self.training, self.failures = training, failures
        super().__init__(failures[0].error)


def _diverged(seed: int, training: Training, at: int, parts: Sequence[str]) -> str:
    what = f"the loss of {' and '.join(parts)}" if parts else "a parameter"
    return (
        f"{what} was not finite at iteration {training.iteration + at} (seed {seed}): its training "
        f"stopped, and the agent kept is that of iteration {training.iteration}"
    )


def _broken_parts(flags: dict[str, np.ndarray], place: int) -> list[str]:
    return [name.removeprefix("bad_") for name in flags if flags[name][place]]


@in_own_switches
@without_jax()
def train(
    algorithm: Trainable,
    seeds: Wholes,
    plan: Plan = DEFAULT_PLAN,
    listener: Listener = SILENT,
    *,
    keep: Callable[[Training], None] = lambda training: None,
    began: float | None = None,
    start: Training | None = None,
    until: int | None = None,
    devices: Devices = ALL,
) -> Training:
    """Train all seeds in one program for as many iterations as the settings say.

    With `until` it then goes on, all schedules at their ends, until every seed has taken so many
    environment steps. `start` is what an earlier training left: with the same settings, plan and
    seeds, the two together come to the same as one that was never stopped, bit for bit.

    A seed whose loss is not finite stays as it was before that chunk, and the others go on as they
    would without it; TrainingDiverged is raised once there is no other.

    `listener` is told of each chunk, and `keep` then gets all there is. Seconds count from `began`,
    a `time.perf_counter()`, or from now, on top of those of `start`. Seeds are spread over so many
    `devices`, or all there are; on CPUs it changes no parameter, unless several share the trials of
    a seed (`dreamrl.devices`).
    """
    seeds = seeds_from(seeds)
    before_compiling = time.perf_counter()
    began = before_compiling if began is None else began
    total = algorithm.settings.budget.iterations
    if processes.several():
        start = _of_first(start, algorithm, seeds)
    if start is not None and complete(start, total, until):
        return start._replace(finished=True)
    places = layout(algorithm.family, len(seeds), devices)
    check_division(algorithm.settings, devices)
    programs = _compile(algorithm, seeds, plan, places, listener.compiling)
    if start is None:
        keys = places.spread(seed_keys(seeds))
        start = Training(programs.init(keys), 0, 0, (0,) * len(seeds), 0.0, 0.0)
    else:
        start = start._replace(state=places.spread(start.state))
    compile_seconds = start.compile_seconds + time.perf_counter() - before_compiling
    began -= start.seconds
    training = start._replace(compile_seconds=compile_seconds, finished=False)

    def snapshot(training: Training) -> Training:
        return training._replace(state=places.gathered(training.state))

    while not complete(training, total, until) and not processes.any_says(listener.stop()):
        begin = time.perf_counter()
        # After the last iteration of the settings only `until` counts: chunks are whole again.
        number = (
            min(plan.chunk, total - training.iteration)
            if training.iteration < total
            else plan.chunk
        )
        # The state is not donated: the one from before a loss that is not finite is kept.
        alive = np.isin(np.arange(places.padded), training.healthy)
        states, *outputs = programs.chunk(training.state, alive, np.int32(number))
        done, breaks, flags, sums = places.read(outputs)
        done = int(done.max())
        chunk_seconds = time.perf_counter() - begin
        failures = tuple(
            Failure(
                i,
                training.iteration,
                _diverged(seeds[i], training, int(breaks[i]), _broken_parts(flags, i)),
            )
            for i in training.healthy
            if breaks[i]
        )
        if len(failures) == len(training.healthy):
            raise TrainingDiverged(snapshot(training), failures)
        training = training._replace(failures=training.failures + failures)
        if training.failures:
            states = _update_healthy_seeds(
                np.isin(np.arange(places.padded), training.healthy), states, training.state
            )
        training = training._replace(
            state=states,
            iteration=training.iteration + done,
            chunks=training.chunks + 1,
            steps=tuple(
                steps + (int(sums["steps"][i]) if i in training.healthy else 0)
                for i, steps in enumerate(training.steps)
            ),
        )
        finished = complete(training, total, until)
        scores = {}
        if training.chunks % plan.evaluate_every == 0 or training.iteration == total or finished:
            scores = places.read(programs.evaluate(training.state))
        seconds = time.perf_counter() - began
        records = [
            {
                "seed": seed,
                "iteration": training.iteration,
                "steps": training.steps[i],
                "seconds": seconds,
                "compile_seconds": compile_seconds,
                "steps_per_second": float(sums["steps"][i]) / chunk_seconds,
                **{name: float(sums[name][i]) / done for name in sums if name != "steps"},
                **{name: float(values[i]) for name, values in scores.items()},
            }
            for i, seed in enumerate(seeds)
            if i in training.healthy
        ]
        training = training._replace(seconds=seconds, finished=finished, records=records)
        listener.chunk(records)
        keep(snapshot(training))
    return snapshot(training)._replace(seconds=time.perf_counter() - began)


def _of_first(
    start: Training | None, algorithm: Trainable, seeds: Sequence[int]
) -> Training | None:
    """Return where the first of several processes begins: they all begin there."""
    numbers = None if start is None else start._replace(state=None, records=())._asdict()
    message = processes.of_first(numbers)
    if message is None:
        return None
    if start is None:
        states = jax.eval_shape(jax.vmap(algorithm.init), seed_keys(seeds))
    else:
        states = start.state
    state = processes.states_of_first(states)
    failures = tuple(Failure(*failure) for failure in message["failures"])
    changes = {"state": state, "steps": tuple(message["steps"]), "failures": failures}
    return Training(**{**message, **changes})


def complete(training: Training, iterations: int, until: int | None = None) -> bool:
    """Return whether nothing is left to do."""
    steps = min(training.steps[place] for place in training.healthy)
    return training.iteration >= iterations and steps >= (until or 0)


@jax.jit
def _update_healthy_seeds(healthy: Bool[Array, " seeds"], new: PyTree, old: PyTree) -> PyTree:
    """Return the new states of healthy seeds beside the old ones of the others."""
    choose = jax.vmap(jnp.where)
    return jax.tree.map(lambda x, y: choose(healthy, x, y), new, old)


def seed_keys(seeds: Sequence[int]) -> Keys:
    """Return the random key that each seed begins with."""
    return jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))


class _Programs(NamedTuple):
    init: Callable[[Array], PyTree]
    chunk: Callable[..., Any]
    evaluate: Callable[[PyTree], dict[str, Array]]


def _compile(
    algorithm: Trainable,
    seeds: Sequence[int],
    plan: Plan,
    places: Layout,
    compiling: Callable[[], None],
) -> _Programs:
    keys = places.spread(seed_keys(seeds))
    init = places.each(jax.vmap(algorithm.init))
    state = places.placed(jax.eval_shape(init, keys))
    mesh = tuple(places.mesh.shape.items())
    traced = Traced(algorithm, plan.evaluation_trials, len(seeds), mesh, places.in_turn)
    # The chunk takes longest to compile: the others are traced and compiled beside it.
    with ThreadPoolExecutor() as pool:

        def begin(name: str, program: Wrapped, options: Options, *inputs: Any) -> Any:
            compiles = traced.lower(name, program, *inputs, state=state)
            return pool.submit(compiles, compiler_options=where_unset(options))

        alive = places.spread(np.ones(len(seeds), bool))
        iterations = places.each(_chunk(algorithm), 1)
        chunk = begin("chunk", iterations, RUN_OFTEN, state, alive, jnp.array(1))
        first = begin("init", init, SOON, keys)
        evaluation = places.each(_evaluation(algorithm, plan.evaluation_trials))
        evaluate = begin("evaluation", evaluation, SOON, state)
        if not traced.found:
            compiling()
        programs = _Programs(first.result(), chunk.result(), evaluate.result())
    if traced.found:
        compiling()
    _give_back()
    return programs


def _give_back() -> None:
    """Return memory of compilers to the system, where the C library can: 2 GB for pictures."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # Others than glibc do it anyway.
        ctypes.CDLL(None).malloc_trim(0)


def _chunk(algorithm: Trainable) -> Callable[..., Any]:
    """Run up to `number` iterations of all seeds, ended early where none is `alive` any more.

    Returns the states, iterations done, the one at which each seed broke (0: it did not), which of
    its parts did, and sums of the metrics. The number is an input, so that a shorter last chunk is
    no other program. A seed that broke goes on, as that changes no other and costs no copies of
    states; what it comes to is of no use.
    """
    # Traced once, for its shapes and for the loop.
    iterate = jax.jit(jax.vmap(algorithm.iterate), inline=True)

    def chunk(
        state: PyTree, alive: Bool[Array, " seeds"], number: Int[Array, ""]
    ) -> tuple[PyTree, Array, Array, dict[str, Array], dict[str, Array]]:
        shapes = jax.eval_shape(iterate, state)[1]
        sums = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        flags = {name: zeros for name, zeros in sums.items() if name.startswith("bad_")}

        def going(carry):
            _, done, breaks, _, _ = carry
            return (done < number) & (alive & (breaks == 0)).any()

        def once(carry):
            state, done, breaks, flags, sums = carry
            state, metrics = iterate(state)
            onset = (breaks == 0) & ~(metrics["finite"] >= 1)
            flags = {name: jnp.where(onset, metrics[name], flags[name]) for name in flags}
            breaks = jnp.where(onset, done + 1, breaks)
            return state, done + 1, breaks, flags, jax.tree.map(jnp.add, sums, metrics)

        no_breaks = jnp.zeros(len(alive), jnp.int32)
        carry = (state, jnp.array(0), no_breaks, flags, sums)
        state, done, breaks, flags, sums = jax.lax.while_loop(going, once, carry)
        # A gradient can be NaN where the loss is not: what is kept must be sound.
        nans = jax.vmap(_has_nan)(getattr(state, "params", state))
        breaks = jnp.where((breaks == 0) & nans, done, breaks)
        return state, jnp.full_like(breaks, done), breaks, flags, sums

    return chunk


def _has_nan(tree: PyTree) -> Bool[Array, ""]:
    # One array, as a program of its own for each compiles for longer.
    leaves = [x.ravel() for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return jnp.isnan(jnp.concatenate([jnp.zeros(1), *leaves])).any()


def _evaluation(algorithm: Trainable, trials: int) -> Callable[[PyTree], dict[str, Array]]:
    """Return greedy returns of all seeds on the same trials, every time."""
    family = algorithm.family
    heldout_ids, train_ids = validation_ids(family), plain_ids(family.train_ids)
    splits = [heldout_ids, train_ids] if heldout_ids != train_ids else [train_ids]
    problems = np.stack([spread(ids, trials, prior=prior_of(family, ids)) for ids in splits])

    def play_all(agent: Agent, ids: Array, keys: Array) -> Outcome:
        return outcomes(family, agent, ids, keys)

    def one(state: PyTree) -> dict[str, Array]:
        agent, keys = algorithm.agent(state), jax.random.split(jax.random.key(0), trials)
        try_all = over_trials(play_all) if trials % shares() == 0 else play_all
        # One after the other, no wider than was asked for; traced and compiled once.
        outcome = jax.lax.map(lambda ids: try_all(agent, ids, keys), problems)
        returns = outcome.returns.reshape(len(splits), -1).mean(1)
        return {
            "return_unseen": returns[0],
            "return_train": returns[-1],
            "exploration_length": outcome.length[0].mean(),
        }

    return jax.vmap(one)
