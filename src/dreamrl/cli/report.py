"""`dreamrl report RUN...`: runs, and trials of their agents, as one page for a browser."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import tyro

from dreamrl.cli.values import check_number, check_seed, print_json, print_rows
from dreamrl.errors import UserError
from dreamrl.files import write
from dreamrl.report import collect, html

EXAMPLES = """\
  dreamrl report runs/dream-distracting-bus-s0
  dreamrl report runs/dream-bus-seeds5 runs/rl2-bus-seeds5 --out both.html
  dreamrl report runs/dream-bus-s0 --problem 3 11 17
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Write a page that shows runs: curves, alarms, settings, and trials step by step.

    It is one file that opens from the disk, without a network, and can be mailed. Agents play on
    this machine when it is made. A run that cannot be read is named in it, and the others shown.
    """

    run: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN...")]
    """Directories that dreamrl train wrote, of one seed or several."""
    out: Path | None = None
    """An .html file; report.html in the first RUN that is there if not given."""
    problem: tuple[int, ...] = ()
    """Problem IDs to play trials in; six are drawn if not given, half of them never seen."""
    seed: int = 0
    """Seed of the problems, if they are drawn, and of the goals."""
    family: str | None = None
    """Of runs on a family of your own: its place, as in dreamrl train. Its code is run."""
    json: bool = False
    """Print what the page shows as one JSON object too."""


def run(options: Options) -> None:
    if not options.run:
        raise UserError("RUN missing: give one or more directories that dreamrl train wrote")
    check_seed(options.seed)
    for problem in options.problem:
        check_number("problem", problem, 0, 2**31 - 1)
    # Where none is a directory, collecting will say so.
    folder = next((path for path in options.run if path.is_dir()), options.run[0])
    out = options.out or folder / "report.html"
    if out.suffix != ".html":
        raise UserError(f"--out must end in .html, is {out}")
    if options.out is not None and not out.parent.is_dir():
        raise UserError(f"{out.parent} is not a directory")
    report = collect(options.run, options.problem, options.seed, options.family)
    page = html(report).encode()
    write(out, page)
    if options.json:
        print_json(report)
    for group in report["groups"]:
        silent = (seed["message"] for seed in group["seeds"])
        for message in filter(None, (group["message"], *silent)):
            print(f"dreamrl: {message}", file=sys.stderr)
    if not options.json:
        print_rows([("report", str(out)), ("size", f"{len(page) / 1e6:.2f} MB")])
