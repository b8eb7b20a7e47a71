"""What z holds, and what is then looked for: python -m benchmarks.studies.bottleneck [CASE...].

Cases of distracting-bus by name, each with the default bottleneck and with none. Of each seed: bits
of what matters that z holds and bits of the rest, how often a gray line is ridden, and returns. The
numbers go to benchmarks/results/bottleneck.json, the cases that were asked for anew.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import dreamrl
from benchmarks import pages
from benchmarks.program import DOCS, command, keep, kept, parser, program
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.deploy.contents import contents
from dreamrl.evaluation import evaluate

LARGE = {"encoding.scale": 22.0}
"""Encodings begin as far apart as the released ones, and as far from each other."""


class Case(NamedTuple):
    family: str
    changes: dict
    expected: str
    """Written down before any of it was trained."""


CASES = {
    "default": Case(
        "distracting-bus", {}, "0.80 after 10 steps; none 1.17 bits of the rest, else 0.1"
    ),
    "short": Case(
        "distracting-bus:training=288,exploration=11",
        LARGE,
        "none: two gray lines and two others, as they tell problems apart sooner, 0.70; else 0.80",
    ),
    "shorter": Case(
        "distracting-bus:training=288,exploration=6",
        LARGE,
        "none: a gray line and another, 0.50; else two that matter, 0.70",
    ),
    "near": Case(
        "distracting-bus:near=gray",
        {},
        "none: all lines in 17 steps, gray 1.0, 0.80; else 0.80 in 11 steps, gray 0",
    ),
    "near, short": Case(
        "distracting-bus:near=gray,exploration=12",
        {},
        "none: two gray lines and two others, 0.70, gray 1.0; else the three that matter, 0.80, "
        "gray 0",
    ),
    "long": Case(
        "distracting-bus:training=288",
        LARGE,
        "none: all lines in 17 steps, 0.80; else 0.80 in 10 steps",
    ),
}
BOTTLENECKS = ("constrained", "none")
HEADS = (
    *("case", "bottleneck", "seeds", "unseen (lowest)", "training", "steps", "gray ridden"),
    *("bits of what matters", "of the rest"),
)
SEEDS = (10, 11)


def measured(agent, family, changes, seeds, out):
    """Return what came of one agent on one family, a list by seed."""
    begin = time.perf_counter()
    found = dreamrl.train(agent, family, seeds=list(seeds), out=out, **changes)
    seconds = time.perf_counter() - begin
    rows, last = [], {record["seed"]: record for record in found.records}
    for seed, agent in zip(seeds, found.agents, strict=True):
        family = agent.family
        held = contents(family, agent.known.encodings, DreamSettings().encoding.rho)
        of = {
            split: evaluate(family, agent.agent, ids, 2000)
            for split, ids in (("unseen", family.test_ids), ("training", family.train_ids))
        }
        row = {
            "seed": seed,
            "return_unseen": of["unseen"].return_mean,
            "return_training": of["training"].return_mean,
            "steps": of["unseen"].exploration_length_mean,
            "relevant": held.relevant,
            "irrelevant": held.irrelevant,
            **of["unseen"].statistics,
            **{name: last[seed][name] for name in ("information", "dual") if name in last[seed]},
        }
        rows.append(json.loads(json.dumps(row), parse_float=lambda x: round(float(x), 4)))
        print(rows[-1], flush=True)
    return {"seconds": round(seconds), "seeds": rows}


def table(results):
    """Return the results as Markdown: means over seeds, and the lowest return."""
    lines = []
    for name, kinds in results.items():
        for kind, held in kinds.items():
            rows = held["seeds"]

            def mean(key, rows=rows):
                return statistics.fmean(row[key] for row in rows)

            bits = [
                f"{statistics.fmean(row[n][0] for row in rows):.2f} of {rows[0][n][1]:.2f}"
                for n in ("relevant", "irrelevant")
            ]
            lowest = min(row["return_unseen"] for row in rows)
            returns = (
                f"{mean('return_unseen'):.3f} ({lowest:.3f})",
                f"{mean('return_training'):.3f}",
            )
            seen = f"{mean('steps'):.1f}", f"{mean('gray_line_ridden'):.0%}"
            lines.append((name, kind, len(rows), *returns, *seen, *bits))
    return pages.table(HEADS, lines, 2)


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    arguments.add_argument("--bottlenecks", nargs="+", default=BOTTLENECKS)
    arguments.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    arguments.add_argument("--out", type=Path, default=Path("runs/bottleneck"))
    arguments.add_argument("--table", action="store_true", help="write what is kept, train nothing")
    asked = arguments.parse_args()
    results = kept("bottleneck").get("results", {})
    if not asked.table:
        for name in asked.cases or CASES:
            for kind in asked.bottlenecks:
                case, out = CASES[name], asked.out / f"{name}-{kind}"
                changes = {"bottleneck": kind, **case.changes}
                found = measured("dream", case.family, changes, asked.seeds, out)
                results.setdefault(name, {})[kind] = found
                expected = {name: case.expected for name, case in CASES.items()}
                keep("bottleneck", command(__spec__.name), expected=expected, results=results)
    print(table(results))
    near = {name: kinds for name, kinds in results.items() if name.startswith("near")}
    pages.put(DOCS / "explorers.md", "table: near", table(near))


if __name__ == "__main__":
    sys.exit(main())
