"""What using a trained agent costs, and how far to trust it: python -m benchmarks.speed.deploy RUN.

Two processes load the run, one after the other, with a compilation cache of their own: the
second finds it warm. Both act in training problems of the run's family.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.program import ROOT, command, keep, parser, program

BEGAN = time.perf_counter()
STEPS = 500
CALIBRATION = 1024


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", type=Path, help="directory that dreamrl train wrote, of one seed")
    arguments.add_argument("--keep", action="store_true", help="write benchmarks/results/use.json")
    arguments.add_argument("--one-process", action="store_true", help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.one_process:
        print(json.dumps(measure(asked.run)))
        return
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (in_process(asked.run.resolve(), cache) for _ in range(2))
    cold_seconds = cold["load_to_first_action_seconds"]
    result = warm | {"load_to_first_action_seconds_cold": cold_seconds}
    if asked.keep:
        keep("use", command(__spec__.name, "RUN"), **result)
    print(f"{warm['agent']} on {warm['family']}")
    rows = [
        ("load_to_first_action_seconds", "s from load to first action, warm cache"),
        ("start_to_first_action_seconds", "s with the imports"),
        ("load_to_first_action_seconds_cold", "s from load to first action, cold"),
        ("explorer_step_ms", "ms a step of the explorer (median)"),
        ("explorer_step_ms_p99", "ms at most, in 99 % of them"),
        ("confidence_seconds", "s for the first confidence"),
        ("calibration_error", "expected calibration error on fresh explorations"),
        ("calibration_error_with_rho", "the same, if sigma were rho"),
    ]
    for name, what in rows:
        if name in result:
            print(f"{result[name]:10.2f} {what}")


def in_process(run, cache):
    changes = {
        "JAX_COMPILATION_CACHE_DIR": cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    ran = subprocess.run(
        [sys.executable, "-m", __spec__.name, str(run), "--one-process"],
        cwd=ROOT,
        env={**os.environ, **changes},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(f"error: {ran.stderr.strip().splitlines()[-1]}")
    return json.loads(ran.stdout.splitlines()[-1])


def measure(run):
    import jax
    import numpy as np

    import dreamrl
    from dreamrl import runs
    from dreamrl.deploy import ProblemEnvironment
    from dreamrl.deploy.posterior import DistancePosterior, known_beliefs, reliability

    chosen = runs.only(run)
    began = time.perf_counter()
    agent = dreamrl.load(run)
    family = agent.family
    explorer = agent.explorer()
    environment = ProblemEnvironment(family, family.problem(np.int32(family.train_ids[0])))
    # The environment is the user's: what it takes is not counted.
    reset_began = time.perf_counter()
    first = environment.reset()
    elsewhere = time.perf_counter() - reset_began
    explorer.observe(first)
    explorer.act()
    acted = time.perf_counter()
    steps = step_seconds(agent, environment)
    asked = time.perf_counter()
    confidence = agent.explore(int(family.train_ids[0])).confidence
    result = {
        "agent": chosen.manifest["agent"],
        "family": family.name,
        "load_to_first_action_seconds": acted - began - elsewhere,
        "start_to_first_action_seconds": acted - BEGAN - elsewhere,
        "explorer_step_ms": 1e3 * float(np.median(steps)),
        "explorer_step_ms_p99": 1e3 * float(np.percentile(steps, 99)),
        "steps": len(steps),
        "platform": f"{jax.default_backend()}, {os.cpu_count()} cores",
    }
    if confidence is None:
        return result
    result["confidence_seconds"] = time.perf_counter() - asked
    posterior = agent.known.posterior
    beliefs, rows = known_beliefs(family, agent.agent, seed=1, number=CALIBRATION)
    found = reliability(posterior.shares(beliefs), rows)
    encoding = getattr(chosen.load().algorithm.settings, "encoding", None)
    if encoding is not None:
        naive = DistancePosterior(posterior.encodings, encoding.rho**2, 0.0, posterior.prior)
        error = reliability(naive.shares(beliefs), rows).error
        result["calibration_error_with_rho"] = error
    return {
        **result,
        "posterior_noise": posterior.noise,
        "posterior": type(posterior).__name__,
        "calibration_beliefs": len(rows),
        "calibration_error": found.error,
        "reliability": [
            {"beliefs": int(n), "confidence": round(float(c), 3), "accuracy": round(float(a), 3)}
            for n, c, a in zip(*found, strict=True)
        ],
    }


def step_seconds(agent, environment):
    """Seconds that each observe and act took together."""
    seconds = []
    while len(seconds) < STEPS:
        explorer = agent.explorer()
        outcome = (environment.reset(),)
        while not explorer.done:
            began = time.perf_counter()
            explorer.observe(*outcome)
            if not explorer.done:
                action = explorer.act()
                seconds.append(time.perf_counter() - began)
                outcome = environment.step(action)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
