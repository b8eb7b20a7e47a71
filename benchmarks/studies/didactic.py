"""Trials until tabular Q-learning solves tabular-didactic: python -m benchmarks.studies.didactic.

Decoupled learning, as DREAM's, against end-to-end learning, as RL²'s, for 2 to 64 actions. Writes
benchmarks/results/didactic.json and docs/figures/didactic.png; docs/didactic.md reads them.
"""

import functools
import json
import sys
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import dreamrl
from benchmarks.program import DOCS, command, keep, parser, program
from dreamrl.figures.style import DPI, TRAIN, UNSEEN, bare

SIZES = (2, 4, 8, 16, 32, 64)
MOST = 100_000_000
"""Trials after which a learner is given up."""
LABELS = {"decoupled": "decoupled (DREAM)", "end-to-end": "end-to-end (RL²)"}
COLORS = {"decoupled": UNSEEN, "end-to-end": TRAIN}
TARGETS = {"exploration": "--", "all": "-"}
"""What is to be learned, and how it is drawn: what to explore with; what to do in every problem."""


class World(NamedTuple):
    """The family as tables."""

    contexts: jax.Array
    """[problems, actions]: what an exploration is, by its action and by what it shows."""
    rewards: jax.Array
    """[problems, actions]: of the exploitation."""
    revealing: int


class Tables(NamedTuple):
    explore: jax.Array
    """[actions]: value of each exploration."""
    exploit: jax.Array
    """[contexts, actions]: value of each exploitation, after what was shown or what was told."""
    counts: jax.Array
    """[contexts, problems]: how often each problem has shown what; the decoder's."""


def world(actions):
    family = dreamrl.make("tabular-didactic", actions=actions)
    key, ids = jax.random.key(0), jnp.arange(actions)

    def play(goal, i, action):
        problem = family.problem(i)
        return family.step(key, problem, goal, family.reset(key, problem)[0], action)[1]

    def table(goal):
        return jax.vmap(jax.vmap(functools.partial(play, goal), (None, 0)), (0, None))(ids, ids)

    shown = table(None).observation
    contexts = jnp.where(shown > 0, actions + shown - 1, jnp.arange(actions))
    return World(contexts, table(jnp.array(0)).reward, family.revealing)


def choose(values, epsilon, chance):
    """The best action, or with a chance of epsilon any; equally good ones are equally likely.

    `chance` are three uniform numbers.
    """
    best = values == values.max()
    nth = (chance[1] * best.sum()).astype(int)
    greedy = (jnp.cumsum(best) > nth).argmax()
    return jnp.where(chance[0] < epsilon, (chance[2] * len(values)).astype(int), greedy)


def learn(values, index, target, rate):
    return values.at[index].add(rate * (target - values[index]))


def end_to_end(world, tables, problem, chances, epsilon, rate):
    """One learner for the trial: an exploration is worth what can be had after what it shows."""
    action = choose(tables.explore, epsilon, chances[:3])
    context = world.contexts[problem, action]
    pulled = choose(tables.exploit[context], epsilon, chances[3:])
    exploit = learn(tables.exploit, (context, pulled), world.rewards[problem, pulled], rate)
    explore = learn(tables.explore, action, exploit[context].max(), rate)
    return Tables(explore, exploit, tables.counts)


def decoupled(world, tables, problem, chances, epsilon, rate):
    """Exploitation is told the problem; exploration is paid for what the decoder gains.

    Problems are encoded one-hot. The decoder's mean is the share of each problem among the
    explorations that looked the same, and before anything is seen among all.
    """
    action = choose(tables.explore, epsilon, chances[:3])
    context = world.contexts[problem, action]
    true = jax.nn.one_hot(problem, tables.counts.shape[1])
    before, seen = tables.counts.sum(0), tables.counts[context]
    before = before / jnp.maximum(before.sum(), 1)
    after = jnp.where(seen.sum() > 0, seen / jnp.maximum(seen.sum(), 1), before)
    gain = ((true - before) ** 2).sum() - ((true - after) ** 2).sum()
    explore = learn(tables.explore, action, gain, rate)
    pulled = choose(tables.exploit[problem], epsilon, chances[3:])
    exploit = learn(tables.exploit, (problem, pulled), world.rewards[problem, pulled], rate)
    return Tables(explore, exploit, tables.counts.at[context, problem].add(1))


METHODS = {"decoupled": decoupled, "end-to-end": end_to_end}


def solved(method, world, tables):
    """Whether the greedy exploration is right, and whether the whole greedy trial is."""
    action = tables.explore.argmax()
    contexts = world.contexts[:, action]
    if method == "decoupled":
        contexts = tables.counts[contexts].argmax(-1)
    pulled = tables.exploit[contexts].argmax(-1)
    right = world.rewards[jnp.arange(len(pulled)), pulled].all()
    return action == world.revealing, right


@functools.partial(jax.jit, static_argnames=("method", "revealing"))
def run(method, contexts, rewards, revealing, key, epsilon, rate):
    """Trials until all is right, and until the exploration is that then stays right.

    It is looked at every few trials.
    """
    known = World(contexts, rewards, revealing)
    actions = len(contexts)
    every = max(1, actions // 2)

    def trial(tables, chances):
        problem = (chances[0] * actions).astype(int)
        return METHODS[method](known, tables, problem, chances[1:], epsilon, rate), None

    def step(carry):
        tables, key, trials, since = carry
        key, now = jax.random.split(key)
        tables, _ = jax.lax.scan(trial, tables, jax.random.uniform(now, (every, 7)))
        trials = trials + every
        right = jnp.stack(solved(method, known, tables))
        since = jnp.where(since == 0, trials, since)
        return tables, key, trials, jnp.where(right, since, 0)

    def going(carry):
        return (carry[3][1] == 0) & (carry[2] < MOST)

    start = jnp.zeros((2 * actions, actions))
    tables = Tables(jnp.zeros(actions), start, start)
    return jax.lax.while_loop(going, step, (tables, key, 0, jnp.zeros(2, int)))[3]


def measure(method, actions, seeds, epsilon, rate):
    """For each target, the trials that each seed took."""
    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    one = functools.partial(run, method, *world(actions))
    trials = np.asarray(jax.vmap(lambda key: one(key, epsilon, rate))(keys))
    if not trials.all():
        raise SystemExit(f"{method} with {actions} actions is not done after {MOST} trials")
    return {target: trials[:, i].tolist() for i, target in enumerate(TARGETS)}


def exponent(by_size, target):
    """The power of |A| that medians over seeds grow with, by least squares on their logarithms."""
    medians = [np.median(found[target]) for found in by_size.values()]
    return float(np.polyfit(np.log(list(by_size)), np.log(medians), 1)[0])


def draw(results, path):
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels = figure.subplots(1, len(results), sharey=True)
    for axes, (epsilon, methods) in zip(panels, results.items(), strict=True):
        for method, by_size in methods.items():
            for target, style in TARGETS.items():
                quartiles = [np.percentile(by_size[n][target], (25, 50, 75)) for n in by_size]
                low, middle, high = np.transpose(quartiles)
                label = f"{LABELS[method]}, {target}: |A|^{exponent(by_size, target):.2f}"
                color = COLORS[method]
                axes.plot(SIZES, middle, marker="o", ls=style, color=color, label=label)
                axes.fill_between(SIZES, low, high, color=color, alpha=0.15, lw=0)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(SIZES, [str(size) for size in SIZES])
        axes.set_xlabel("actions |A|, and as many problems")
        random = "all actions random" if epsilon == 1 else f"one action in {1 / epsilon:.0f} random"
        axes.set_title(f"ε = {epsilon:g}: {random}", fontsize=10)
        axes.legend(frameon=False, fontsize=8)
        bare(axes)
    panels[0].set_ylabel("trials until it is learned")
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=DPI)


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--epsilons", type=float, nargs="+", default=(1.0, 0.1))
    arguments.add_argument("--rate", type=float, default=0.1, help="learning rate of all values")
    arguments.add_argument("--dry", action="store_true", help="print only, write nothing")
    asked = arguments.parse_args()
    begin = time.perf_counter()
    results = {epsilon: {method: {} for method in METHODS} for epsilon in asked.epsilons}
    for epsilon, methods in results.items():
        for method, by_size in methods.items():
            for size in SIZES:
                by_size[size] = measure(method, size, asked.seeds, epsilon, asked.rate)
                medians = "".join(f"{np.median(by_size[size][t]):>10.0f}" for t in TARGETS)
                print(f"ε {epsilon:<5g}{method:<12}{size:>4}{medians}", flush=True)
    seconds = round(time.perf_counter() - begin, 1)
    exponents = {
        epsilon: {m: {t: exponent(by_size, t) for t in TARGETS} for m, by_size in ms.items()}
        for epsilon, ms in results.items()
    }
    print(json.dumps(exponents, indent=2), f"{seconds} s")
    if asked.dry:
        return
    keep(
        "didactic",
        command(__spec__.name),
        seconds=seconds,
        settings={"epsilons": list(asked.epsilons), "rate": asked.rate, "initial_value": 0.0},
        seeds=list(range(asked.seeds)),
        exponents=exponents,
        trials=results,
    )
    draw(results, DOCS / "figures" / "didactic.png")


if __name__ == "__main__":
    sys.exit(main())
