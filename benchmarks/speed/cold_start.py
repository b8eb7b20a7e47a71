"""How long a new user waits for DREAM: one process a seed, with nothing compiled before.

    python -m benchmarks.speed.cold_start distracting-bus --seeds 5
    python -m benchmarks.speed.cold_start distracting-bus --devices-per-seed 2

The figures go to benchmarks/results/FAMILY.json, those of two devices to FAMILY-on-2-devices.json.
benchmarks.paper.run trains seeds side by side.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from benchmarks.program import RESULTS, command, keep, parser, program

COMMAND = [sys.executable, "-m", "dreamrl"]


def run(*words: object, cache: pathlib.Path) -> str:
    """Runs a dreamrl command with the compiled programs in `cache`; returns what it printed."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"DREAMRL_CACHE": str(cache)},
    )
    return done.stdout


def seconds_to(records: list[dict], level: float) -> float | None:
    """Seconds from the start of `dreamrl train` to the first evaluation that reaches `level`."""
    reached = [r["seconds"] for r in records if r.get("return_unseen", -1e9) >= level]
    return round(reached[0], 1) if reached else None


def measure(directory: pathlib.Path, trials: int, level: float) -> dict:
    """What one trained seed comes to."""
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    last = records[-1]
    result = {
        "seed": last["seed"],
        "seconds_to_level": seconds_to(records, level),
        "seconds": round(last["seconds"], 1),
        "compile_seconds": round(last["compile_seconds"], 1),
        "steps": int(last["steps"]),
        "z_squared": last["z_squared"],
        "dual": last["dual"],
    }
    for split in ("unseen", "train"):
        words = ("evaluate", directory, "--split", split, "--trials", trials, "--json")
        found = json.loads(run(*words, cache=directory.parent / "cache"))
        kept = ("return_mean", "return_ci95", "exploration_length_mean", "gray_line_ridden")
        result[split] = {key: found[key] for key in kept if key in found}
    return result


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("family")
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--trials", type=int, default=2000)
    arguments.add_argument("--level", type=float, default=0.75)
    arguments.add_argument("--devices-per-seed", type=int, default=1)
    asked = arguments.parse_args()
    devices = asked.devices_per_seed
    name = f"{asked.family}-on-{devices}-devices" if devices > 1 else asked.family
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        directories = [root / f"seed-{seed}" for seed in range(asked.seeds)]
        for seed, out in enumerate(directories):
            # A cache of its own: compiling is part of what a new user waits for.
            words = ("train", "dream", asked.family, "--seed", seed, "--out", out)
            run(*words, "--devices-per-seed", devices, cache=root / f"cold-{seed}")
        seeds = [measure(directory, asked.trials, asked.level) for directory in directories]
        manifest = json.loads((directories[0] / "run.json").read_text())
    times = [s["seconds_to_level"] for s in seeds]
    median = None if None in times else statistics.median(times)
    keep(
        name,
        command(__spec__.name),
        family=asked.family,
        level=asked.level,
        median_seconds_to_level=median,
        settings=manifest["settings"],
        seeds=seeds,
    )
    for seed in seeds:
        print(json.dumps(seed))
    print(f"{RESULTS / name}.json: median {median} s to {asked.level}")


if __name__ == "__main__":
    sys.exit(main())
