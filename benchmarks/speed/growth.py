"""What more problems and longer episodes cost DREAM: time a step, memory, return.

    python -m benchmarks.speed.growth            all points, 8 minutes on two quiet cores
    python -m benchmarks.speed.growth --draw     the figure and the table of docs/growth.md

One dial at a time of the family `growth`, each point in a process of its own: the same number of
environment steps an iteration, the same number of iterations. The figures go to
benchmarks/results/growth.json.
"""

import argparse
import json
import resource
import statistics
import sys

from benchmarks import pages
from benchmarks.program import DOCS, command, in_process, keep, kept, parser, program

PROBLEMS = (24, 240, 2400, 24_000, 100_000)
HORIZONS = (10, 20, 50, 100, 200, 500)
USUAL = {"problems": 240, "horizon": 20}
STEPS = 5120
"""Environment steps of the explorations of an iteration, about."""


def measure(problems: int, horizon: int, iterations: int) -> dict:
    from dreamrl import families
    from dreamrl.agents import registry
    from dreamrl.configuration import changed
    from dreamrl.listener import Callbacks
    from dreamrl.training import Plan, train

    family = families.make("growth", problems=problems, horizon=horizon)
    trials = 2 ** (STEPS // horizon).bit_length() // 2
    changes = {
        "iterations": iterations,
        "trials": trials,
        "decoder.replay": 32 * trials,
        "decoder.batch": max(8, trials // 2),
    }
    # Trials must divide the replay: both change at once.
    settings = changed(registry.settings_for("dream", "growth"), changes)
    records: list = []
    algorithm = registry.make_trainer("dream", family, settings)
    plan = Plan(chunk=25, evaluate_every=iterations, evaluation_trials=256)
    training = train(algorithm, (0,), plan, Callbacks(records.extend))
    rate = statistics.median(record["steps_per_second"] for record in records)
    last = records[-1]
    return {
        "problems": problems,
        "horizon": horizon,
        "trials": trials,
        "microseconds_per_step": 1e6 / rate,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
        "return_unseen": last["return_unseen"],
        "exploration_length": last["exploration_length"],
        "steps": last["steps"],
        "seconds": training.seconds,
        "compile_seconds": training.compile_seconds,
    }


def run(iterations: int) -> None:
    points = [USUAL | {"problems": n} for n in PROBLEMS]
    points += [USUAL | {"horizon": n} for n in HORIZONS]
    found: list[dict] = []
    for point in points:
        if any(all(old[dial] == point[dial] for dial in point) for old in found):
            continue
        words = [__spec__.name, "--point", json.dumps(point)]
        words += ["--iterations", str(iterations)]
        found.append(in_process(words))
        print(found[-1], flush=True)
    keep("growth", command(__spec__.name), iterations=iterations, seed=0, points=found)


def draw() -> None:
    import matplotlib.pyplot as plt

    result = kept("growth")
    rows = (
        ("microseconds_per_step", "microseconds a step"),
        ("peak_memory_mb", "memory, MB"),
        ("return_unseen", "return, unseen problems"),
    )
    figure, axes = plt.subplots(len(rows), 2, figsize=(8, 7), sharex="col", layout="constrained")
    for column, dial in enumerate(("problems", "horizon")):
        other = "horizon" if dial == "problems" else "problems"
        points = sorted(
            (p for p in result["points"] if p[other] == USUAL[other]), key=lambda p: p[dial]
        )
        for row, (name, label) in enumerate(rows):
            axis = axes[row, column]
            axis.plot([p[dial] for p in points], [p[name] for p in points], "o-")
            axis.set(xscale="log", ylim=(0, None))
            if column == 0:
                axis.set_ylabel(label)
        axes[-1, column].set_xlabel(f"{dial}, at {other} {USUAL[other]}")
    figure.savefig(DOCS / "figures" / "growth.png", dpi=110)
    heads = ("problems", "horizon", "microseconds a step", "memory", "return")
    table = [
        (
            f"{p['problems']:,}",
            p["horizon"],
            f"{p['microseconds_per_step']:.1f}",
            f"{p['peak_memory_mb']:,.0f} MB",
            f"{p['return_unseen']:.2f}",
            f"{p['exploration_length']:.1f} steps",
            f"{p['compile_seconds']:.0f} s",
        )
        for p in result["points"]
    ]
    made_by = f"Made by `python -m {__spec__.name}`, seed 0, {result['iterations']} iterations"
    text = pages.table((*heads, "exploration", "compiling"), table, left=0)
    pages.put(DOCS / "growth.md", "table", f"{text}\n\n{made_by}, on {result['date']}.")


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--iterations", type=int, default=150)
    arguments.add_argument("--draw", action="store_true", help="only draw what is there")
    arguments.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.point:
        print(json.dumps(measure(**asked.point, iterations=asked.iterations)))
        return
    if not asked.draw:
        run(asked.iterations)
    draw()


if __name__ == "__main__":
    sys.exit(main())
