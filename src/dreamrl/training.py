"""The training loop: any algorithm, one or many seeds, in compiled chunks of iterations."""

import contextlib
import ctypes
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PyTree

from dreamrl.agents.loop import Trainable
from dreamrl.errors import UserError, without_jax
from dreamrl.evaluation import outcomes, spread
from dreamrl.families.family import plain_ids
from dreamrl.host import in_own_switches
from dreamrl.values import Wholes, seeds_from

Record = dict[str, int | float]
"""What a chunk of iterations came to in one seed; the keys that are always there:

`seed`, `iteration` (done so far), `steps` (environment steps so far), `seconds` (since the
start, compiling included), `compile_seconds`, `steps_per_second` (of this seed, in this chunk);
then the algorithm's metrics, as means over the chunk; and, where the chunk ends with an
evaluation, `return_unseen`, `return_train` and `exploration_length` (on unseen problems).
"""


class Plan(NamedTuple):
    """How a training is cut into pieces; it changes what is reported, never what is learned."""

    chunk: int = 25
    """Iterations in one call of the compiled program."""
    evaluate_every: int = 1
    """Chunks from one evaluation to the next; the last chunk always ends with one."""
    evaluation_trials: int = 512
    """Trials on training problems, and as many on unseen ones."""


DEFAULT_PLAN = Plan()

RUN_SELDOM: dict[str, str | bool] = {
    "xla_backend_optimization_level": "0",
    "xla_llvm_disable_expensive_passes": True,
}
"""How to compile what starts a run or looks at it now and then: soon, not well."""

RUN_OFTEN: dict[str, str | bool] = {"xla_backend_optimization_level": "1"}
"""How to compile the rest: a quarter sooner than at level 3, and as fast (docs/lessons.md)."""


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
    """The last record of each seed."""


class TrainingDiverged(UserError):
    """A loss that is not finite. `training` has the states from before it, as they were good."""

    exit_code = 1

    def __init__(self, seed: int, iteration: int, parts: Sequence[str], training: Training):
        self.seed, self.iteration, self.parts, self.training = seed, iteration, parts, training
        super().__init__(
            f"the loss of {' and '.join(parts) or 'a part'} was not finite at iteration "
            f"{iteration} (seed {seed}): training stopped, and the agent kept is that of "
            f"iteration {training.iteration}; a lower learning rate may help"
        )


@in_own_switches
@without_jax()
def train(
    algorithm: Trainable,
    seeds: Wholes,
    plan: Plan = DEFAULT_PLAN,
    report: Callable[[list[Record]], None] = lambda records: None,
    stop: Callable[[], bool] = lambda: False,
    compiling: Callable[[], None] = lambda: None,
    began: float | None = None,
    start: Training | None = None,
    until: int | None = None,
    keep: Callable[[Training], None] = lambda training: None,
) -> Training:
    """Trains all seeds in one program for as many iterations as the settings say.

    With `until` it then goes on, all schedules at their ends, until every seed has taken so many
    environment steps. `start` is what an earlier training left: with the same settings, plan and
    seeds, the two together come to the same as one that was never stopped, bit for bit.

    `report` gets the records of each chunk, one a seed, and `keep` then all there is. `stop` is
    asked between chunks. `compiling` is called when compilers begin, which leave Python idle.
    Seconds count from `began`, a `time.perf_counter()`, or from now, on top of those of `start`.
    """
    seeds = seeds_from(seeds)
    before_compiling = time.perf_counter()
    began = before_compiling if began is None else began
    total = algorithm.settings.budget.iterations
    if start is not None and complete(start, total, until):
        return start._replace(finished=True)
    programs = _compile(algorithm, seeds, plan, compiling)
    if start is None:
        start = Training(programs.init(seed_keys(seeds)), 0, 0, (0,) * len(seeds), 0.0, 0.0)
    compile_seconds = start.compile_seconds + time.perf_counter() - before_compiling
    began -= start.seconds
    now = start._replace(compile_seconds=compile_seconds, finished=False)

    while not complete(now, total, until) and not stop():
        begin = time.perf_counter()
        # Behind the last iteration of the settings only `until` counts: chunks are whole again.
        number = min(plan.chunk, total - now.iteration) if now.iteration < total else plan.chunk
        # The state is not donated: the one from before a loss that is not finite is kept.
        after, done, last, sums = programs.chunk(now.state, jnp.array(number))
        done = int(done)
        last, sums = jax.tree.map(np.asarray, (last, sums))
        chunk_seconds = time.perf_counter() - begin
        if bad := np.flatnonzero(~(last["finite"] >= 1)).tolist():
            parts = [
                n.removeprefix("bad_") for n in last if n.startswith("bad_") and last[n][bad[0]]
            ]
            raise TrainingDiverged(seeds[bad[0]], now.iteration + done, parts, now)
        now = now._replace(
            state=after,
            iteration=now.iteration + done,
            chunks=now.chunks + 1,
            steps=tuple(a + int(b) for a, b in zip(now.steps, sums["steps"], strict=True)),
        )
        finished = complete(now, total, until)
        scores = {}
        if now.chunks % plan.evaluate_every == 0 or now.iteration == total or finished:
            scores = jax.tree.map(np.asarray, programs.evaluate(now.state))
        seconds = time.perf_counter() - began
        records = [
            {
                "seed": seed,
                "iteration": now.iteration,
                "steps": now.steps[i],
                "seconds": seconds,
                "compile_seconds": compile_seconds,
                "steps_per_second": float(sums["steps"][i]) / chunk_seconds,
                **{name: float(sums[name][i]) / done for name in sums if name != "steps"},
                **{name: float(values[i]) for name, values in scores.items()},
            }
            for i, seed in enumerate(seeds)
        ]
        now = now._replace(seconds=seconds, finished=finished, records=records)
        report(records)
        keep(now)
    return now._replace(seconds=time.perf_counter() - began)


def complete(training: Training, iterations: int, until: int | None = None) -> bool:
    """Whether nothing is left to do."""
    return training.iteration >= iterations and min(training.steps) >= (until or 0)


def seed_keys(seeds: Sequence[int]) -> Array:
    """The random key that each seed begins with."""
    return jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))


@contextlib.contextmanager
def interruptible(say: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Gives a `stop` for `train` that becomes true on Ctrl-C or when the process is to end.

    The first signal calls `say` and lets the chunk end; the second one is a KeyboardInterrupt.
    """
    stopping = False

    def ask(*_: Any) -> None:
        nonlocal stopping
        if stopping:
            raise KeyboardInterrupt
        stopping = True
        say()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, ask) for number in signals}
    try:
        yield lambda: stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Programs(NamedTuple):
    init: Callable[[Array], PyTree]
    chunk: Callable[..., Any]
    evaluate: Callable[[PyTree], dict[str, Array]]


def _compile(
    algorithm: Trainable,
    seeds: Sequence[int],
    plan: Plan,
    compiling: Callable[[], None],
) -> _Programs:
    keys = seed_keys(seeds)
    init = jax.vmap(algorithm.init)
    state = jax.eval_shape(init, keys)
    # The chunk takes longest to compile: the others are traced and compiled beside it.
    with ThreadPoolExecutor() as pool:

        def begin(program: Callable[..., Any], options: dict[str, str | bool], *inputs: Any) -> Any:
            lowered = jax.jit(program).lower(*inputs)
            return pool.submit(lowered.compile, compiler_options=options)

        chunk = begin(_chunk(algorithm), RUN_OFTEN, state, jnp.array(1))
        first = begin(init, RUN_SELDOM, keys)
        evaluate = begin(_evaluation(algorithm, plan.evaluation_trials), RUN_SELDOM, state)
        compiling()
        programs = _Programs(first.result(), chunk.result(), evaluate.result())
    _give_back()
    return programs


def _give_back() -> None:
    """Returns what compilers freed to the system, where the C library can: 2 GB for pictures."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # Others than glibc do it anyway.
        ctypes.CDLL(None).malloc_trim(0)


def _chunk(algorithm: Trainable) -> Callable[..., Any]:
    """Up to `number` iterations of all seeds, ended early by a loss that is not finite.

    Returns the states, iterations done, the last metrics, and sums of the metrics. The number
    is an input, so that a shorter last chunk is no other program.
    """
    iterate = jax.vmap(algorithm.iterate)

    def chunk(state: PyTree, number: Int[Array, ""]) -> tuple[PyTree, Array, Any, Any]:
        shapes = jax.eval_shape(iterate, state)[1]
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        fine = {**nothing, "finite": jnp.ones_like(nothing["finite"])}

        def going(carry):
            _, done, last, _ = carry
            return (done < number) & (last["finite"] >= 1).all()

        def once(carry):
            state, done, _, sums = carry
            state, metrics = iterate(state)
            return state, done + 1, metrics, jax.tree.map(jnp.add, sums, metrics)

        return jax.lax.while_loop(going, once, (state, jnp.array(0), fine, nothing))

    return chunk


def _evaluation(algorithm: Trainable, trials: int) -> Callable[[PyTree], dict[str, Array]]:
    """Greedy returns of all seeds on the same trials, every time."""
    family = algorithm.family
    test_ids, train_ids = plain_ids(family.test_ids), plain_ids(family.train_ids)
    unseen, known = (jnp.array(spread(ids, trials)) for ids in (test_ids, train_ids))
    keys = jax.random.split(jax.random.key(0), trials)
    held_out = test_ids != train_ids

    def one(state: PyTree) -> dict[str, Array]:
        agent = algorithm.agent(state)
        found = outcomes(family, agent, unseen, keys)
        trained = outcomes(family, agent, known, keys) if held_out else found
        return {
            "return_unseen": found.returns.mean(),
            "return_train": trained.returns.mean(),
            "exploration_length": found.length.mean(),
        }

    return jax.vmap(one)
