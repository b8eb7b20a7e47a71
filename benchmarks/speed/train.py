"""Steps a second of training, and what a start costs: python benchmarks/train_speed.py [AGENT...].

    python benchmarks/train_speed.py                    DREAM alone
    python benchmarks/train_speed.py dream rl2 maml     one after the other
    python benchmarks/train_speed.py --table            the table of docs/results.md

One seed, all updates included, the median chunk of iterations; the steps really taken are counted.
The result is benchmarks/results/train-speed.json, which keeps what it says of other agents.
"""

import argparse
import datetime
import os
import pathlib
import sys

from pages import put

from dreamrl.bench import train_speed
from dreamrl.errors import UserError
from dreamrl.runs.run import versions
from dreamrl.runs.store import read_json, write_json

ROOT = pathlib.Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "train-speed.json"


def measured() -> dict[str, dict]:
    return read_json(RESULT)["measured"] if RESULT.exists() else {}


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
    kept = {
        "format": 1,
        "command": "python benchmarks/train_speed.py AGENT...",
        "versions": versions(),
        "measured": measured() | {f"{agent} on {family}": result},
    }
    write_json(RESULT, kept)


def table() -> str:
    lines = [
        "| agent | family | steps/s | compiling, cold, s | second start, s | memory, MB | cores |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    results = measured().values()
    lines += [
        f"| {result['agent']} | {result['family']} | {result['steps_per_second']:,.0f} "
        f"| {result['compile_seconds']:.1f} | {result['second_start_seconds']:.1f} "
        f"| {result['peak_memory_mb']:,.0f} | {result['cores']} |"
        for result in results
    ]
    dates = sorted({result["date"] for result in results})
    return "\n".join([*lines, "", f"Measured {' to '.join(dict.fromkeys([dates[0], dates[-1]]))}."])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("agents", nargs="*", metavar="AGENT", default=["dream"])
    parser.add_argument("--family", default="distracting-bus")
    parser.add_argument("--chunks", type=int, default=6, help="of 25 iterations each")
    parser.add_argument("--table", action="store_true", help="write the table, and measure nothing")
    asked = parser.parse_args()
    if asked.table:
        put(ROOT / "docs" / "results.md", "speed", table())
        return 0
    try:
        for agent in asked.agents:
            measure(agent, asked.family, asked.chunks)
    except UserError as error:
        print(f"train_speed.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
