"""Kills workers of a sweep at random moments, and compares what the others make of it.

    python -m benchmarks.faults.workers [--kills 20] [--seed 0]

Four workers (`dreamrl work`) train the cells of a sweep of RL² on a bandit. Now and then one of
them is killed (SIGKILL) and another is started, five times a sweep. At its end every cell must be
finished, none of them twice, and measured returns, learning curves and parameters must be those of
a sweep that one worker did undisturbed, bit for bit. The figures go to
benchmarks/results/workers.json.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from benchmarks.program import command, keep, parser, program

COMMAND = [sys.executable, "-m", "dreamrl"]
WORKERS, PER_SWEEP = 4, 5
AGENT, FAMILY = "rl2:trials=8,minibatches=1,iterations=20", "bandit"
OVER = ("learning_rate=1e-3,2e-3,3e-3", "clip=0.1,0.2")
SEEDS, TRIALS = 2, 16
FLAGS = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
"""Most of the time is spent in compilers, which are not what is tried."""


def start(cache: pathlib.Path, *words: str | pathlib.Path) -> subprocess.Popen:
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"DREAMRL_CACHE": str(cache), "XLA_FLAGS": FLAGS},
    )


def planned(out: pathlib.Path, cache: pathlib.Path, workers: int) -> subprocess.Popen:
    over = [word for each in OVER for word in ("--over", each)]
    numbers = (f"--seeds={SEEDS}", f"--trials={TRIALS}", f"--workers={workers}")
    return start(cache, "sweep", AGENT, "--family", FAMILY, *over, *numbers, "--out", out)


def written(out: pathlib.Path) -> dict[str, int]:
    """When each result was written: a cell that is done twice is written twice."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "cells").glob("*/*.json")}


def results(out: pathlib.Path) -> dict[str, object]:
    """What has come of each cell: all that was measured, and the bytes of all agents."""
    found: dict[str, object] = {}
    for path in (out / "cells").glob("*/*.json"):
        found[path.name] = json.loads(path.read_text())["seeds"]
    for path in (out / "runs").rglob("agent.safetensors"):
        found[str(path.relative_to(out))] = path.read_bytes()
    return found


def disturbed(out: pathlib.Path, cache: pathlib.Path, kills: int, rng: random.Random) -> list[dict]:
    """Work on a sweep while workers are killed; return the kills, and what was written twice."""
    assert planned(out, cache, 0).wait() == 0
    cells, told = len(json.loads((out / "plan.json").read_text())["cells"]), []
    workers = [start(cache, "work", out, "--wait") for _ in range(WORKERS)]
    first: dict[str, int] = {}
    moment = time.monotonic() + rng.uniform(3, 15)
    while any(worker.poll() is None for worker in workers):
        first = {**written(out), **first}
        if len(told) < kills and time.monotonic() > moment and len(first) < cells:
            victim = rng.randrange(WORKERS)
            claims = [path.read_text() for path in (out / "claims").glob("*/*.lock")]
            at_work = any(f"pid {workers[victim].pid} " in claim for claim in claims)
            workers[victim].kill()
            workers[victim].wait()
            told.append({"at_work": at_work, "cells_done": len(first)})
            workers[victim] = start(cache, "work", out, "--wait")
            moment = time.monotonic() + rng.uniform(1, 10)
        time.sleep(0.02)
    twice = [name for name, when in written(out).items() if first.get(name, when) != when]
    return [{**kill, "twice": twice} for kill in told]


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=0, help="of the moments")
    asked = arguments.parse_args()
    rng, begin = random.Random(asked.seed), time.monotonic()
    kills: list[dict] = []
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        assert planned(root / "whole", root / "cache", 1).wait() == 0
        whole, number = results(root / "whole"), 0
        while len(kills) < asked.kills:
            out = root / f"sweep-{number}"
            wanted = min(PER_SWEEP, asked.kills - len(kills))
            own, number = disturbed(out, root / "cache", wanted, rng), number + 1
            found = results(out)
            lost = sorted(whole.keys() - found.keys())
            wrong = [name for name in found if found[name] != whole.get(name)]
            kills += [{**kill, "lost": lost, "different": wrong} for kill in own]
            print(f"sweep {number}: {len(own)} kills, {lost or wrong or 'identical'}", flush=True)
    result = keep(
        "workers",
        command(__spec__.name),
        kills=len(kills),
        of_workers_within_a_cell=sum(kill["at_work"] for kill in kills),
        every_cell_finished=sum(not kill["lost"] for kill in kills),
        none_twice=sum(not kill["twice"] for kill in kills),
        results_identical=sum(not (kill["different"] or kill["lost"]) for kill in kills),
        sweeps=number,
        cells_a_sweep=sum(name.endswith(".json") for name in whole),
        workers=WORKERS,
        minutes=round((time.monotonic() - begin) / 60, 1),
        agent=AGENT,
        family=FAMILY,
        over=list(OVER),
    )
    for name in ("every_cell_finished", "none_twice", "results_identical"):
        print(f"{name.replace('_', ' ')}: {result[name]} of {result['kills']} kills")


if __name__ == "__main__":
    sys.exit(main())
