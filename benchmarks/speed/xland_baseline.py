"""Steps a second of training of RL² beside XLand-MiniGrid's own, in the same environment.

    git clone https://github.com/corl-team/xland-minigrid   Apache-2.0; install its `baselines` too
    python -m benchmarks.speed.xland_baseline --baseline xland-minigrid/training
    python -m benchmarks.speed.xland_baseline --table       the table of docs/speed.md

The rival is the recurrent PPO of `train_meta_task.py`, imported from the checkout as it stands: its
compiled `train`, with what it reads from outside given to it (rulesets, length of an episode). Each
measurement is a process of its own, all in turns: chunks of as many environment steps, of which the
median counts; compiling is timed apart. A ratio is the median of those of the rounds.

The rival is measured twice. XLA for CPUs (jaxlib 0.10) brings a convolution's gradients into the
form that it is fast in only outside of loops; within one they take some ten times as long. So once
its short loops (updates, epochs, minibatches) are written out as they are traced, which changes
nothing that is computed. That is the figure to judge by.

The same for all: R4-13x13, training rulesets, episodes of at most `HORIZON` steps, environments
side by side, two episodes of a problem through which hidden state and gradients go, width of the
hidden state and of the layers beside it, one epoch of as many minibatches, Adam, float32, one
device, no evaluation. A step is one of an environment that is trained on.

What differs: where an episode ends before its horizon, theirs begins another at once, and works out
a reset each step for it; ours waits, and those steps do not count. Theirs sees shapes, colours and
its direction through embeddings and three convolutions, then a GRU and two heads with a layer of
their own. Ours also sees what it carries; it has one layer for all tiles, once before the GRU and
once in the policy, which the GRU's state gates. Losses differ in details.

The result is benchmarks/results/xland-baseline.json.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import operator
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.program import DOCS, by_points, command, in_process, keep, kept, parser, program
from benchmarks.speed.accelerator import HORIZON, XLAND, family_of
from dreamrl.errors import UserError
from dreamrl.host import cores

CHECKOUT = "xland-minigrid/training"
SCRIPT = "train_meta_task"
EPISODES = 2
"""Of a problem; of a trial: one explores, and one is scored."""
OURS, THEIRS, WRITTEN_OUT = SIDES = ("dreamrl", "XLand-MiniGrid", "XLand-MiniGrid, written out")
MINIBATCHES = 4


def ours(envs: int, width: int, chunks: int, steps: int) -> dict[str, Any]:
    import jax

    from benchmarks.rates import trained_for
    from dreamrl.agents import registry
    from dreamrl.configuration import changed
    from dreamrl.devices import Devices

    family = family_of(XLAND)
    sizes = {"trials": envs, "hidden": width, "learner.minibatches": MINIBATCHES}
    settings = changed(registry.settings_for("rl2", family.name), sizes)
    trainer = registry.make_trainer("rl2", family, settings)
    lanes = settings.budget.steps(trainer.family)
    assert lanes == envs * EPISODES * HORIZON
    trained, figures = trained_for(trainer, (0,), max(1, steps // lanes), chunks, Devices(1))
    return {
        **figures,
        "parameters": sum(x.size for x in jax.tree.leaves(trained.state.params)),
        "steps_that_count": trained.steps[0] / (trained.iteration * lanes),
    }


def theirs(
    folder: str, written_out: bool, envs: int, width: int, chunks: int, steps: int
) -> dict[str, Any]:
    import jax
    import xminigrid
    from flax.jax_utils import replicate
    from xminigrid.benchmarks import Benchmark

    from dreamrl.bench import peak_memory_mb

    sys.path.insert(0, folder)
    # Its evaluation has arrays for defaults, which dataclasses refuse from Python 3.11 on.
    array: Any = type(jax.numpy.zeros(()))
    array.__hash__ = object.__hash__
    baseline = importlib.import_module(SCRIPT)
    array.__hash__ = None
    family = family_of(XLAND)
    rules = jax.vmap(family.problem)(jax.numpy.array(family.train_ids))
    number = jax.numpy.ones(len(rules.goal), int)
    # In place of what it downloads, and of its longer episodes.
    make = xminigrid.make
    xminigrid.make = lambda name: make(name, max_steps=HORIZON)
    xminigrid.load_benchmark = lambda _: Benchmark(
        rules.goal, rules.rules, rules.init_tiles, number
    )
    if written_out:
        scan = jax.lax.scan

        def unrolled(f, init, xs=None, length=None, **more):
            turns = length if xs is None else len(jax.tree.leaves(xs)[0])
            if turns > MINIBATCHES:
                return scan(f, init, xs, length, **more)
            carry, each = init, []
            for turn in range(turns):
                carry, found = f(carry, jax.tree.map(operator.itemgetter(turn), xs))
                each.append(found)
            return carry, jax.tree.map(lambda *found: jax.numpy.stack(found), *each)

        jax.lax.scan = unrolled
    a_problem = EPISODES * HORIZON
    chunk = max(1, steps // (envs * a_problem)) * envs * a_problem
    config = baseline.TrainConfig(
        env_id=XLAND,
        rnn_hidden_dim=width,
        head_hidden_dim=width,
        num_envs=envs,
        num_steps_per_env=a_problem,
        num_steps_per_update=a_problem,
        num_minibatches=MINIBATCHES,
        update_epochs=1,
        total_timesteps=chunk,
        # No turn of the evaluation's loop.
        eval_num_envs=1,
        eval_num_episodes=0,
    )
    rng, env, params, benchmark, hidden, state = baseline.make_states(config)
    devices = jax.local_devices()
    assert len(devices) == 1, "the other side is trained on one device"
    parameters = sum(x.size for x in jax.tree.leaves(state.params))
    state, hidden = replicate(state, devices), replicate(hidden, devices)
    keys = jax.random.split(rng, (chunks, 1))
    began = time.perf_counter()
    train = baseline.make_train(env, params, benchmark, config)
    train = train.lower(keys[0], state, hidden).compile()
    compiled = time.perf_counter() - began
    rates = []
    for key in keys:
        began = time.perf_counter()
        state = jax.block_until_ready(train(key, state, hidden))["state"]
        rates.append(chunk / (time.perf_counter() - began))
    return {
        "steps_per_second": statistics.median(rates),
        "compile_seconds": compiled,
        "peak_memory_mb": peak_memory_mb(),
        "parameters": parameters,
        "steps_that_count": 1.0,
    }


def measure(folder: str, side: str, envs: int, width: int, chunks: int, steps: int) -> dict:
    sizes = (envs, width, chunks, steps)
    figures = ours(*sizes) if side == OURS else theirs(folder, side == WRITTEN_OUT, *sizes)
    return {"side": side, "envs": envs, "width": width, **figures}


def run(asked: argparse.Namespace) -> None:
    folder = Path(asked.baseline or CHECKOUT).resolve()
    if not (folder / f"{SCRIPT}.py").exists():
        raise UserError(
            f"no {SCRIPT}.py in --baseline {asked.baseline or CHECKOUT}: "
            "git clone https://github.com/corl-team/xland-minigrid, and name its folder training"
        )
    sizes = ("--envs", asked.envs, "--widths", *asked.widths, "--chunks", asked.chunks)
    sizes = (*sizes, "--steps", asked.steps, "--rounds", asked.rounds)
    made_by = command(__spec__.name, "--baseline", CHECKOUT, *sizes)
    installed = ("xminigrid", "flax", "distrax")
    others = {name: importlib.metadata.version(name) for name in installed}
    points: list[dict[str, Any]] = []
    for width in asked.widths:
        for turn in range(asked.rounds):
            for side in SIDES:
                point = (str(folder), side, asked.envs, width, asked.chunks, asked.steps)
                found = in_process([__spec__.name, "--point", json.dumps(point)])
                points.append({**found, "round": turn})
                print(f"{side}, {width} wide: {found['steps_per_second']:,.0f} steps/s", flush=True)
            keep("xland-baseline", made_by, cores=len(cores()), others=others, points=points)


def table() -> str:
    held = kept("xland-baseline")
    rows = []
    for width in sorted({p["width"] for p in held["points"]}):
        points = {
            s: [p for p in held["points"] if (p["side"], p["width"]) == (s, width)] for s in SIDES
        }
        for side, found in points.items():
            rates = [p["steps_per_second"] for p in found]
            ratio = statistics.median(
                p["steps_per_second"] / rate for p, rate in zip(points[OURS], rates, strict=True)
            )
            rows.append(
                (
                    side,
                    width,
                    f"{statistics.median(rates):,.0f}",
                    " to ".join(f"{rate:,.0f}" for rate in (min(rates), max(rates))),
                    "" if side == OURS else f"{ratio:.2f}",
                    f"{found[0]['parameters']:,}",
                    f"{found[0]['peak_memory_mb']:,.0f}",
                    f"{statistics.median(p['compile_seconds'] for p in found):.0f}",
                )
            )
    heads = (
        "",
        "width",
        "steps/s",
        "rounds",
        "ours by it",
        "parameters",
        "memory, MB",
        "compiling, s",
    )
    versions = ", ".join(f"{n} {v}" for n, v in (held["versions"] | held["others"]).items())
    made = f"Made by `{held['command']}` on {held['date']}, {held['cores']} cores: {versions}."
    return f"{pages.table(heads, rows)}\n\n{made}"


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--baseline", help=f"folder of {SCRIPT}.py: {CHECKOUT} if not said")
    arguments.add_argument("--envs", type=int, default=256, help="side by side")
    arguments.add_argument("--widths", nargs="+", type=int, default=(64,))
    arguments.add_argument("--chunks", type=int, default=3)
    arguments.add_argument("--steps", type=int, default=50_000, help="of a chunk, about")
    arguments.add_argument("--rounds", type=int, default=3)
    if by_points(arguments, measure, run) and kept("xland-baseline"):
        print(table())
        pages.put(DOCS / "speed.md", "xland", table())


if __name__ == "__main__":
    sys.exit(main())
