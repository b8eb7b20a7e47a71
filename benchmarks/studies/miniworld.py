"""Agents of `sign` in Miniworld's own `Sign`: python benchmarks/miniworld_transfer.py RUN...

Each is measured here and there, with as many trials. The figures go to
benchmarks/results/miniworld-transfer.json, and with --docs into docs/miniworld.md.
"""

import argparse
import datetime
import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np
from pages import put

import dreamrl
from dreamrl.errors import UserError
from dreamrl.evaluate import evaluate, mean_ci95
from dreamrl.families.extras import needs
from dreamrl.runs.run import versions
from dreamrl.runs.store import read_json

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "miniworld-transfer.json"
PAGE = ROOT / "docs" / "miniworld.md"
DRAWN_BY = ("miniworld", "pyglet", "gymnasium")


def interval(returns: np.ndarray) -> list[float]:
    """The mean, and 95 % by the normal approximation."""
    mean, interval = mean_ci95(returns)
    return [round(x, 4) for x in (mean, *interval)]


def measure(run: Path, trials: int) -> dict:
    from dreamrl.use.miniworld import evaluate_there

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
    lines = [
        "| agent | trained on | seed | where | return | 95 % | exploration steps | sign read |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in result["runs"]:
        for where in ("here", "miniworld"):
            found = run[where]
            mean, low, high = found["return"]
            read = f"{found['sign_read']:.1%}" if "sign_read" in found else "–"
            lines.append(
                f"| {run['agent']} | `{run['family']}` | {run['seed']} | {where} | {mean:.3f} "
                f"| {low:.3f} to {high:.3f} | {found['exploration_length']:.1f} | {read} |"
            )
    return "\n".join(lines) + f"\n\n{result['trials']} trials each, {result['date']}."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="+", type=Path)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--docs", action="store_true", help="write the table into the page, too")
    asked = parser.parse_args()
    try:
        needs("miniworld", "miniworld")
        runs = [measure(run, asked.trials) for run in asked.run]
    except UserError as error:
        print(f"miniworld_transfer.py: {error}", file=sys.stderr)
        return error.exit_code
    result = {
        "command": f"python benchmarks/miniworld_transfer.py RUN... --trials {asked.trials}",
        "date": datetime.date.today().isoformat(),
        "versions": versions() | {name: importlib.metadata.version(name) for name in DRAWN_BY},
        "trials": asked.trials,
        "runs": runs,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))
    if asked.docs:
        put(PAGE, "transfer", table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
