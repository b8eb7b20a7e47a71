"""Agents of `sign` in Miniworld's own `Sign`: python -m benchmarks.studies.miniworld RUN...

Each is measured here and there, with as many trials. The figures go to
benchmarks/results/miniworld-transfer.json, and with --docs into docs/miniworld.md.
"""

import importlib.metadata
import sys
from pathlib import Path

import numpy as np

import dreamrl
from benchmarks import pages
from benchmarks.program import DOCS, command, keep, parser, program
from dreamrl.evaluation import evaluate, mean_ci95
from dreamrl.families.optional_deps import needs
from dreamrl.runs.store import read_json

DRAWN_BY = ("miniworld", "pyglet", "gymnasium")


def interval(returns: np.ndarray) -> list[float]:
    """The mean, and 95 % by Student's t."""
    mean, interval = mean_ci95(returns)
    assert interval is not None, "few trials, and all alike"
    return [round(x, 4) for x in (mean, *interval)]


def measure(run: Path, trials: int) -> dict:
    from dreamrl.deploy.miniworld import evaluate_there

    agent = dreamrl.load(run)
    manifest = read_json(run / "run.json")
    family = agent.family
    here = evaluate(family, agent.agent, family.test_ids, trials)
    there = evaluate_there(agent, trials)
    result = {"agent": manifest["agent"], "family": manifest["family"], "seed": manifest["seed"]}
    result["here"] = {
        "return": interval(here.returns.mean(1)),
        "exploration_length": here.exploration_length_mean,
        **here.statistics,
    }
    result["miniworld"] = {
        "return": interval(there.returns),
        "exploration_length": float(there.lengths.mean()),
        "sign_read": float(there.signs_read.mean()),
    }
    return result


def table(result: dict) -> str:
    heads = ("agent", "trained on", "seed", "where", "return", "95 %", "exploration steps")
    rows = []
    for run in result["runs"]:
        for where in ("here", "miniworld"):
            found = run[where]
            mean, low, high = found["return"]
            read = f"{found['sign_read']:.1%}" if "sign_read" in found else "–"
            agent = (run["agent"], f"`{run['family']}`", run["seed"], where)
            figures = (f"{mean:.3f}", f"{low:.3f} to {high:.3f}")
            rows.append((*agent, *figures, f"{found['exploration_length']:.1f}", read))
    table = pages.table((*heads, "sign read"), rows, left=4)
    return f"{table}\n\n{result['trials']} trials each, {result['date']}."


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", nargs="+", type=Path)
    arguments.add_argument("--trials", type=int, default=300)
    arguments.add_argument("--docs", action="store_true", help="write the table into the page, too")
    asked = arguments.parse_args()
    needs("miniworld", "miniworld")
    result = keep(
        "miniworld-transfer",
        command(__spec__.name, "RUN...", "--trials", asked.trials),
        drawn_by={name: importlib.metadata.version(name) for name in DRAWN_BY},
        trials=asked.trials,
        runs=[measure(run, asked.trials) for run in asked.run],
    )
    print(table(result))
    if asked.docs:
        pages.put(DOCS / "miniworld.md", "transfer", table(result))


if __name__ == "__main__":
    sys.exit(main())
