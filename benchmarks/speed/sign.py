"""Steps a second of `sign`, every one drawn: python -m benchmarks.speed.sign.

Random actions, episodes that begin anew when they end. Where the package miniworld is installed,
its own `Sign` is measured too, in this process, drawn without a screen.
"""

import importlib.util
import json
import os
import statistics
import sys
import time

import numpy as np

from benchmarks.program import command, keep, parser, program
from dreamrl.bench import env_speed


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


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--batch", type=int, default=256)
    arguments.add_argument("--repeats", type=int, default=9)
    asked = arguments.parse_args()
    load = round(os.getloadavg()[0], 1)
    result = keep(
        "sign-speed",
        command(__spec__.name),
        **env_speed("sign", asked.batch, asked.repeats),
        miniworld=miniworld_speed(asked.repeats),
        platform=f"cpu, {os.cpu_count()} cores",
        load_before=load,
    )
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    sys.exit(main())
