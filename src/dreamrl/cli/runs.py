"""`dreamrl runs`: what was trained here, how far it is, and what it returns."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from dreamrl.cli.values import print_json
from dreamrl.runs.survey import Summary, survey

EXAMPLES = """\
  dreamrl runs
  dreamrl runs elsewhere --json
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """List runs: agent, family, progress, return and state.

    Returns are on unseen problems; on all of them, where none is held out. A run is running,
    finished, interrupted (dreamrl resume goes on with it), failed or damaged.
    """

    directory: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="[DIRECTORY]")] = Path(
        "runs"
    )
    """Directory to search, with all below it."""
    json: bool = False
    """Print a list of JSON objects instead."""


def run(options: Options) -> None:
    summaries = survey(options.directory)
    if options.json:
        print_json([summary._asdict() for summary in summaries])
        return
    if not summaries:
        print(f"no runs in {options.directory}")
        return
    heads = ("run", "agent", "family", "seeds", "iterations", "steps", "return", "state")
    rows = [heads, *map(_words, summaries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    for summary in summaries:
        if summary.error:
            print(f"{summary.run}: {summary.error}")


def _iterations_done(iteration: int, iterations: int) -> str:
    """Return how far a run is; after its last iteration it goes on for steps alone."""
    return f"{iteration}/{iterations}" if iteration <= iterations else str(iteration)


def _words(summary: Summary) -> tuple[str, ...]:
    value = summary.return_unseen
    return (
        summary.run,
        summary.agent,
        summary.family,
        str(len(summary.seeds)),
        _iterations_done(summary.iteration, summary.iterations),
        f"{summary.steps:,}",
        "-" if value is None else f"{value:.3f}",
        summary.state + (f", {len(summary.failed)} failed" if summary.failed else ""),
    )
