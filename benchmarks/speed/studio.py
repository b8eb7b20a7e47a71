"""How fast the studio is with many runs: python -m benchmarks.speed.studio.

Makes 1,000 runs with 1,000 rows of metrics each, and one with a million, and asks a server of its
own for what a browser asks for first. The figures go to benchmarks/results/studio.json, and into
docs/studio.md.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import pages
from benchmarks.program import DOCS, command, keep, parser, program
from dreamrl.agents.registry import METHODS
from dreamrl.runs import create
from dreamrl.studio.live import changes
from dreamrl.studio.shelf import Shelf


def row(iteration):
    """A line of metrics, with what DREAM measures."""
    names = ("return_unseen", "return_train", "return_encoder", "information", "z_squared", "dual")
    values = {name: 1 / iteration + i for i, name in enumerate(names)}
    told = {"iteration": iteration, "steps": 5120 * iteration, "seconds": 0.1 * iteration}
    return json.dumps({**told, **values, "exploration_length": 9.5}) + "\n"


def make(directory, runs, rows, long):
    """Write runs that never trained; the last one is long. Return it."""
    first = directory / "run-0"
    create(first, "dream", "bus", METHODS["dream"].presets["default"], [0])
    (first / "metrics.jsonl").write_text("".join(map(row, range(1, rows + 1))))
    for number in range(1, runs):
        shutil.copytree(first, directory / f"run-{number}")
    last = directory / f"run-{runs - 1}"
    with open(last / "metrics.jsonl", "w") as file:
        file.writelines(map(row, range(1, long + 1)))
    return last


async def until(shelf, keys, kind):
    """Wait for an event of a kind, as a browser does."""
    async for text in changes(shelf, keys):
        if text.startswith(f"event: {kind}\n"):
            return text


def timed(shelf, keys, kind):
    begin = time.perf_counter()
    size = len(asyncio.run(until(shelf, keys, kind)))
    return {"seconds": round(time.perf_counter() - begin, 3), "bytes": size}


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--runs", type=int, default=1000)
    arguments.add_argument("--rows", type=int, default=1000)
    arguments.add_argument("--long", type=int, default=1_000_000, help="rows of the longest run")
    arguments.add_argument("--dry", action="store_true", help="print only, write nothing")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        longest = make(Path(directory), asked.runs, asked.rows, asked.long)
        shelf = Shelf([Path(directory)])
        found = {"list, first": timed(shelf, [], "runs"), "list, again": timed(shelf, [], "runs")}
        keys = {row["name"]: row["key"] for row in shelf.rows()}
        # The exact values of the family are worked out once for all runs on it.
        found["a run, first"] = timed(shelf, [keys[f"{directory}/run-0"]], "run")
        found["a run"] = timed(shelf, [keys[f"{directory}/run-1"]], "run")
        found["the longest run"] = timed(shelf, [keys[str(longest)]], "run")
        with open(longest / "metrics.jsonl", "a") as file:
            file.write(row(asked.long + 1))
        found["the longest run, a row later"] = timed(shelf, [keys[str(longest)]], "run")
    for name, figures in found.items():
        print(f"{name:<30}{figures['seconds']:>8.3f} s{figures['bytes']:>12,} bytes")
    if not asked.dry:
        sizes = {"runs": asked.runs, "rows": asked.rows, "longest": asked.long}
        keep("studio", command(__spec__.name), sizes=sizes, measured=found)
        rows = [
            (name, f"{told['seconds']:.2f} s", f"{told['bytes'] / 1e3:.0f} kB")
            for name, told in found.items()
        ]
        pages.put(DOCS / "studio.md", "studio", pages.table(("what", "time", "data"), rows))


if __name__ == "__main__":
    sys.exit(main())
