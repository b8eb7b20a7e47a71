"""Families made of environments that others wrote: what finding out is worth in each.

    python -m benchmarks.paper.cases cartpole            all agents, three seeds
    python -m benchmarks.paper.cases frozenlake dream:cost=0 --seeds 3
    python -m benchmarks.paper.cases --table             the tables and figures of the docs' pages

A case is a file in examples/, its page docs/CASE.md, and its results are
benchmarks/results/cases/CASE/FAMILY/AGENT.json. Stopped at any time, the same command goes on.
"""

import sys
from typing import NamedTuple

from benchmarks import pages, program
from benchmarks.cells import fill_all
from benchmarks.program import DOCS, ROOT, command, parser
from dreamrl.comparison.spec import Cell, Result, cells
from dreamrl.comparison.table import tables
from dreamrl.figures.comparison import draw_curves
from dreamrl.runs.store import read_json

RESULTS = program.RESULTS / "cases"
AGENTS = ("dream", "no-exploration", "random-exploration", "e-rl2", "oracle")


class Case(NamedTuple):
    """A family, and what all agents have in common there."""

    family: str
    settings: str
    budget: int
    trials: int = 500
    """Trials that measure a seed."""
    with_decoder: str = ""
    """Settings besides, of agents that have them: DREAM, and after random explorations."""


CASES = {
    "cartpole": Case("examples/gym_cartpole.py:cartpole", "trials=256", 120 * 256 * 60),
    "frozenlake": Case("examples/gym_frozenlake.py:frozenlake", "trials=256", 200 * 256 * 40),
    "xminigrid": Case(
        "examples/xminigrid_objects.py:objects",
        "trials=256,minibatches=8,hidden=128,learning_rate=0.003,entropy=0.1",
        300 * 256 * 60,
        with_decoder="exploration_hidden=64",
    ),
}


def asked_for(name: str, agents: list[str], seeds: int) -> list[Cell]:
    """Cells of a case, which have the agents' names without what they have in common."""
    case = CASES[name]
    asked = [_with_settings(case, agent) for agent in agents]
    found = cells(asked, [case.family], seeds, case.budget, case.trials)
    return [cell._replace(name=agent) for cell, agent in zip(found, agents, strict=True)]


def _with_settings(case: Case, agent: str) -> str:
    method, _, own = agent.partition(":")
    more = case.with_decoder if method in ("dream", "random-exploration") else ""
    return f"{method}:{','.join(filter(None, [own, case.settings, more]))}"


def train(name: str, agents: list[str], seeds: int) -> int:
    chosen = asked_for(name, agents, seeds)
    runs = ROOT / "runs" / "cases" / name
    filled = fill_all(chosen, RESULTS / name, runs, command(__spec__.name))
    return 130 if filled.stopped else int(filled.failed > 0)


def results_of(name: str) -> list[Result]:
    """Those that are there, in the order of the agents, and under the case's name."""
    found = [read_json(path) | {"family": name} for path in RESULTS.glob(f"{name}/*/*.json")]
    names = [*AGENTS, *sorted({result["name"] for result in found} - set(AGENTS))]
    return sorted(found, key=lambda result: names.index(result["name"]))


def write_page(name: str) -> None:
    """Write a case's table and figure into the block of its page."""
    if not (results := results_of(name)):
        return
    draw_curves(results, DOCS / "figures" / f"case-{name}")
    words = tables(results, "dream")[name] + f"\n\n![learning curves](figures/case-{name}.png)"
    page = DOCS / f"{name}.md"
    pages.put(page, f"table: {name}", words)
    print(page)


@program.program
def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("case", nargs="?", choices=CASES)
    arguments.add_argument("agents", nargs="*", help="default: " + ", ".join(AGENTS))
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--table", action="store_true", help="write pages, and train nothing")
    asked = arguments.parse_args()
    for name in [asked.case] if asked.case else CASES:
        if asked.table:
            write_page(name)
        elif code := train(name, asked.agents or list(AGENTS), asked.seeds):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
