"""Operations and bytes of one iteration of DREAM, and how near it comes to the machine's limits.

    python -m benchmarks.speed.roofline           all parts, a minute on two quiet cores
    python -m benchmarks.speed.roofline --table   the table of docs/speed.md

An iteration of one seed is taken apart. Each part is compiled as training compiles the whole,
counted (`benchmarks.cost`), and timed in turn with the others and with what the machine can do:
products as wide as the network, each of what the one before gave; and arrays as large as its
activations, read and written. A part can take no less than its operations by the one limit, or
its bytes by the other; its share of the limit is that time by the measured one. The result is
benchmarks/results/roofline.json.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from benchmarks import pages
from benchmarks.cost import moved, operations
from benchmarks.program import DOCS, command, keep, kept, parser, program
from benchmarks.timing import in_turn
from dreamrl import families
from dreamrl.agents import registry
from dreamrl.agents.algorithm import Experience, Snapshot
from dreamrl.agents.loop import Trainer
from dreamrl.host import cores, where_unset
from dreamrl.training import RUN_OFTEN
from dreamrl.trial import Extras, Trial, exploitation, rollout

WHOLE = "whole iteration"
TURNS = 100
"""Products, or passes over an array, in one measurement of a limit."""
LARGE = 1024
"""Edge of a product that is as fast as the machine can."""
BEYOND = 64
"""Activations in an array that no cache holds."""


class Part(NamedTuple):
    """Something that an iteration does so many times."""

    name: str
    function: Callable[..., Any]
    inputs: tuple
    times: int = 1


class Limit(NamedTuple):
    """What the machine is asked to do so much of."""

    amount: float
    function: Callable[..., Any]
    inputs: tuple


def parts_of(trainer: Trainer, state: Any) -> list[Part]:
    """Return what an on-policy iteration of DREAM does, in its order."""
    algorithm, family, settings = trainer.algorithm, trainer.family, trainer.settings
    updates, episodes = settings.learner.updates, settings.budget.episodes
    now = Snapshot(state.params, jnp.array(0.5), state.memory)
    keys = jax.random.split(jax.random.key(1), 5)
    problem_id = algorithm.problems(keys[0], jnp.array(0))
    conditions, trial_keys = algorithm.conditions(now, problem_id, keys[1], keys[2])

    def each(function: Callable[..., Any]) -> Callable[..., Any]:
        """Map over trials, but not over what has been learned."""
        return lambda now, *inputs: jax.vmap(lambda *own: function(now, *own))(*inputs)

    def explore(now, problem_id, conditions, key):
        actor = algorithm.behave(now, conditions)
        problem = family.problem(problem_id.value)
        return rollout(family, problem, None, actor.explore, actor.init_exploration(), key)

    def decode(now, conditions, explored):
        return algorithm.behave(now, conditions).beliefs(explored)

    def exploit(now, problem_id, conditions, beliefs, keys):
        problem, actor = family.problem(problem_id.value), algorithm.behave(now, conditions)
        belief = jax.tree.map(lambda x: x[-1], beliefs)

        def one(key_goal, number, key):
            goal = family.sample_goal(key_goal, problem)
            return goal, exploitation(family, problem, actor, belief, goal, number, key)

        return jax.vmap(one)(keys.goals, jnp.arange(episodes), keys.exploit)

    exploring = (now, problem_id, conditions, trial_keys.explore)
    explored = jax.jit(each(explore))(*exploring)
    decoding = (now, conditions, explored.trajectory)
    beliefs = jax.jit(each(decode))(*decoding)
    exploiting = (now, problem_id, conditions, beliefs, trial_keys)
    goals, exploited = jax.jit(each(exploit))(*exploiting)
    extras = Extras(explored.extras, exploited.extras)
    trial = Trial(explored.trajectory, beliefs, goals, exploited.trajectory, extras)
    experience = Experience(problem_id, conditions, trial)

    def prepare(now, experience):
        memory = algorithm.remember(now.memory, experience)
        return algorithm.prepare(now, experience), algorithm.recalled(memory, keys[3])

    (batch, _), recalled = jax.jit(prepare)(now, experience)
    batch, recalled = jax.tree.map(lambda x: x[::updates], (batch, recalled))

    def update(name: str) -> Part:
        optimiser = algorithm.optimisers()[name]

        def step(now, batch, recalled, state):
            group = algorithm.groups(now.params)[name]
            loss = algorithm.losses(now, batch, recalled, keys[4])[name]
            (value, more), grads = eqx.filter_value_and_grad(loss, has_aux=True)(group)
            changes, after = optimiser.update(grads, state, group)
            return value, more, eqx.apply_updates(group, changes), after

        inputs = (now, batch, recalled, state.optimisers[name])
        return Part(f"update: {name}", step, inputs, updates)

    return [
        Part("exploration: played", each(explore), exploring),
        Part("exploration: decoded", each(decode), decoding),
        Part("exploitation: played", each(exploit), exploiting),
        Part("advantages, replay", prepare, (now, experience)),
        *map(update, algorithm.group_names),
    ]


def limits(rows: int, narrow: int, wide: int) -> dict[str, Limit]:
    """Return products in operations, and what is read and written in bytes.

    Products of [rows, narrow] and [narrow, wide], and back.
    """
    weights = [jnp.full((m, n), 1 / m) for m, n in ((narrow, wide), (wide, narrow))]
    square = jnp.full((LARGE, LARGE), 1 / LARGE)
    array = jnp.ones((rows, wide))
    large = jnp.ones((BEYOND, *array.shape))

    def products(x, *weights):
        def turn(x, _):
            for weight in weights:
                x = x @ weight
            return x, None

        return jax.lax.scan(turn, x, length=TURNS)[0]

    def passes(x):
        return jax.lax.scan(lambda x, _: (x * 0.999 + 0.001, None), x, length=TURNS)[0]

    work = 2 * 2 * rows * narrow * wide * TURNS
    return {
        "products": Limit(work, products, (jnp.ones((rows, narrow)), *weights)),
        "memory": Limit(2 * array.nbytes * TURNS, passes, (array,)),
        "large products": Limit(2 * LARGE**3, jnp.matmul, (square, square)),
        "large memory": Limit(2 * large.nbytes, lambda x: x * 0.999 + 0.001, (large,)),
    }


def compiled(function: Callable[..., Any], inputs: tuple) -> Callable[[], Any]:
    """Return the call, compiled as training compiles its iterations."""
    options = where_unset(RUN_OFTEN)
    made = jax.jit(function).lower(*inputs).compile(compiler_options=options)
    return lambda: made(*inputs)


def measure(family: str) -> None:
    settings = registry.settings_for("dream", family)
    trainer = registry.make_trainer("dream", families.make(family), settings)
    state = jax.jit(trainer.init)(jax.random.key(0))
    rows = settings.budget.trials * trainer.family.horizon // settings.learner.updates
    width = settings.exploitation.hidden
    parts, asked = parts_of(trainer, state), limits(rows, width, 3 * width)
    # As one seed of several, which is how training has it.
    seeds = jax.tree.map(lambda x: jnp.asarray(x)[None], state)
    calls = {WHOLE: compiled(jax.vmap(trainer.iterate), (seeds,))}
    calls |= {name: compiled(limit.function, limit.inputs) for name, limit in asked.items()}
    calls |= {part.name: compiled(part.function, part.inputs) for part in parts}
    taken = in_turn(calls)
    found = [
        {
            "part": part.name,
            "seconds": part.times * taken[part.name],
            **{
                name: part.times * number
                for name, number in operations(part.function, *part.inputs)._asdict().items()
            },
            "bytes": part.times * moved(part.function, *part.inputs),
        }
        for part in parts
    ]
    keep(
        "roofline",
        command(__spec__.name),
        family=family,
        cores=len(cores()),
        seed=0,
        sizes={"rows": rows, "narrow": width, "wide": 3 * width, "large": LARGE},
        limits={name: limit.amount / taken[name] for name, limit in asked.items()},
        parts=found,
        whole=taken[WHOLE],
    )


def table() -> str:
    held = kept("roofline")
    parts, limit, sizes = held["parts"], held["limits"], held["sizes"]
    counts = ("seconds", "flops", "transcendentals", "bytes")
    total = {name: sum(part[name] for part in parts) for name in counts}
    whole = total | {"part": WHOLE, "seconds": held["whole"]}
    heads = ("part", "ms", "MFLOP", "exp, log, tanh, M", "MB", "GFLOP/s", "GB/s", "limit")
    rows = [_row(part, limit) for part in [*parts, total | {"part": "their sum"}, whole]]
    shapes = "[{rows}, {narrow}] × [{narrow}, {wide}]".format(**sizes)
    rates = {name: f"{rate / 1e9:,.0f}" for name, rate in limit.items()}
    return (
        f"{pages.table((*heads, 'share'), rows)}\n\n"
        f"`dream` on {held['family']}, {held['cores']} cores. Limits in the same run: "
        f"{rates['products']} GFLOP/s in products of {shapes} and back ({rates['large products']} "
        f"where all edges are {sizes['large']}), {rates['memory']} GB/s in an array of "
        f"[{sizes['rows']}, {sizes['wide']}], which caches hold ({rates['large memory']} where "
        f"they do not). Made by `{held['command']}` on {held['date']}."
    )


def _row(part: dict[str, Any], limit: dict[str, float]) -> tuple[str, ...]:
    taken = part["seconds"]
    least = {"products": part["flops"], "memory": part["bytes"]}
    least = {name: amount / limit[name] for name, amount in least.items()}
    return (
        part["part"],
        f"{1e3 * taken:.1f}",
        f"{part['flops'] / 1e6:,.0f}",
        f"{part['transcendentals'] / 1e6:.1f}",
        f"{part['bytes'] / 1e6:,.0f}",
        f"{part['flops'] / taken / 1e9:.0f}",
        f"{part['bytes'] / taken / 1e9:.0f}",
        max(least, key=lambda name: least[name]),
        f"{max(least.values()) / taken:.0%}",
    )


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--family", default="distracting-bus")
    arguments.add_argument("--table", action="store_true", help="only write the table")
    asked = arguments.parse_args()
    if not asked.table:
        measure(asked.family)
    pages.put(DOCS / "speed.md", "roofline", table())


if __name__ == "__main__":
    sys.exit(main())
