"""The README's results, from benchmarks/results.

python -m benchmarks.paper.readme             print them
python -m benchmarks.paper.readme --write     write them into the README
"""

import statistics
import sys

from benchmarks import pages, program
from benchmarks.program import ROOT, kept, parser

CELLS = (
    "distracting-bus/dream",
    "distracting-bus/dream-bottleneck-none",
    "bus/dream",
    "map/dream",
    "cooking/dream",
    "sign-height-30-width-40-jitter-0.2/dream",
)
HEADS = ("family", "agent", "seeds", "return, unseen", "return, training", "optimum")
COSTS = ("exploration steps", "seconds, all seeds")


def span(seeds: list[dict], split: str, key: str) -> str:
    """Return the lowest and the highest of a figure over seeds."""
    found = [seed[split][key] for seed in seeds if key in seed[split]]
    low, high = f"{min(found):.3f}", f"{max(found):.3f}"
    return low if low == high else f"{low} to {high}"


def row(cell: str) -> tuple[object, ...]:
    result = kept(f"paper/{cell}")
    seeds = result["seeds"]
    # Nothing works out the optimum of families with pictures.
    optimum = f"{result['references']['optimal']:.3f}" if result["references"] else "–"
    seconds = sum(training["wall_seconds"] for training in result["trainings"])
    return (
        f"`{result['family']}`",
        f"`{result['name']}`",
        len(seeds),
        span(seeds, "unseen", "return"),
        span(seeds, "train", "return"),
        optimum,
        span(seeds, "unseen", "exploration_length"),
        f"{seconds:,.0f}",
    )


def results() -> str:
    alone = kept("distracting-bus")
    seconds = statistics.median(seed["seconds"] for seed in alone["seeds"])
    compiling = statistics.median(seed["compile_seconds"] for seed in alone["seeds"])
    return (
        f"{pages.table((*HEADS, *COSTS), map(row, CELLS), left=2)}\n\n"
        "One seed of DREAM on distracting-bus, with nothing compiled before: "
        f"{alone['median_seconds_to_level']:.0f} s to the first evaluation at {alone['level']}, "
        f"{seconds:.0f} s to the end, {compiling:.0f} s of them compiling "
        f"(medians of {len(alone['seeds'])})."
    )


@program.program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--write", action="store_true", help="write into the README, too")
    asked = arguments.parse_args()
    print(results())
    if asked.write:
        pages.put(ROOT / "README.md", "results", results())


if __name__ == "__main__":
    sys.exit(main())
