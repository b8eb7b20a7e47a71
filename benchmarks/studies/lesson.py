"""The numbers of the lesson that need training: python -m benchmarks.studies.lesson.

An agent in the kitchen, by its preset; one on distracting-bus at each λ, trained briefly, with what
z holds of each line and which lines are ridden; and which loss's gradient reaches which part. Runs
that are in --out already are taken as they are, unless their settings have changed. The numbers go
to benchmarks/results/lesson.json; python -m tools.lesson makes the page of them.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import dreamrl
from benchmarks.program import command, keep, parser, program
from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.dream.algorithm import Dream
from dreamrl.agents.dream.settings import AT_ONCE, DreamSettings
from dreamrl.agents.loop import Trainer
from dreamrl.configuration import changed
from dreamrl.deploy.contents import contents
from dreamrl.families.bus import AT_CORNERS, NEXT
from dreamrl.report import boards
from dreamrl.report.trials import trials
from dreamrl.runs.run import Run

WEIGHTS = (0.0, 0.02, 0.1, 0.3, 1.0)
"""λ: the price of |f|²/2."""
BUDGET = (300, 256)
"""Iterations and trials of the runs at each λ."""
MEALS = (27, 52, 10)
"""Problems in which the agent in the kitchen is seen, two of training and one not."""
DRAWN = 8
"""Seed of their goals: recipes of two ingredients, not of one twice."""
FACTS = [f"coloured, {side}" for side in NEXT.names] + [
    f"gray, {corner}" for corner in AT_CORNERS.names
]
"""Each line by its stop near the start."""
RHO = 0.1
BY_NORM = {
    "bottleneck": "fixed",
    "bottleneck.bound": "norm",
    "bottleneck.weight_begin": 0.0,
    "bottleneck.weight_end": AT_ONCE,
}
"""The paper's bottleneck, at a fixed price from the start."""
SMALL = changed(
    DreamSettings(),
    {"iterations": 60, "trials": 64, "encoding.z": 4, "decoder.batch": 64, "decoder.replay": 1024},
)
LOSSES = {
    "exploitation": "exploitation: return, and the price of z",
    "decoder": "decoder: error to the true z",
    "exploration": "exploration: information gained",
}


def played(run, problems):
    """Return trials of an agent on problems, and what a step of exploration then costs."""
    agent, cost = dreamrl.load(run.path), run.manifest["settings"]["exploration"]["cost"]
    known, shown = trials(agent, problems, DRAWN, q_learning=False, draw=False)
    ids = {*problems, *(known["ids"] if known else ())}
    seed = {"seed": 0, "message": None, "alternatives": "probability"}
    return {
        "seed": {**seed, "known": known, "trials": shown},
        "view": boards.view(agent.family, sorted(ids)),
        "goals": [],
    }, round(cost * min(max(run.records[-1]["information"], 0.0), 1.0), 4)


def ridden(agent, ids):
    """The share of explorations in which each line is ridden from its stop near the start."""
    stops = [tuple(map(int, stop)) for stop in (*NEXT.stops, *AT_CORNERS.stops)]
    counts, lengths = np.zeros(len(stops)), []
    for problem in ids:
        explored = agent.explore(problem).trajectory
        places = [tuple(map(int, seen[:2])) for seen in explored.observations]
        rode = {
            here
            for here, there in itertools.pairwise(places)
            if sum(abs(a - b) for a, b in zip(here, there, strict=True)) > 1
        }
        counts += [stop in rode for stop in stops]
        lengths.append(len(explored.actions))
    return counts / len(ids), float(np.mean(lengths))


def squeezed(run, weight):
    """Return what z holds at one λ, what is ridden, and what that returns; and entropies."""
    agent = dreamrl.load(run.path)
    known = agent.known
    told, whole = np.array(list(contents(agent.family, known.encodings, RHO).facts.values())).T
    rides, steps = ridden(agent, known.ids)
    returned = run.manifest["result"]["return_mean"]
    print(f"λ {weight:g}: bits {told.round(2)}, rides {rides.round(2)}, return {returned:.3f}")
    figures = {"bits": told, "ridden": rides}
    rounded = {name: [round(float(x), 3) for x in values] for name, values in figures.items()}
    entropies = [round(float(x), 3) for x in whole]
    about = {"weight": weight, "returned": round(returned, 3), "steps": round(steps, 2)}
    return {**about, **rounded}, entropies


def gradients():
    """The size of each loss's gradient in each component, of an agent in the midst of training."""
    algorithm = Dream(dreamrl.make("bandit"), SMALL)
    trainer = Trainer(algorithm)
    state = jax.jit(trainer.init)(jax.random.key(0))
    step = jax.jit(trainer.iterate)
    for _ in range(SMALL.budget.iterations // 2):
        state, _ = step(state)

    now = Snapshot(state.params, jnp.array(0.5), state.memory)
    new = jax.jit(trainer.play)(now, jnp.array(0), jax.random.key(1))

    def loss(params, name):
        now = Snapshot(params, jnp.array(0.5), state.memory)
        batch, _ = algorithm.prepare(now, new)
        recalled = algorithm.recalled(state.memory, jax.random.key(2))
        losses = algorithm.losses(now, batch, recalled, jax.random.key(3))
        return losses[name](algorithm.groups(params)[name])[0]

    sizes = []
    for name in LOSSES:
        grads = eqx.filter_jit(eqx.filter_grad(loss))(state.params, name)
        parts = (jax.tree.leaves(eqx.filter(part, eqx.is_array)) for part in grads)
        sizes.append([float(np.sqrt(sum(float((x**2).sum()) for x in leaves))) for leaves in parts])
    parts = list(type(state.params)._fields)
    rounded = [[float(f"{size:.3g}") for size in row] for row in sizes]
    return {"losses": list(LOSSES.values()), "parts": parts, "sizes": rounded}


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--out", type=Path, default=Path("runs/lesson"), help="where runs are")
    arguments.add_argument("--weights", type=float, nargs="+", default=WEIGHTS, help="λ")
    arguments.add_argument(
        "--budget",
        type=int,
        nargs=2,
        default=BUDGET,
        metavar=("ITERATIONS", "TRIALS"),
        help="at a λ",
    )
    arguments.add_argument("--dry", action="store_true", help="print only, write nothing")
    asked = arguments.parse_args()
    begin = time.process_time()
    sizes = gradients()
    print(json.dumps(sizes, indent=1))
    runs, entropies = [], []
    budget = dict(zip(("iterations", "trials"), asked.budget, strict=True))
    for weight in asked.weights:
        price = {**BY_NORM, "bottleneck.weight": weight}
        found = trained(asked.out / f"bus-{weight:g}", "distracting-bus", **budget, **price)
        told, entropies = squeezed(found, weight)
        runs.append(told)
    shown, cost = played(trained(asked.out / "cooking", "cooking"), MEALS)
    print(f"{time.process_time() - begin:.0f} s of CPU")
    if not asked.dry:
        weights = [f"{weight:g}" for weight in asked.weights]
        keep(
            "lesson",
            # Where the runs were kept is of this machine alone.
            command(__spec__.name, "--weights", *weights, "--budget", *asked.budget),
            gradients=sizes,
            trial=shown,
            cost=cost,
            bottleneck={"facts": FACTS, "entropy": entropies, "runs": runs},
        )


def trained(path, family, **changes):
    """Return the run of an agent, trained if it is not there yet."""
    dreamrl.train("dream", family, seeds=1, out=path, **changes)
    run = Run(path)
    print(f"{path}: {run.manifest['result']['return_mean']:.3f}", flush=True)
    return run


if __name__ == "__main__":
    sys.exit(main())
