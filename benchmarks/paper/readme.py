"""The main results, from benchmarks/results: the README's table, and DREAM's of docs/results.md.

    python -m benchmarks.paper.readme             print them
    python -m benchmarks.paper.readme --write     write them into the two pages, too

Nothing is trained: benchmarks.paper.run and benchmarks.speed.cold_start made the results.
"""

import statistics
import sys

import numpy as np

from benchmarks import pages, program
from benchmarks.paper.run import MARKS, NOTE
from benchmarks.program import DOCS, RESULTS, ROOT, kept, parser
from dreamrl.agents.registry import METHODS
from dreamrl.comparison.spec import Result
from dreamrl.comparison.statistics import iqm

FAMILIES = {
    "distracting-bus": "distracting-bus",
    "bus": "bus",
    "map": "map",
    "cooking": "cooking",
    "sign": "sign-height-30-width-40-jitter-0.2",
}
"""The columns of the README's table, and where their cells are."""
LIMITS = {"optimal": "optimum, problem known", "no_exploration": "optimum, no exploration"}
MISSING = "–"


def cell(family: str, agent: str) -> Result:
    """Return what was measured; empty where nothing was."""
    path = f"paper/{FAMILIES[family]}/{agent}"
    return kept(path) if (RESULTS / f"{path}.json").exists() else {}


def compared() -> str:
    """Return the interquartile mean over seeds of each agent's return, and its exact limits."""
    rows: list[tuple[str, ...]] = []
    for key, name in LIMITS.items():
        limits = [cell(family, "dream").get("references") or {} for family in FAMILIES]
        rows.append((name, *(f"{each[key]:.3f}" if key in each else MISSING for each in limits)))
    counts: list[int] = []
    for agent in METHODS:
        row = [f"`{agent}` {MARKS.get(agent, '')}".strip()]
        for family in FAMILIES:
            seeds = cell(family, agent).get("seeds", [])
            counts += [len(seeds)] if seeds and agent != "dream" else []
            returns = np.array([seed["unseen"]["return"] for seed in seeds])
            row.append(f"{iqm(returns[:, None]):.3f}" if seeds else MISSING)
        rows.append(tuple(row))
    seeds_of_dream = {len(cell(family, "dream")["seeds"]) for family in FAMILIES}
    return (
        f"{pages.table(('return, unseen problems', *FAMILIES), rows)}\n\n"
        f"Interquartile means over {min(seeds_of_dream)} seeds of DREAM and {min(counts)} to "
        f"{max(counts)} of the others; {MISSING}: not measured, or not known. {NOTE}"
    )


def span(seeds: list[dict], split: str, key: str) -> str:
    """Return the lowest and the highest of a figure over seeds."""
    found = [seed[split][key] for seed in seeds if key in seed[split]]
    if not found:
        return MISSING
    low, high = f"{min(found):.3f}", f"{max(found):.3f}"
    return low if low == high else f"{low} to {high}"


def row_of_dream(family: str) -> tuple[object, ...]:
    result = cell(family, "dream")
    seeds = result["seeds"]
    wall, compiling = (
        sum(training[key] for training in result["trainings"])
        for key in ("wall_seconds", "compile_seconds")
    )
    return (
        f"`{result['family']}`",
        len(seeds),
        span(seeds, "unseen", "return"),
        span(seeds, "train", "return"),
        # Nothing works out the optimum of families with pictures.
        f"{result['references']['optimal']:.3f}" if result["references"] else MISSING,
        span(seeds, "unseen", "exploration_length"),
        span(seeds, "unseen", "gray_line_ridden"),
        f"{wall:.0f} s ({compiling:.0f} s)",
    )


def dream() -> str:
    """Return the lowest and the highest seed of DREAM, and how long a new user waits."""
    heads = ("family", "seeds", "return, unseen", "return, training", "optimum")
    costs = ("exploration steps", "gray lines", "all seeds trained in (compiling)")
    alone, shared = kept("distracting-bus"), kept("distracting-bus-on-2-devices")

    def median(result: Result, key: str) -> str:
        return f"{statistics.median(seed[key] for seed in result['seeds']):.0f} s"

    return (
        f"{pages.table((*heads, *costs), map(row_of_dream, FAMILIES))}\n\n"
        "One seed of DREAM on distracting-bus, with nothing compiled before, from `dreamrl train`\n"
        f"to the first evaluation at {alone['level']}: {median(alone, 'seconds_to_level')}; to the "
        f"end {median(alone, 'seconds')}, of them {median(alone, 'compile_seconds')} compiling.\n"
        f"On both cores (`--devices-per-seed 2`): {median(shared, 'seconds_to_level')}, "
        f"{median(shared, 'seconds')} and {median(shared, 'compile_seconds')} (medians of "
        f"{len(alone['seeds'])} and {len(shared['seeds'])})."
    )


@program.program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--write", action="store_true", help="write into the pages, too")
    asked = arguments.parse_args()
    print(f"{compared()}\n\n{dream()}")
    if asked.write:
        pages.put(ROOT / "README.md", "results", compared())
        pages.put(DOCS / "results.md", "dream", dream())


if __name__ == "__main__":
    sys.exit(main())
