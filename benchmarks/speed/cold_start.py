"""How long a new user waits for DREAM: one process a seed, with nothing compiled before.

    python benchmarks/grid.py distracting-bus --seeds 5

The figures go to benchmarks/results/FAMILY.json. benchmarks/paper.py trains seeds side by side.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

RESULTS = pathlib.Path(__file__).parent / "results"
COMMAND = [sys.executable, "-m", "dreamrl.cli"]


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("family")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--level", type=float, default=0.75)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        directories = [root / f"seed-{seed}" for seed in range(asked.seeds)]
        for seed, out in enumerate(directories):
            # A cache of its own: compiling is part of what a new user waits for.
            words = ("train", "dream", asked.family, "--seed", seed, "--out", out)
            run(*words, cache=root / f"cold-{seed}")
        seeds = [measure(directory, asked.trials, asked.level) for directory in directories]
        manifest = json.loads((directories[0] / "run.json").read_text())
    times = [s["seconds_to_level"] for s in seeds]
    result = {
        "family": asked.family,
        "command": "python benchmarks/grid.py " + " ".join(sys.argv[1:]),
        "date": datetime.date.today().isoformat(),
        "level": asked.level,
        "median_seconds_to_level": None if None in times else statistics.median(times),
        "settings": manifest["settings"],
        "versions": manifest["versions"],
        "seeds": seeds,
    }
    path = RESULTS / f"{asked.family}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    for seed in seeds:
        print(json.dumps(seed))
    print(f"{path}: median {result['median_seconds_to_level']} s to {asked.level}")


if __name__ == "__main__":
    main()
