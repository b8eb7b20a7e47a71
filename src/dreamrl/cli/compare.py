"""`dreamrl compare AGENT... --family F...`: agents beside one another, trained where need be."""

import dataclasses
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from dreamrl.cli.cells import board
from dreamrl.cli.values import TRIALS, check_number, command_line, drawn, print_json
from dreamrl.comparison.fill import fill
from dreamrl.comparison.spec import Cell, Result, cells, finished_runs
from dreamrl.comparison.table import as_json, base_of, in_words, rows
from dreamrl.errors import UserError
from dreamrl.host import unwritable
from dreamrl.report import collect, html
from dreamrl.runs.manifest import program
from dreamrl.runs.store import write, write_json

EXAMPLES = """\
  dreamrl compare dream rl2 --family bus --seeds 3
  dreamrl compare dream dream:bottleneck=none dream:cost=0,z=16 --family distracting-bus
  dreamrl compare dream rl2 varibad --family bus map --seeds 5 --budget 10000000 --out runs/all
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Compare agents: train what is missing, measure; write a table, curves and a report.

    AGENT is a method, as dream, or a method with settings that differ from its preset's:
    AGENT:SETTING=VALUE,SETTING=VALUE, as dream:bottleneck=none. preset=NAME chooses another
    preset. Stopped at any time, the same command goes on where it was; runs in --out that are
    finished and have the same agent, family, settings and seed are used again.
    """

    agent: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="AGENT...")]
    """Methods to compare, with settings or without."""
    family: tuple[str, ...] = ()
    """One or more names that dreamrl families lists; needed."""
    seeds: int = 3
    """Seeds of each agent on each family, from 0 up, trained in one program."""
    budget: int | None = None
    """Environment steps of each seed, counted as trials x horizon x (1 + episodes) an iteration.
    If not given, all get what DREAM's preset takes on that family (without DREAM, that of the agent
    named first); iterations=N behind an agent's name says otherwise."""
    trials: int = 2000
    """Trials that measure each trained agent, on unseen and on training problems."""
    out: Path = Path("runs/compare")
    """Directory of table, figures, results and runs."""
    json: bool = False
    """Print the result as one JSON object; progress goes to the error output."""


def run(options: Options) -> int:
    """Compare; return the exit code."""
    if not options.agent:
        raise UserError("AGENT missing: agents come first, as in dream rl2 --family bus")
    if not options.family:
        raise UserError("--family is missing, as in --family bus: dreamrl families lists them")
    check_number("seeds", options.seeds, 1, 10_000)
    check_number("trials", options.trials, 2, TRIALS)
    base = base_of(options.agent)
    terms = (options.seeds, options.budget, options.trials, base)
    asked = cells(options.agent, options.family, *terms)
    if options.out.exists() and not options.out.is_dir():
        raise UserError(f"{options.out} is not a directory: choose another --out")
    if why := unwritable(options.out):
        raise UserError(f"{options.out} cannot be written: {why}: choose another --out")
    command = command_line("dreamrl", *sys.argv[1:])
    with board(asked, Console(stderr=options.json)) as view:
        filled = fill(asked, options.out / "cells", options.out, view, command)
    if filled.results:
        _report(options, filled.results, base, command, [] if filled.stopped else asked)
    return 130 if filled.stopped else int(filled.failed > 0)


def _report(
    options: Options, results: Sequence[Result], base: str, command: str, asked: Sequence[Cell]
) -> None:
    """Write what came of it; the page, for which agents play, of the cells that are `asked`."""
    told = {
        "format": 1,
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "base": base,
        "rows": [as_json(row) for row in rows(results, base)],
        "results": list(results),
    }
    text = in_words(results, base)
    write_json(options.out / "compare.json", told)
    write(options.out / "table.md", f"{text}\n".encode())
    figures = drawn(lambda: _curves(results, options.out / "curves")) or []
    page = drawn(lambda: _page(asked, options.out)) or []
    if options.json:
        print_json(told)
        return
    print(f"\n{text}\n")
    for path in (options.out / "table.md", options.out / "compare.json", *figures, *page):
        print(path)


def _page(asked: Sequence[Cell], out: Path) -> list[Path]:
    """Write a report of the trainings that there are; the first seed of each plays."""
    runs = [run.path for cell in asked for run in finished_runs(cell, out).values()]
    if not runs:
        return []
    report = collect(list(dict.fromkeys(map(program, runs))), players=1)
    write(out / "report.html", html(report).encode())
    return [out / "report.html"]


def _curves(results: Sequence[Result], stem: Path) -> list[Path]:
    from dreamrl.figures.comparison import draw_curves

    return draw_curves(results, stem)
