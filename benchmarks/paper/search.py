"""The same search for every agent: settings drawn from one published space, tried on one seed.

    python -m benchmarks.paper.search               all agents: what is missing is trained
    python -m benchmarks.paper.search rl2 import    these
    python -m benchmarks.paper.search --best        the whole budget with the best of each
    python -m benchmarks.paper.search --table       the table of docs/results.md

Each agent gets as many trials of settings as DREAM: its preset, and settings drawn at random. All
train seed 0 on distracting-bus for a share of the comparison's budget, and are compared by the
return on training problems at the end; unseen problems are not looked at. A trial is a file in
benchmarks/results/search. Stopped at any time, the same command goes on. What `--best` trains,
where it is not the preset, are five seeds, which become cells of benchmarks.paper.run.
"""

import sys
from typing import Any

import numpy as np

from benchmarks import pages, program
from benchmarks.cells import fill_all
from benchmarks.paper.run import RESULTS as CELLS
from benchmarks.program import DOCS, ROOT, command, parser
from dreamrl.comparison.spec import Cell, Result, cells
from dreamrl.runs.store import read_json

RESULTS = program.RESULTS / "search"
FAMILY, TRIALS, SHARE = "distracting-bus", 8, 0.5
"""Where, settings an agent (the preset is the first), and the share of the whole budget."""

POLICY: dict[str, tuple[Any, ...]] = {
    "learning_rate": (1e-3, 2e-3, 3e-3, 5e-3, 1e-2),
    "discount": (0.95, 0.99, 1.0),
    "entropy": (0.03, 0.1, 0.3),
    "gae_lambda": (0.8, 0.9, 0.95),
}
WHOLE_TRIAL = POLICY | {"exploration_entropy": (0.03, 0.1, 0.3)}
SPACE: dict[str, dict[str, tuple[Any, ...]]] = {
    "dream": POLICY | {"cost": (0.005, 0.01, 0.02)},
    "rl2": WHOLE_TRIAL,
    "e-rl2": WHOLE_TRIAL,
    "varibad": WHOLE_TRIAL | {"divergence_weight": (0.01, 0.1, 1.0), "reward_weight": (1.0, 10.0)},
    "import": WHOLE_TRIAL | {"auxiliary": (0.03, 0.1, 0.3, 1.0), "informed_share": (0.25, 0.5)},
    "pearl": {
        "learning_rate": POLICY["learning_rate"],
        "discount": POLICY["discount"],
        "temperature": (0.1, 0.3, 1.0),
        "q_lambda": (0.5, 0.8, 0.95),
        "kl_weight": (1e-4, 1e-3, 1e-2),
    },
    "maml": WHOLE_TRIAL | {"inner_rate": (0.03, 0.05, 0.1, 0.3)},
}
"""What each setting is drawn from."""


def tried(agent: str) -> list[str]:
    """The settings that an agent is tried with, as `dreamrl compare` takes them."""
    rng, drawn = np.random.default_rng(0), [agent]
    while len(drawn) < TRIALS:
        chosen = {name: values[rng.integers(len(values))] for name, values in SPACE[agent].items()}
        words = ",".join(f"{name}={value}" for name, value in chosen.items())
        if (name := f"{agent}:{words}") not in drawn:
            drawn.append(name)
    return drawn


def asked_for(chosen: list[str]) -> list[Cell]:
    budget = int(SHARE * cells(["dream"], [FAMILY], 1)[0].budget)
    return cells([name for agent in chosen for name in tried(agent)], [FAMILY], 1, budget)


def best_of(agents: list[str]) -> list[Cell]:
    """Cells of the whole budget with the best settings of each, where these are not its preset."""
    found = tried_so_far()
    names = [max(found[agent], key=rank)["name"] for agent in agents if agent in found]
    return cells([name for name in names if ":" in name], [FAMILY], 5, base="dream")


def tried_so_far() -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for path in sorted(RESULTS.glob("*/*.json")):
        result = read_json(path)
        found.setdefault(result["agent"], []).append(result)
    return found


def score(result: Result) -> float:
    return float(result["seeds"][0]["train"]["return"])


def rank(result: Result) -> tuple[float, bool]:
    """By return; of equal ones, the preset is the best."""
    return score(result), ":" not in result["name"]


def table() -> str:
    found = tried_so_far()
    rows = []
    for agent in [agent for agent in SPACE if agent in found]:
        ordered = sorted(found[agent], key=rank, reverse=True)
        preset = next((f"{score(r):.3f}" for r in ordered if r["name"] == agent), "–")
        best = ordered[0]["name"].partition(":")[2].replace(",", ", ") or "the preset"
        returns = ", ".join(f"{score(result):.3f}" for result in ordered)
        rows.append((agent, len(ordered), preset, returns, best))
    heads = ("agent", "trials", "preset", "all trials", "best settings")
    return pages.table(heads, rows, left=len(heads))


def write_table() -> None:
    page = DOCS / "results.md"
    words = table() if any(RESULTS.glob("*/*.json")) else "Not measured yet."
    pages.put(page, "search", words)
    print(page)


@program.program
def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument(
        "agents", nargs="*", metavar="AGENT", help="default: " + ", ".join(SPACE)
    )
    arguments.add_argument(
        "--best", action="store_true", help="train the best with the whole budget"
    )
    arguments.add_argument(
        "--table", action="store_true", help="write the table, and train nothing"
    )
    asked = arguments.parse_args()
    if odd := [agent for agent in asked.agents if agent not in SPACE]:
        arguments.error(f"nothing to search for {odd[0]}: choose from {', '.join(SPACE)}")
    if asked.table:
        write_table()
        return 0
    agents, made_by = asked.agents or list(SPACE), command(__spec__.name)
    if asked.best:
        filled = fill_all(best_of(agents), CELLS, ROOT / "runs" / "paper", made_by)
    else:
        filled = fill_all(asked_for(agents), RESULTS, ROOT / "runs" / "search", made_by)
    return 130 if filled.stopped else int(filled.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
