"""The comparison of docs/results.md, in parts: each finished cell is a small JSON file.

    python -m benchmarks.paper.run                                  all cells that are missing
    python -m benchmarks.paper.run distracting-bus rl2 --seeds 5    this one
    python -m benchmarks.paper.run sign:height=30,width=40 dream --seeds 1    any other family, too
    python -m benchmarks.paper.run --list                           what is done and what is not
    python -m benchmarks.paper.run --table --figures                docs/results.md, docs/figures

A cell is one agent on one family, and its file benchmarks/results/paper/FAMILY/AGENT.json. Stopped
at any time, the same command goes on where it was.
"""

import argparse
import functools
import pathlib
import re
import sys

from benchmarks import pages, program
from benchmarks.cells import fill_all
from benchmarks.program import DOCS, ROOT, command, parser
from dreamrl import families
from dreamrl.advice import probe_of
from dreamrl.agents import registry
from dreamrl.comparison.spec import Cell, Result, cells, difference, held, missing
from dreamrl.comparison.table import ALL, tables
from dreamrl.figures.comparison import draw_curves
from dreamrl.runs.store import read_json

RESULTS = program.RESULTS / "paper"
PAPER = {"distracting-bus": 5, "bus": 3, "map": 3, "cooking": 3}
SANITY = {"bandit": 3, "treasure": 3}
"""Families on which each method is known to work."""
BUDGETS = {"bandit": 1_800_000, "treasure": 6_000_000}
"""Environment steps, where half of DREAM's preset is enough."""
SLOW = {("treasure", "varibad")}
"""What needs all of it."""
SEEDS = PAPER | SANITY
FRESH = 15
"""The first seed of DREAM and of random exploration: DREAM's presets were made on lower ones."""
MARKS = {"rl2": "¹", "e-rl2": "¹", "maml": "²"}
NOTE = (
    "An exploration's own rewards are the same here whatever is done in it. ¹ So RL² and E-RL² "
    "maximise the same, but for a constant: two samples of one method. ² MAML adapts on what "
    "explorations pay, which here tells nothing: that it gains nothing is so by construction."
)
"""What is said of families where explorations are not paid for anything."""
PLACE = "table: "
"""The blocks of docs/results.md that this program writes are named so, and for their part."""


def asked_for(asked: argparse.Namespace) -> list[Cell]:
    """The cells of this call; each agent gets as many steps as DREAM's preset on that family."""
    found = []
    for family in [asked.family] if asked.family else SEEDS:
        names = asked.agents or list(registry.METHODS)
        seeds = asked.seeds or SEEDS.get(family, 3)
        slow = [name for name in names if (family, name) in SLOW]
        others = [name for name in names if name not in slow]
        for group, short in ((others, BUDGETS.get(family)), (slow, None)):
            terms = (seeds, asked.budget or short, asked.trials)
            found += cells(group, [family], *terms, base="dream")
    return list(map(freshly_seeded, found))


def freshly_seeded(cell: Cell) -> Cell:
    """Return the cell with the seeds that are reported."""
    fresh = cell.agent in ("dream", "random-exploration") and cell.family in SEEDS
    return cell._replace(seeds=tuple(FRESH * fresh + seed for seed in cell.seeds))


def differences(asked: list[Cell]) -> list[tuple[Cell, str]]:
    """Cells whose files were made with other settings, and in what they differ."""
    there = [(cell, held(cell, RESULTS)) for cell in asked]
    odd = [(cell, difference(cell, result)) for cell, result in there if result is not None]
    return [(cell, words) for cell, words in odd if words]


def train(asked: argparse.Namespace) -> int:
    chosen = asked_for(asked)
    odd = [] if asked.replace else differences(chosen)
    for cell, words in odd:
        print(f"{cell.file(RESULTS)} has other settings: {words}; --replace trains it anew")
    # What is committed is not lost to a changed default.
    chosen = [cell for cell in chosen if cell not in [kept for kept, _ in odd]]
    filled = fill_all(chosen, RESULTS, asked.runs, command(__spec__.name))
    return 130 if filled.stopped else int(filled.failed > 0 or bool(odd))


def listed(asked: argparse.Namespace) -> None:
    for cell in asked_for(asked):
        result = held(cell, RESULTS)
        lacking = len(missing(cell, result))
        state = "done" if not lacking else f"{lacking} of {len(cell.seeds)} seeds missing"
        if result is not None and (words := difference(cell, result)):
            state = f"other settings: {words}"
        print(f"{cell.family:<17} {cell.name:<34} {state}")


def finished() -> list[Result]:
    """All results, in the order of families and agents."""
    found = [read_json(path) for path in RESULTS.glob("*/*.json")]
    order = [*SEEDS, *registry.METHODS]

    def place(name: str) -> tuple[int, str]:
        return order.index(name) if name in order else len(order), name

    return sorted(found, key=lambda result: (place(result["family"]), place(result["name"])))


def parts(results: list[Result]) -> dict[str, list[Result]]:
    """{"FAMILY", "FAMILY settings" of agents with others than their preset's: results}.

    DREAM itself is in both.
    """
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result["family"] + " settings" * (":" in result["name"]), []).append(
            result
        )
    for part, group in found.items():
        if part != (family := group[0]["family"]):
            group[:0] = [r for r in found.get(family, []) if r["name"] == "dream"]
    return found


def figure_of(part: str) -> str:
    """The figure of a table; families of the paper share one."""
    return "paper-curves" if part in (ALL, *PAPER) else re.sub(r"[^\w.-]+", "-", f"paper-{part}")


def made(part: list[Result]) -> str:
    """When, and with what, the cells of a table were trained."""
    trainings = [training for result in part for training in result["trainings"]]
    dates = sorted(training["date"][:10] for training in trainings)
    used = ("python", "jax", "equinox", "numpy")
    versions = {
        name: sorted({training["versions"][name] for training in trainings}) for name in used
    }
    named = ", ".join(f"{name} {' and '.join(found)}" for name, found in versions.items())
    return f"Trained {' to '.join(dict.fromkeys((dates[0], dates[-1])))}; {named}."


def tabled(results: list[Result], part: str) -> str:
    """One table, and a note where explorations pay the same whatever is done in them."""
    rivals = MARKS.keys() & {result["agent"] for result in results}
    if not rivals or any(map(explorations_pay, {result["family"] for result in results})):
        return tables(results, "dream").get(part, "")
    marked = [r | {"name": f"{r['name']} {MARKS.get(r['agent'], '')}".strip()} for r in results]
    text = tables(marked, "dream").get(part, "")
    return text and f"{text}\n\n{NOTE}"


@functools.cache
def explorations_pay(family: str) -> bool:
    return probe_of(families.make(family)).explorations_pay


def write_tables(results: list[Result]) -> None:
    """Write tables, and the figures that exist, into the blocks of docs/results.md."""
    of_part = parts(results)
    written = {name: tabled(part, part[0]["family"]) for name, part in of_part.items()}
    plain = [r for r in results if ":" not in r["name"] and r["family"] in PAPER]
    written[ALL] = tabled(plain, ALL)

    page = DOCS / "results.md"
    for name in pages.blocks(page):
        if not name.startswith(PLACE):
            continue
        part = name.removeprefix(PLACE)
        text = written.get(part) or "Not measured yet."
        if part in of_part:
            text += f"\n\n{made(of_part[part])}"
        figure = f"figures/{figure_of(part)}.png"
        # The figure of the families appears once, under the table of them all.
        if part not in PAPER and (DOCS / figure).exists():
            text += f"\n\n![learning curves]({figure})"
        pages.put(page, name, text)
    print(page)


def write_figures(results: list[Result]) -> None:
    """Learning curves: the families of the paper in one figure, any other part in its own."""
    figures: dict[str, list[Result]] = {}
    for name, part in parts(results).items():
        figures.setdefault(figure_of(name), []).extend(part)
    for figure, part in figures.items():
        for path in draw_curves(part, DOCS / "figures" / figure):
            print(path)


@program.program
def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("family", nargs="?", help="default: " + ", ".join(SEEDS))
    arguments.add_argument("agents", nargs="*", help="default: all")
    arguments.add_argument("--seeds", type=int, help="default: 5 on distracting-bus, else 3")
    arguments.add_argument(
        "--budget", type=int, help="environment steps; default: DREAM's preset's"
    )
    arguments.add_argument("--trials", type=int, default=2000, help="that measure each seed")
    arguments.add_argument("--runs", type=pathlib.Path, default=ROOT / "runs" / "paper")
    arguments.add_argument("--replace", action="store_true", help="results of other settings")
    arguments.add_argument(
        "--list", action="store_true", help="say what is done, and train nothing"
    )
    arguments.add_argument("--table", action="store_true", help="write tables, and train nothing")
    arguments.add_argument("--figures", action="store_true", help="draw, and train nothing")
    asked = arguments.parse_args()
    if asked.list:
        listed(asked)
    if asked.figures:
        write_figures(finished())
    if asked.table:
        write_tables(finished())
    if asked.list or asked.table or asked.figures:
        return 0
    return train(asked)


if __name__ == "__main__":
    sys.exit(main())
