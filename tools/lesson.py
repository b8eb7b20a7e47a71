"""Put the lesson together: python -m tools.lesson.

Writes docs/lesson.html, a page that needs nothing beside itself, and the same data for `dreamrl
studio --lesson`. benchmarks.studies.lesson and benchmarks.paper measured what is in it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from dreamrl.evaluation import mean_ci95
from dreamrl.report.page import LESSON, lesson_html

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
OUT = ROOT / "docs" / "lesson.html"
DATA = ROOT / "src" / "dreamrl" / "report" / "assets" / LESSON
FAMILIES = ("bus", "distracting-bus", "map", "cooking", "sign", "treasure", "bandit")
KEPT = ("trial", "cost", "gradients", "bottleneck")


def results() -> list[dict[str, Any]]:
    """Return what all agents reach, family by family, the best first."""
    found = []
    for family in FAMILIES:
        [folder] = [
            path
            for path in (RESULTS / "paper").iterdir()
            if path.name == family or path.name.startswith(f"{family}-height")
        ]
        measured = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
        cells = [cell(result) for result in measured]
        limits = next((r["references"] for r in measured if r.get("references")), {})
        found.append(
            {
                "family": family,
                "optimal": limits.get("optimal"),
                "blind": limits.get("no_exploration"),
                "cells": sorted(cells, key=lambda each: -each["mean"]),
            }
        )
    return found


def cell(result: dict[str, Any]) -> dict[str, Any]:
    """Return the mean over seeds of one agent, and its 95 % interval."""
    returns = np.array([seed["unseen"]["return"] for seed in result["seeds"]])
    mean, interval = mean_ci95(returns)
    low, high = interval or (mean, mean)
    figures = {"mean": mean, "low": low, "high": high}
    rounded = {name: round(float(value), 4) for name, value in figures.items()}
    return {"agent": result["name"], **rounded, "seeds": len(returns)}


def data() -> dict[str, Any]:
    """Return all that the lesson shows."""
    measured = json.loads((RESULTS / "lesson.json").read_text())
    return {**{name: measured[name] for name in KEPT}, "results": results()}


def text() -> str:
    """Return the data as they are kept in the package."""
    return json.dumps(data(), ensure_ascii=False, separators=(",", ":")) + "\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    DATA.write_text(text(), encoding="utf-8")
    OUT.write_text(lesson_html(), encoding="utf-8")
    print(OUT)


if __name__ == "__main__":
    main()
