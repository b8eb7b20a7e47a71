"""Steps a second against seeds, trials, devices and worker processes, and how well they scale.

    python -m benchmarks.speed.scaling           all points, some ten minutes on two quiet cores
    python -m benchmarks.speed.scaling --table   the figure and the table of docs/speed.md

DREAM on distracting-bus, one dial at a time, each point a process of its own, all updates, the
median chunk. Seeds are spread over a device a core; trials are of one seed on one device, and the
decoder's explorations an update grow with them. Devices are those that `benchmarks.speed.devices`
measured. Workers are those of `dreamrl sweep --workers N`, on eight cells of RL² whose programs
are compiled already: steps of all cells by the seconds of the whole command, imports, evaluations
and all. Efficiency is the rate by that of one times as many, or of as many as there are cores.
The result is benchmarks/results/scaling.json; asked for again, a point keeps its faster
measurement, as whatever else a machine does makes it slower.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.program import DOCS, command, in_process, keep, kept, parser, program
from dreamrl.host import cores

SEEDS = (1, 2, 4, 8, 16, 64)
TRIALS = (256, 4096, 16_384, 65_536)
WORKERS = (1, 2, 4, 8)
DIALS = {"seeds": SEEDS, "trials": TRIALS, "workers": WORKERS}
USUAL = 512
"""Trials of the preset."""
ITERATIONS = 32
"""Of one seed with the usual trials, in a chunk: as much work in all."""
CELLS = tuple(f"{rate}e-3" for rate in range(1, 9))
"""Learning rates of a sweep's cells."""
CELLS_OF = "rl2:iterations=40"
AGENT, FAMILY = "dream", "distracting-bus"


def measure(seeds: int, trials: int, chunks: int) -> dict[str, Any]:
    import jax

    from dreamrl import families
    from dreamrl.agents import registry

    jax.config.update("jax_num_cpu_devices", len(cores()))
    from benchmarks.rates import trained_for, widened

    settings = widened(registry.settings_for(AGENT, FAMILY), trials)
    trainer = registry.make_trainer(AGENT, families.make(FAMILY), settings, seeds)
    chunk = max(1, ITERATIONS * USUAL // trials // seeds)
    _, figures = trained_for(trainer, range(seeds), chunk, chunks)
    return {"seeds": seeds, "trials": trials, "chunk": chunk, **figures}


def sweep(workers: int, directory: Path) -> dict[str, Any]:
    """Time a sweep whose programs were compiled by another like it."""
    # A worker that has all cores compiles other programs than one that has a share of them.
    cache = directory / ("whole" if workers == 1 else "share")
    if not cache.exists():
        swept(workers, directory / f"first-{workers}", cache)
    out = directory / f"workers-{workers}"
    begin = time.perf_counter()
    swept(workers, out, cache)
    seconds = time.perf_counter() - begin
    steps = sum(json.loads(path.read_text())["steps"] for path in out.glob("runs/**/run.json"))
    return {"workers": workers, "seconds": seconds, "steps_per_second": steps / seconds}


def swept(workers: int, out: Path, cache: Path) -> None:
    words = ["sweep", CELLS_OF, "--family", FAMILY, "--over", f"learning_rate={','.join(CELLS)}"]
    words += ["--seeds", "1", "--workers", str(workers), "--out", str(out)]
    subprocess.run(
        [sys.executable, "-m", "dreamrl", *words],
        env=os.environ | {"DREAMRL_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def run(asked: argparse.Namespace) -> None:
    found = {dial: {p[dial]: p for p in kept("scaling").get(dial, ())} for dial in DIALS}

    def add(dial: str, point: dict[str, Any]) -> None:
        print(point, flush=True)
        before = found[dial].get(point[dial], {"steps_per_second": 0.0})
        found[dial][point[dial]] = max(point, before, key=lambda p: p["steps_per_second"])

    points = [("seeds", n, USUAL) for n in asked.seeds] + [("trials", 1, n) for n in asked.trials]
    for dial, *point in points:
        words = [__spec__.name, "--chunks", str(asked.chunks), "--point", json.dumps(point)]
        add(dial, in_process(words))
    with tempfile.TemporaryDirectory() as directory:
        for number in asked.workers:
            add("workers", sweep(number, Path(directory)))
    ordered = {dial: [points[n] for n in sorted(points)] for dial, points in found.items()}
    keep("scaling", command(__spec__.name), cores=len(cores()), seed=0, **ordered)


def dials() -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """Return each dial's points, with what they did with one of it, and on how many cores."""
    held = kept("scaling")
    alone = next(p for p in held["seeds"] if p["seeds"] == 1)
    held["trials"] = sorted([*held["trials"], alone], key=lambda p: p["trials"])
    found = {dial: (held["cores"], held[dial]) for dial in DIALS}
    measured = kept("devices")["measured"][f"{AGENT} on {FAMILY}"]
    points = [p for p in measured["points"] if p["seeds"] == p["devices"]]
    return found | {"devices": (measured["cores"], points)}


def efficiency(dial: str, point: dict[str, Any], first: float, cores: int) -> float:
    """Return the rate by that of the usual one, times as many as can be at work at once."""
    at_once = 1 if dial == "trials" else min(point[dial], cores)
    return point["steps_per_second"] / first / at_once


def draw() -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(11, 3), sharey=True, layout="constrained")
    for axis, (dial, (number, points)) in zip(axes, dials().items(), strict=True):
        first = usual(dial, points)
        x = [p[dial] for p in points]
        axis.plot(x, [p["steps_per_second"] / 1e3 for p in points], "o-")
        best = [first / 1e3 * (1 if dial == "trials" else min(n, number)) for n in x]
        axis.plot(x, best, "--", color="gray")
        axis.set(xscale="log", xlabel=dial, ylim=(0, None))
        axis.set_xscale("log", base=2)
    axes[0].set_ylabel("thousand steps a second")
    figure.savefig(DOCS / "figures" / "scaling.png", dpi=110)


def usual(dial: str, points: list[dict[str, Any]]) -> float:
    """Return the rate that others are measured by: of one, or of the preset's trials."""
    by = USUAL if dial == "trials" else 1
    return next(p["steps_per_second"] for p in points if p[dial] == by)


def table() -> str:
    heads = ("dial", "", "steps/s", "efficiency", "memory, MB", "compiling, s")
    rows = []
    for dial, (number, points) in dials().items():
        for p in points:
            share = efficiency(dial, p, usual(dial, points), number)
            rate = f"{p['steps_per_second']:,.0f}"
            once = "compile_seconds" in p
            memory = f"{p['peak_memory_mb']:,.0f}" if once else ""
            compiling = f"{p['compile_seconds']:.0f}" if once else ""
            rows.append((dial, f"{p[dial]:,}", rate, f"{share:.0%}", memory, compiling))
    held = kept("scaling")
    return (
        f"![steps a second](figures/scaling.png)\n\n{pages.table(heads, rows)}\n\n"
        f"Made by `{held['command']}` on {held['date']}, {held['cores']} cores, seed 0 and up, "
        f"the faster of two measurements where there are two; devices: `python -m "
        f"benchmarks.speed.devices`. Dashed: what one does, times as many as there are cores for."
    )


@program
def main() -> None:
    arguments = parser(__doc__)
    for dial, numbers in DIALS.items():
        arguments.add_argument(f"--{dial}", nargs="*", type=int, default=numbers)
    arguments.add_argument("--chunks", type=int, default=3)
    arguments.add_argument("--table", action="store_true", help="only draw and write the table")
    arguments.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.point:
        print(json.dumps(measure(*asked.point, asked.chunks)))
        return
    if not asked.table:
        run(asked)
    draw()
    pages.put(DOCS / "speed.md", "scaling", table())


if __name__ == "__main__":
    sys.exit(main())
