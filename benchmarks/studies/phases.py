"""Which part matters when: methods on `gauges` with two dials turned at a time.

    python -m benchmarks.studies.phases [DIAGRAM...]     train what is missing
    python -m benchmarks.studies.phases --docs           the figures and tables of docs/phases.md

Three seeds a point, 300 iterations of 256 trials. A point is done in its own time, some ten seconds
on one core; stopped at any moment, the same command goes on. The numbers go to
benchmarks/results/phases.json.
"""

import os
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, NamedTuple

from benchmarks import pages
from benchmarks.program import DOCS, command, keep, kept, parser, program

SEEDS = (10, 11, 12)
BUDGET = {"iterations": 300, "trials": 256}
LARGE = {"encoding.scale": 22.0}
"""Encodings begin as far apart as the released ones: noise hides none of what they hold."""
NONE = {"bottleneck": "none"}
EARLY = {
    "bottleneck.first_dual": 0.05,
    "bottleneck.weight_begin": 0.05,
    "bottleneck.weight_end": 0.2,
}
"""Information has a price of ten times as much, and from the start: for exploitation that is
learned soon (in the kitchen, where it is learned late, z would be given up)."""

Point = dict[str, int]


class Method(NamedTuple):
    agent: str
    changes: dict[str, Any]


class Dial(NamedTuple):
    """One axis: its values by name, each so many fields."""

    title: str
    values: dict[str, Point]


class Diagram(NamedTuple):
    family: str
    fields: Point
    across: Dial
    down: Dial
    methods: dict[str, Method]
    expected: str
    """Written down before any of it was trained, but for what it says of pilots."""

    def points(self) -> Iterator[tuple[str, Point]]:
        for below, fields in self.down.values.items():
            for beside, more in self.across.values.items():
                yield f"{below} | {beside}", {**self.fields, **fields, **more}


DREAM = Method("dream", {})
RIVALS = {
    "random-exploration": Method("random-exploration", {}),
    "rl2": Method("rl2", {}),
    "import": Method("import", {}),
    "varibad": Method("varibad", {}),
    "pearl": Method("pearl", {}),
}


def _counts(field: str, numbers: tuple[int, ...]) -> dict[str, Point]:
    return {str(number): {field: number} for number in numbers}


def _presses(*pairs: tuple[int, int]) -> dict[str, Point]:
    names = "relevant_presses", "irrelevant_presses"
    return {f"{r} : {i}": dict(zip(names, (r, i), strict=True)) for r, i in pairs}


DIAGRAMS = {
    "distractors": Diagram(
        "described-gauges",
        {"entries": 2},
        Dial("gauges that do not matter", _counts("irrelevant", (0, 1, 2, 4, 6))),
        Dial(
            "steps to see one that matters : another",
            _presses((1, 2), (1, 1), (2, 2), (2, 1), (3, 1)),
        ),
        {
            "dream": DREAM,
            "no bottleneck": Method("dream", NONE),
            "dream, large": Method("dream", LARGE),
            "no bottleneck, large": Method("dream", {**LARGE, **NONE}),
            "early": Method("dream", EARLY),
            "early, large": Method("dream", {**LARGE, **EARLY}),
            **RIVALS,
        },
        "No problem is seen twice, so nothing can be learned by heart. dream: the best everywhere "
        "but at 3 : 1 with 4 and more, where chance shows a gauge that matters once in 10 trials "
        "and less. No bottleneck: the same, as encodings begin small and grow in what matters "
        "(pilots, three seeds: on 256 numbered problems with 2 others at 2 : 1 1.00 with and "
        "without; here at 2 : 2 dream 1.00, rl2 0.60 to 1.00, varibad 0.60 to 0.78, pearl 0.5). "
        "Large: "
        "with a bottleneck as dream; without one gauges that do not matter are seen in place of "
        "those that do wherever they are nearer (2 : 1, 3 : 1) and there are as many, where it is "
        "worth 0.25 to 0.5. rl2, import: the best at 1 step and few gauges, blind at 3 : 1. "
        "varibad: below, as it must model all gauges alike. random-exploration: near its exact "
        "value. pearl: blind to 0.5. Early (said after the first five had come, and pilots of it "
        "at 2 : 1 and 3 : 1 with 4): the best wherever dream is, large or not, as then z holds "
        "what matters and no more before explorations are settled.",
    ),
    "difficulty": Diagram(
        "gauges",
        {"relevant_presses": 2},
        Dial("right entries until it pays", _counts("entries", (1, 2, 3, 4, 5))),
        Dial("steps of an exploration", _counts("exploration", (4, 5, 6, 8, 12))),
        {"dream": DREAM, "no bottleneck": Method("dream", NONE), **RIVALS},
        "dream: the best wherever exploitation on the true z is learned, up to 4 entries (1 in "
        "256 by chance, and 256 trials an iteration); at 5 blind or by luck. rl2, import, varibad: "
        "as good at 1 entry, and falling with each, as use and search must be found at once: "
        "blind at 4. Longer explorations help them and random-exploration, and change nothing for "
        "dream.",
    ),
    "training": Diagram(
        "gauges",
        {"relevant_presses": 2, "entries": 2},
        Dial("training problems", _counts("training", (16, 32, 64, 128, 256))),
        Dial("gauges that do not matter", _counts("irrelevant", (1, 2, 3, 4, 6))),
        {
            "dream": DREAM,
            "no bottleneck": Method("dream", NONE),
            "described": Method("dream", {"described": True}),
            **RIVALS,
        },
        "Where problems are few, those that do not matter tell which one it is, sooner than those "
        "that do: all methods are good in training and near 0.5 on unseen problems, the more so "
        "the fewer problems and the more gauges (pilot: 64 problems, 2 gauges, 3 entries: dream "
        "0.53 unseen and 0.83 in training, rl2 0.59 to 1.00; 160 and 256: dream 1.00). The "
        "bottleneck helps little, as even what matters is told by what does not. Described: a "
        "little better.",
    ),
}


def measure(agent: str, family_name: str, fields: Point, changes: dict[str, Any]) -> dict[str, Any]:
    """Return what one method comes to at one point, in lists by seed."""
    import jax
    import jax.numpy as jnp

    from dreamrl import families
    from dreamrl.agents import registry
    from dreamrl.configuration import changed
    from dreamrl.evaluation import outcomes, spread
    from dreamrl.training import Plan, train

    changes = dict(changes)
    if changes.pop("described", False):
        family_name = f"described-{family_name}"
    asked = fields.get("training", 0)
    family = families.make(family_name, **fields | {"training": 0})
    if 0 < asked < family.problems:
        family = families.make(family_name, **fields)
    settings = changed(registry.settings_for(agent, family_name), {**BUDGET, **changes})
    algorithm = registry.make_trainer(agent, family, settings)
    plan = Plan(chunk=100, evaluate_every=BUDGET["iterations"], evaluation_trials=512)
    training = train(algorithm, SEEDS, plan)
    ids = jnp.array(spread(family.test_ids, 512))
    keys = jax.random.split(jax.random.key(0), 512)

    @jax.jit
    @jax.vmap
    def seen(state):
        return outcomes(family, algorithm.agent(state), ids, keys).statistics

    counted = seen(training.state)
    per_seed = {
        "unseen": [record["return_unseen"] for record in training.records],
        "training": [record["return_train"] for record in training.records],
        "steps": [record["exploration_length"] for record in training.records],
        **{kind: counted[f"{kind}_seen"].mean(1).tolist() for kind in ("relevant", "irrelevant")},
    }
    jax.clear_caches()  # A worker has many points to do.
    rounded = {name: [round(float(x), 3) for x in values] for name, values in per_seed.items()}
    values = family.values()
    exact = {name: round(getattr(values, name), 4) for name in ("blind", "random", "best")}
    return rounded | exact | {"seconds": round(training.seconds)}


def run(names: list[str], methods: list[str] | None, workers: int) -> None:
    """Train what is missing of these diagrams, so many points side by side."""
    results = kept("phases").get("results", {})
    # A point is small: compiling it well takes longer than running it, and so do several threads.
    os.environ |= {"XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false", "NPROC": "1"}
    expected = {name: diagram.expected for name, diagram in DIAGRAMS.items()}
    terms = {"seeds": SEEDS, **BUDGET, "expected": expected}
    fresh = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=fresh) as pool:
        asked = {}
        for name in names:
            diagram = DIAGRAMS[name]
            for method in methods or diagram.methods:
                agent, changes = diagram.methods[method]
                for point, fields in diagram.points():
                    if point not in results.get(name, {}).get(method, {}):
                        job = pool.submit(measure, agent, diagram.family, fields, changes)
                        asked[job] = name, method, point
        for number, job in enumerate(as_completed(asked), 1):
            name, method, point = asked[job]
            results.setdefault(name, {}).setdefault(method, {})[point] = job.result()
            keep("phases", command(__spec__.name), **terms, results=results)
            print(f"{number} of {len(asked)}", *asked[job], job.result()["unseen"], flush=True)


def share(cell: dict[str, Any], kind: str = "unseen") -> float:
    """Return the mean over seeds, between no exploration (0) and the best one (1)."""
    return _between(cell, statistics.fmean(cell[kind]))


def _between(cell: dict[str, Any], value: float) -> float:
    return (value - cell["blind"]) / (cell["best"] - cell["blind"])


def table(diagram: Diagram, found: dict[str, Any]) -> str:
    """Return over how many points each method is good, and what came of it, as Markdown."""
    rows = []
    for method in diagram.methods:
        cells = found.get(method, {}).values()
        if not cells:
            continue
        shares = [share(cell) for cell in cells]
        counts = [sum(x >= level for x in shares) for level in (0.95, 0.5)]
        seeds = [_between(c, x) for c in cells for x in c["unseen"]]
        training = statistics.fmean(share(cell, "training") for cell in cells)
        seen = [
            statistics.fmean(x for c in cells for x in c[k]) for k in ("relevant", "irrelevant")
        ]
        means = [statistics.fmean(shares), min(shares), min(seeds), training, *seen]
        rows.append((f"`{method}`", len(cells), *counts, *(f"{x:.2f}" for x in means)))
    heads = ("method", "points", "≥ 0.95", "≥ 0.5", "mean", "lowest point", "lowest seed")
    return pages.table((*heads, "in training", "seen that matter", "others seen"), rows)


def draw(name: str, diagram: Diagram, found: dict[str, Any]) -> None:
    """Draw a map for each method: how much of what exploring is worth it comes to."""
    import matplotlib.pyplot as plt
    import numpy as np

    methods = [method for method in diagram.methods if found.get(method)]
    columns = min(5, len(methods))
    lines = -(-len(methods) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(2.5 * columns, 2.6 * lines), squeeze=False, layout="constrained"
    )
    across, down = list(diagram.across.values), list(diagram.down.values)
    for place, axis in enumerate(axes.flat):
        if place >= len(methods):
            axis.set_axis_off()
            continue
        cells = found[methods[place]]
        grid = np.array(
            [
                [share(cells[key]) if (key := f"{y} | {x}") in cells else np.nan for x in across]
                for y in down
            ]
        )
        shown = axis.imshow(grid, vmin=0, vmax=1, cmap="viridis", origin="lower", aspect="auto")
        for (row, column), value in np.ndenumerate(grid):
            color = "black" if value > 0.6 else "white"
            text = "" if np.isnan(value) else f"{value:.2f}"
            axis.text(column, row, text, ha="center", va="center", color=color, fontsize=7)
        axis.set_title(methods[place], fontsize=9)
        axis.set_xticks(range(len(across)), across, fontsize=7)
        axis.set_yticks(range(len(down)), down, fontsize=7)
    figure.supxlabel(diagram.across.title, fontsize=9)
    figure.supylabel(diagram.down.title, fontsize=9)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="0: no exploration, 1: the best one")
    figure.savefig(DOCS / "figures" / f"phases-{name}.png", dpi=110)
    plt.close(figure)


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("diagrams", nargs="*", metavar="DIAGRAM", help=", ".join(DIAGRAMS))
    arguments.add_argument(
        "--methods", nargs="+", metavar="METHOD", help="of a diagram; default all"
    )
    arguments.add_argument("--workers", type=int, default=2, help="points side by side")
    arguments.add_argument("--docs", action="store_true", help="write the page, train nothing")
    asked = arguments.parse_args()
    if not asked.docs:
        run(asked.diagrams or list(DIAGRAMS), asked.methods, asked.workers)
    for name, found in kept("phases").get("results", {}).items():
        text = table(DIAGRAMS[name], found)
        print(f"{name}\n\n{text}\n")
        if asked.docs:
            pages.put(DOCS / "phases.md", f"table: {name}", text)
            draw(name, DIAGRAMS[name], found)


if __name__ == "__main__":
    sys.exit(main())
