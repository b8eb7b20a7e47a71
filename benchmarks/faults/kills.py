"""Kills a real training of DREAM at random moments, resumes it, and compares it bit for bit.

    python -m benchmarks.faults.kills [--kills 50] [--seed 0]

A run that nobody disturbs keeps all its checkpoints. Other runs are killed (SIGKILL), five times
each if they last so long: at any moment from the start of the process on, while they train, or as
soon as a checkpoint has begun to be written. After each kill every checkpoint that is there, and
at the end parameters, last state and metrics, must be those of the undisturbed run; clocks are
left out. A kill counts as identical if all comparisons of its run hold. The figures go to
benchmarks/results/kills.json.
"""

import collections
import itertools
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
SETTINGS = {
    "iterations": 200,
    "trials": 32,
    "minibatches": 2,
    "exploitation.hidden": 16,
    "exploration.hidden": 8,
    "z": 4,
    "replay": 256,
    "decoder.batch": 16,
}
TERMS = {"chunk": 2, "evaluation-trials": 8, "checkpoint-every": 0}
CLOCKS = ("seconds", "compile_seconds", "steps_per_second")
KINDS = ("any moment", "training", "writing", "training", "writing")


def start(out: pathlib.Path, cache: pathlib.Path, **terms: int) -> subprocess.Popen:
    """A process that trains: a new run, or the one that is there already."""
    words = [f"--{name}={value}" for name, value in {**SETTINGS, **TERMS, **terms}.items()]
    begun = (out / "run.json").exists()
    asked = ["resume", out] if begun else ["train", "dream", "bus", "--out", out, *words]
    return subprocess.Popen(
        [*COMMAND, *map(str, asked)],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"DREAMRL_CACHE": str(cache)},
    )


def metrics(out: pathlib.Path) -> list[dict]:
    """All whole lines, without clocks."""
    path = out / "metrics.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    records = [json.loads(line) for line in lines]
    return [{k: v for k, v in record.items() if k not in CLOCKS} for record in records]


def half_written(out: pathlib.Path) -> bool:
    """Whether a checkpoint has begun to be written, and is not there yet."""
    names = [path.name for path in (out / "checkpoints").glob("*")]
    whole = {name.split(".")[0] for name in names if name.endswith(".json")}
    return any(name.split(".")[0] not in whole for name in names)


def until(out: pathlib.Path, kind: str, rng: random.Random, process: subprocess.Popen) -> None:
    """Waits for the moment to kill, or for the end of the process."""
    if kind == "any moment":
        moment = time.monotonic() + rng.uniform(0, 12)
        while time.monotonic() < moment and process.poll() is None:
            time.sleep(0.01)
        return
    wait = rng.uniform(0, 1.5)
    # The first new line tells that compilers are done: what a killed process left is cut first.
    lines, size = out / "metrics.jsonl", -1
    while process.poll() is None:
        now = lines.stat().st_size if lines.exists() else 0
        if size >= 0 and now > size:
            break
        size = now
        time.sleep(0.005)
    moment = time.monotonic() + wait
    while time.monotonic() < moment and process.poll() is None:
        time.sleep(0.001)
    while kind == "writing" and not half_written(out) and process.poll() is None:
        time.sleep(0.0002)


def differences(out: pathlib.Path, whole: pathlib.Path) -> list[str]:
    """What is not as in the undisturbed run."""
    found = []
    for manifest in (out / "checkpoints").glob("*.json"):
        states = manifest.with_suffix(".safetensors")
        if states.read_bytes() != (whole / "checkpoints" / states.name).read_bytes():
            found.append(states.name)
    held, wanted = metrics(out), metrics(whole)
    return found if held == wanted[: len(held)] else [*found, "metrics.jsonl"]


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=0, help="of the moments")
    asked = arguments.parse_args()
    rng, begin = random.Random(asked.seed), time.monotonic()
    kills: list[dict] = []
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        whole, cache = root / "whole", root / "cache"
        assert start(whole, cache, keep=10**6).wait() == 0
        for number in itertools.count():
            if len(kills) >= asked.kills:
                break
            out, wrong, own = root / f"run-{number}", [], []
            for kind in KINDS[: asked.kills - len(kills)]:
                process = start(out, cache)
                until(out, kind, rng, process)
                process.kill()
                if process.wait() == 0:
                    break
                wrong += differences(out, whole)
                own.append({"kind": kind, "half_written": half_written(out)})
            assert start(out, cache).wait() == 0, out
            wrong += differences(out, whole)
            for name in (
                "agent.safetensors",
                f"checkpoints/{SETTINGS['iterations']:08d}.safetensors",
            ):
                if (out / name).read_bytes() != (whole / name).read_bytes():
                    wrong.append(name)
            if metrics(out) != metrics(whole):
                wrong.append("metrics.jsonl at the end")
            kills += [{**kill, "identical": not wrong} for kill in own]
            print(f"run {number}: {len(own)} kills, {wrong or 'identical'}", flush=True)
    result = keep(
        "kills",
        command(__spec__.name),
        kills=len(kills),
        identical=sum(kill["identical"] for kill in kills),
        moments=collections.Counter(kill["kind"] for kill in kills),
        with_a_checkpoint_half_written=sum(kill["half_written"] for kill in kills),
        runs=number,
        minutes=round((time.monotonic() - begin) / 60, 1),
        settings=SETTINGS,
        terms=TERMS,
    )
    print(f"{result['identical']} of {result['kills']} kills identical")


if __name__ == "__main__":
    sys.exit(main())
