"""Steps a second of training against batch size, on whatever device JAX has here.

    python -m benchmarks.speed.accelerator           DREAM and RL², on a GPU some twenty minutes
    python -m benchmarks.speed.accelerator --trials 256 1024 --families distracting-bus sign
    python -m benchmarks.speed.accelerator --table   the table of docs/accelerator.md

Each point is a process of its own, one after the other: one seed with the preset of its family, but
for the trials an iteration and, of DREAM, as many times the decoder's explorations an update; all
updates, the median chunk. What does not fit is told, and the next one is tried. XLand-MiniGrid's
R4-13x13 is left out where xminigrid is not installed. The result, one entry a kind of device, is
benchmarks/results/accelerator.json.
"""

import argparse
import importlib.util
import json
import sys
from typing import Any

from benchmarks import pages
from benchmarks.program import DOCS, by_points, command, in_process, keep, kept, parser, program

XLAND = "XLand-MiniGrid-R4-13x13"
FAMILIES = ("distracting-bus", "sign", XLAND)
AGENTS = ("dream", "rl2")
TRIALS = (256, 1024, 4096, 16_384, 65_536)
HORIZON = 100
"""Of an episode in XLand-MiniGrid."""
STEPS = 2**21
"""Environment steps of a chunk, about: an accelerator must not wait for Python."""


def family_of(name: str) -> Any:
    from dreamrl import families

    if name != XLAND:
        return families.make(name)
    from dreamrl.families.xminigrid import BALLS, XMiniGridFamily, hidden_objects

    rulesets = hidden_objects(280, objects=4, goal="hold", among=BALLS)
    return XMiniGridFamily(XLAND, rulesets, range(192, 280), horizon=HORIZON, described=True)


def measure(
    agent: str, name: str, trials: int, precision: str, chunks: int, steps: int
) -> dict[str, Any]:
    import jax

    from benchmarks.rates import trained_for, widened
    from dreamrl.agents import registry
    from dreamrl.configuration import changed
    from dreamrl.devices import Devices

    family = family_of(name)
    settings = widened(registry.settings_for(agent, family.name), trials)
    settings = changed(settings, {"precision": precision})
    trainer = registry.make_trainer(agent, family, settings)
    chunk = max(1, steps // settings.budget.steps(trainer.family))
    _, figures = trained_for(trainer, (0,), chunk, chunks, Devices(1))
    device = jax.devices()[0]
    return {
        "device": f"{device.platform}: {device.device_kind}",
        "agent": agent,
        "family": name,
        "trials": trials,
        "precision": precision,
        "chunk": chunk,
        **figures,
    }


def run(asked: argparse.Namespace) -> None:
    found: list[dict[str, Any]] = []
    for name in asked.families:
        if name == XLAND and importlib.util.find_spec("xminigrid") is None:
            print(f"{name}: left out, xminigrid is not installed: pip install 'dreamrl[xminigrid]'")
            continue
        for agent in asked.agents:
            for trials in asked.trials:
                point = (agent, name, trials, asked.precision, asked.chunks, asked.steps)
                try:
                    found.append(in_process([__spec__.name, "--point", json.dumps(point)]))
                except SystemExit as failed:
                    last = str(failed).splitlines()[-1]
                    print(f"{agent} on {name}, {trials:,} trials: failed: {last}", flush=True)
                    continue
                print(told(found[-1]), flush=True)
    together = kept("accelerator").get("measured", {})
    for point in found:
        others = [p for p in together.get(point["device"], []) if not same(p, point)]
        together[point["device"]] = [*others, point]
    if found:
        keep("accelerator", command(__spec__.name), measured=together, seed=0)


def same(one: dict, other: dict) -> bool:
    return all(one[k] == other[k] for k in ("agent", "family", "trials", "precision"))


def told(point: dict[str, Any]) -> str:
    return (
        f"{point['agent']} on {point['family']}, {point['trials']:,} trials, {point['precision']}: "
        f"{point['steps_per_second']:,.0f} steps/s, {memory(point):,.0f} MB at most, "
        f"{point['compile_seconds']:.0f} s of compiling; {point['device']}"
    )


def memory(point: dict[str, Any]) -> float:
    return point.get("device_memory_mb") or point["peak_memory_mb"] or 0.0


def table() -> str:
    heads = ("agent", "family", "trials", "steps/s", "memory, MB", "compiling, s")
    held, parts = kept("accelerator"), []
    order = {name: i for i, name in enumerate((*FAMILIES, *AGENTS))}
    for device, points in held["measured"].items():
        rows = [
            (
                p["agent"],
                p["family"],
                f"{p['trials']:,}",
                f"{p['steps_per_second']:,.0f}",
                f"{memory(p):,.0f}",
                f"{p['compile_seconds']:.0f}",
                p["precision"],
            )
            for p in sorted(
                points,
                key=lambda p: (order[p["family"]], order[p["agent"]], p["trials"], p["precision"]),
            )
        ]
        parts.append(f"{device}:\n\n{pages.table((*heads, 'precision'), rows, left=2)}")
    versions = ", ".join(f"{name} {number}" for name, number in held["versions"].items())
    return "\n\n".join([*parts, f"Made by `{held['command']}` on {held['date']}: {versions}."])


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--agents", nargs="+", default=AGENTS, choices=AGENTS)
    arguments.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES)
    arguments.add_argument("--trials", nargs="+", type=int, default=TRIALS, help="an iteration")
    arguments.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    arguments.add_argument("--chunks", type=int, default=3)
    arguments.add_argument("--steps", type=int, default=STEPS, help="of a chunk, about")
    if by_points(arguments, measure, run) and kept("accelerator"):
        pages.put(DOCS / "accelerator.md", "accelerator", table())


if __name__ == "__main__":
    sys.exit(main())
