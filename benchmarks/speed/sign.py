"""Steps a second of `sign`, every one drawn: python benchmarks/sign_speed.py.

Random actions, episodes that begin anew when they end. Where the package miniworld is installed,
its own `Sign` is measured too, in this process, drawn without a screen.
"""

import argparse
import datetime
import importlib.util
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np

from dreamrl.bench import env_speed

RESULT = Path(__file__).parent / "results" / "sign-speed.json"


def miniworld_speed(repeats: int, seconds: float = 1.0) -> dict | None:
    """Steps a second of the original, and None where it is not installed."""
    if importlib.util.find_spec("miniworld") is None:
        return None
    import pyglet

    pyglet.options["headless"] = True
    from miniworld.envs.sign import Sign

    world, rng, rates = Sign(), np.random.default_rng(0), []
    world.reset(seed=0)
    for _ in range(repeats):
        steps, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            *_, terminated, truncated, _ = world.step(int(rng.integers(4)))
            steps += 1
            if terminated or truncated:
                world.reset()
        rates.append(steps / (time.perf_counter() - begin))
    return {"steps_per_second": statistics.median(rates), "fastest": max(rates)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    result = {
        "command": "python benchmarks/sign_speed.py",
        **env_speed("sign", arguments.batch, arguments.repeats),
        "miniworld": miniworld_speed(arguments.repeats),
        "platform": f"cpu, {os.cpu_count()} cores",
        "load_before": round(load, 1),
        "date": datetime.date.today().isoformat(),
    }
    text = json.dumps(result, indent=2)
    RESULT.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
