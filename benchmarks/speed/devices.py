"""Seeds over devices: steps a second of all seeds, and whether a seed's parameters are the same.

    python -m benchmarks.speed.devices           all points, some ten minutes on two quiet cores
    python -m benchmarks.speed.devices --table   the table of docs/devices.md

Each point is a process of its own with so many CPU devices, by default DREAM on distracting-bus;
the median of its chunks is told, all updates included, of the faster of two rounds. "Side by side"
is one program for all seeds on one device, as dreamrl trained them before; where "trials shared",
devices share those of a seed. The fingerprint is of the parameters of the first seed, after as many
iterations in all points. The result is benchmarks/results/devices.json.
"""

import hashlib
import json
import sys

from benchmarks import pages
from benchmarks.program import DOCS, command, in_process, keep, kept, parser, program
from dreamrl.host import cores

SIDE_BY_SIDE = "side by side"
SHARED = "trials shared"
POINTS = (
    (1, 1, ""),
    (5, 1, SIDE_BY_SIDE),
    (5, 1, ""),
    (5, 2, ""),
    (2, 2, ""),
    (8, 2, ""),
    (4, 4, ""),
    (8, 8, ""),
    (1, 2, SHARED),
    (1, 4, SHARED),
    (2, 4, SHARED),
)
"""Seeds, devices, and how."""
CHUNK = 10
FIRST_SEED = 10


def measure(agent: str, name: str, seeds: int, devices: int, how: str, chunks: int) -> dict:
    import jax

    jax.config.update("jax_num_cpu_devices", devices)
    import numpy as np

    from benchmarks.rates import trained_for
    from dreamrl import families, training
    from dreamrl.agents import registry
    from dreamrl.devices import Devices

    if how == SIDE_BY_SIDE:
        chosen = training.layout
        training.layout = lambda *inputs: chosen(*inputs)._replace(in_turn=False)
    trainer = registry.make_trainer(
        agent, families.make(name), registry.settings_for(agent, name), seeds
    )
    chosen_seeds = range(FIRST_SEED, FIRST_SEED + seeds)
    places = Devices(devices, devices // seeds if how == SHARED else 1)
    trained, figures = trained_for(trainer, chosen_seeds, CHUNK, chunks, places)
    words = hashlib.sha256()
    for leaf in jax.tree.leaves(trained.state.params):
        words.update(np.asarray(leaf[0]).tobytes())
    return {
        "seeds": seeds,
        "devices": devices,
        "how": how,
        **figures,
        "fingerprint": words.hexdigest()[:12],
    }


def measured_apart(agent: str, name: str, point: tuple[int, int, str], chunks: int) -> dict:
    """Return the figures of a point, measured in a process of its own."""
    words = [__spec__.name, agent, name, "--chunks", str(chunks)]
    figures = in_process([*words, "--point", json.dumps(point)])
    print(figures, flush=True)
    return figures


def run(agent: str, name: str, chunks: int) -> None:
    # Two rounds, as machines have slow minutes.
    rounds = [[measured_apart(agent, name, point, chunks) for point in POINTS] for _ in range(2)]
    found = [
        max(pair, key=lambda one: one["steps_per_second"]) for pair in zip(*rounds, strict=True)
    ]
    together = kept("devices").get("measured", {})
    together[f"{agent} on {name}"] = {
        "cores": len(cores()),
        "iterations": chunks * CHUNK,
        "points": found,
    }
    keep("devices", command(__spec__.name), measured=together)


def table() -> str:
    heads = ("seeds", "devices", "", "steps/s of all", "each", "of one seed", "compiling", "memory")
    parts = []
    for what, measured in kept("devices")["measured"].items():
        points = measured["points"]
        alone = next(p["steps_per_second"] for p in points if p["seeds"] == 1)
        prints = {p["fingerprint"] for p in points if not p["how"]}
        rows = [
            (
                p["seeds"],
                p["devices"],
                p["how"],
                f"{p['steps_per_second']:,.0f}",
                f"{p['steps_per_second'] / p['seeds']:,.0f}",
                f"{p['steps_per_second'] / alone:.2f}x",
                f"{p['compile_seconds']:.0f} s",
                f"{p['peak_memory_mb']:,.0f} MB",
            )
            for p in points
        ]
        same = "the same, bit for bit," if len(prints) == 1 else "NOT the same"
        parts.append(
            f"{what}, {measured['iterations']} iterations on {measured['cores']} cores; the first "
            f"seed's parameters are {same} in all rows without a word:\n\n"
            f"{pages.table(heads, rows, left=0)}"
        )
    when = f"Made by `python -m {__spec__.name} AGENT FAMILY` on {kept('devices')['date']}."
    return "\n\n".join([*parts, when])


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("agent", nargs="?", default="dream")
    arguments.add_argument("family", nargs="?", default="distracting-bus")
    arguments.add_argument("--chunks", type=int, default=4, help=f"of {CHUNK} iterations each")
    arguments.add_argument("--point", help="only this one, in this process")
    arguments.add_argument("--table", action="store_true", help="only write the table")
    asked = arguments.parse_args()
    if asked.table:
        pages.put(DOCS / "devices.md", "devices", table())
    elif asked.point:
        point = json.loads(asked.point)
        print(json.dumps(measure(asked.agent, asked.family, *point, asked.chunks)))
    else:
        run(asked.agent, asked.family, asked.chunks)


if __name__ == "__main__":
    sys.exit(main())
