"""`dreamrl work DIR`: one more worker for a sweep or a comparison, on any machine."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from dreamrl import families
from dreamrl.cli.cells import board
from dreamrl.cli.values import check_number
from dreamrl.interruption import STOPPED
from dreamrl.runs.lock import check_locks
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps.queue import work

EXAMPLES = """\
  dreamrl work runs/sweep
  dreamrl work runs/sweep --most 1
  ssh other-machine dreamrl work /shared/runs/sweep
  sbatch --array=1-20 --wrap 'dreamrl work /shared/runs/sweep'
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Take cells of a sweep or a comparison that nobody works on, until none is left.

    DIR is the --out of dreamrl sweep or dreamrl compare. Any number of workers may be at it, on
    machines that share the directory. A worker that is killed leaves its cell to the others, who
    go on from its last checkpoint.
    """

    directory: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """The directory with plan.json."""
    wait: bool = False
    """Stay until cells that others work on are done too, and take those whose worker dies."""
    most: int | None = None
    """Take at most so many cells."""
    family: tuple[str, ...] = ()
    """Of a sweep on families of your own: their names, as in dreamrl sweep. Their code is run."""


def run(options: Options) -> int:
    """Work; return the exit code."""
    check_number("most", options.most, 1, 10**9)
    for name in options.family:
        families.make(name)
    plan = plans.read(options.directory)
    check_locks(options.directory)
    with board(plan.cells, Console()) as listener:
        tally = work(options.directory, listener, options.wait, options.most)
    others = f", {tally.held} with other workers" if tally.held else ""
    print(f"cells done here: {tally.done}, failed: {tally.failed}{others}")
    return STOPPED if tally.stopped else int(tally.failed > 0)
