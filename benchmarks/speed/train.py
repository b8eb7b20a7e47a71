"""Steps a second of training, and what a start costs: python -m benchmarks.speed.train.

    python -m benchmarks.speed.train                    DREAM alone
    python -m benchmarks.speed.train dream rl2 maml     one after the other
    python -m benchmarks.speed.train --table            the table of docs/results.md

One seed, all updates included, the median chunk of iterations; the steps really taken are counted.
The result is benchmarks/results/train-speed.json, which keeps what it says of other agents.
"""

import datetime
import os
import sys

from benchmarks import pages
from benchmarks.program import DOCS, command, keep, kept, parser, program
from dreamrl.bench import train_speed


def measured() -> dict[str, dict]:
    return kept("train-speed").get("measured", {})


def measure(agent: str, family: str, chunks: int) -> None:
    result = train_speed(family, agent, chunks) | {
        "date": f"{datetime.date.today()}",
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 1),
    }
    print(
        f"{agent} on {family}: {result['steps_per_second']:,.0f} environment steps/s, "
        f"{result['compile_seconds']:.1f} s of compiling, cold, "
        f"{result['second_start_seconds']:.1f} s to the first step of a second start, "
        f"{result['peak_memory_mb']:,.0f} MB of memory at most"
    )
    together = measured() | {f"{agent} on {family}": result}
    keep("train-speed", command(__spec__.name, "AGENT..."), measured=together)


def table() -> str:
    heads = ("agent", "family", "steps/s", "compiling, cold, s", "second start, s")
    results = measured().values()
    rows = [
        (
            result["agent"],
            result["family"],
            f"{result['steps_per_second']:,.0f}",
            f"{result['compile_seconds']:.1f}",
            f"{result['second_start_seconds']:.1f}",
            f"{result['peak_memory_mb']:,.0f}",
            result["cores"],
        )
        for result in results
    ]
    dates = sorted({result["date"] for result in results})
    when = " to ".join(dict.fromkeys([dates[0], dates[-1]]))
    return f"{pages.table((*heads, 'memory, MB', 'cores'), rows, left=2)}\n\nMeasured {when}."


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("agents", nargs="*", metavar="AGENT", default=["dream"])
    arguments.add_argument("--family", default="distracting-bus")
    arguments.add_argument("--chunks", type=int, default=6, help="of 25 iterations each")
    arguments.add_argument("--table", action="store_true", help="only write the table")
    asked = arguments.parse_args()
    if asked.table:
        pages.put(DOCS / "results.md", "speed", table())
        return
    for agent in asked.agents:
        measure(agent, asked.family, asked.chunks)


if __name__ == "__main__":
    sys.exit(main())
