"""Speed: environments alone with random actions, and training with all updates."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import jax
import jax.numpy as jnp

from dreamrl import families
from dreamrl.agents import registry
from dreamrl.errors import UserError
from dreamrl.families.family import Family, draw_ids, prior_of
from dreamrl.families.memory import check_memory
from dreamrl.host import SAME
from dreamrl.listener import Callbacks, Record
from dreamrl.spaces import ActionSpace, Discrete
from dreamrl.training import Plan, train
from dreamrl.types import Key, State


def env_speed(
    family_name: str, batch: int = 2048, repeats: int = 5, seconds: float = 1.0
) -> dict[str, Any]:
    """Return steps a second of a built-in family, with `batch` environments side by side.

    Every step counts, and is a real one: episodes that end begin anew at once, and after as many
    steps as the horizon all environments draw new problems and goals. The figure is the median
    of `repeats` measurements of about `seconds` each; compiling is timed apart.
    """
    family = families.make(family_name)
    for name, value in {"batch": batch, "repeats": repeats}.items():
        if value < 1:
            raise UserError(f"{name} must be at least 1, is {value}")
    check_memory(family, batch, 0)

    begin = time.perf_counter()
    play = jax.jit(_play, static_argnums=(0, 2)).lower(family, jax.random.key(0), batch).compile()
    compiling = time.perf_counter() - begin

    def measure(calls: int, seed: int) -> float:
        keys = list(jax.random.split(jax.random.key(seed), calls))
        jax.block_until_ready(keys)
        begin = time.perf_counter()
        jax.block_until_ready([play(key) for key in keys])
        return time.perf_counter() - begin

    measure(1, 0)
    calls = max(1, round(seconds / measure(1, 1)))
    rates = [calls * family.horizon * batch / measure(calls, seed) for seed in range(repeats)]
    return {
        "family": family_name,
        "batch": batch,
        "steps_per_second": statistics.median(rates),
        "slowest": min(rates),
        "fastest": max(rates),
        "repeats": repeats,
        "compile_seconds": compiling,
        "platform": jax.default_backend(),
    }


def train_speed(
    family_name: str, agent: str = "dream", chunks: int = 6, chunk: int = 25
) -> dict[str, Any]:
    """Return environment steps a second of training, and what a start costs, cold and from cache.

    Two processes are started, one after the other, that share a fresh cache, as the command's. The
    first one gives the speed, as the median over chunks, the compile time and the peak memory;
    of the second one only the start is measured.
    """
    families.make(family_name)
    registry.settings_for(agent, family_name)
    with tempfile.TemporaryDirectory() as cache:
        cold = _in_process(cache, family_name, agent, chunks, chunk)
        warm = _in_process(cache, family_name, agent, 1, chunk)
    return {
        "agent": agent,
        "family": family_name,
        **cold,
        "second_start_seconds": warm["start_seconds"],
        "second_compile_seconds": warm["compile_seconds"],
        "platform": jax.default_backend(),
    }


def _in_process(cache: str, *inputs: Any) -> dict[str, Any]:
    code = (
        "import time; began = time.perf_counter(); import json; "
        "from dreamrl import host; host.keep_compiled_programs(); "
        "from dreamrl.bench import train_start; "
        f"print(json.dumps(train_start(*{json.dumps(inputs)}, began)))"
    )
    # A process of its own takes JAX's switches from here, where the command has settled them.
    environment = {n: v for n, v in os.environ.items() if n.lower() not in SAME}
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"DREAMRL_CACHE": cache},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if process.returncode:
        raise UserError(f"the measured process failed: {process.stderr.strip()[-200:]}")
    return json.loads(process.stdout.splitlines()[-1])


def train_start(
    family_name: str, agent: str, chunks: int, chunk: int, began: float
) -> dict[str, Any]:
    """Train for a few chunks of iterations; `began` is when the process did."""
    family = families.make(family_name)
    # The settings stay as they are, however soon it stops: they are part of the program.
    algorithm = registry.make_trainer(agent, family, registry.settings_for(agent, family_name))
    records: list[Record] = []
    training = train(
        algorithm,
        (0,),
        Plan(chunk=chunk, evaluate_every=chunks),
        Callbacks(records.extend, stop=lambda: len(records) >= chunks),
        began=began,
    )
    first = records[0]
    return {
        "steps_per_second": statistics.median(r["steps_per_second"] for r in records),
        "compile_seconds": training.compile_seconds,
        "start_seconds": first["seconds"] - first["steps"] / first["steps_per_second"],
        "peak_memory_mb": peak_memory_mb(),
    }


def peak_memory_mb() -> float | None:
    """Return the most memory that this process has had, but for a GPU's; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    # Kilobytes, but bytes on a Mac.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _play(family: Family, key: Key, batch: int) -> Any:
    """Return as many steps as the horizon in new problems.

    Not by `trial.rollout`, where an environment stands still after its end: here every step counts.
    Sums of all that was seen come back: what nobody asks for, the compiler leaves out.
    """
    key_problem, key_goal, key_reset, key_action, key_step = jax.random.split(key, 5)
    prior = prior_of(family, family.train_ids)
    ids = draw_ids(family.train_ids, key_problem, batch, prior)
    problem = jax.vmap(family.problem)(ids)
    goal = jax.vmap(family.sample_goal)(jax.random.split(key_goal, batch), problem)
    start, first = jax.vmap(family.reset)(jax.random.split(key_reset, batch), problem)
    shape = (family.horizon, batch)
    actions = _actions(family.action_space, key_action, shape)
    keys = jax.random.split(key_step, shape)

    def advance(carry, inputs):
        state, sums = carry
        next_state, step = jax.vmap(family.step)(inputs[0], problem, goal, state, inputs[1])
        done = step.terminated | step.truncated
        state = jax.vmap(_restarted)(done, start, next_state)
        outcome = (step.observation, step.reward, done)
        return (state, jax.tree.map(jnp.add, sums, outcome)), None

    sums = (jnp.zeros_like(first), jnp.zeros(batch), jnp.zeros(batch, jnp.int32))
    return jax.lax.scan(advance, (start, sums), (keys, actions))[0][1]


def _actions(space: ActionSpace, key: Key, shape: tuple[int, ...]) -> jax.Array:
    """Return random ones, drawn all at once: one by one would take longer than the steps."""
    if isinstance(space, Discrete):
        return jax.random.randint(key, shape, 0, space.n, jnp.int32)
    return jax.random.uniform(key, (*shape, *space.shape), minval=space.low, maxval=space.high)


def _restarted(done: jax.Array, start: State, state: State) -> State:
    return jax.tree.map(lambda a, b: jnp.where(done, a, b), start, state)
