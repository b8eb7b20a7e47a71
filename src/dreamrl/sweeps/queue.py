"""Taking cells: one lock a cell, which goes with the process that holds it, however that ends."""

import collections
import os
import socket
import time
from pathlib import Path
from typing import NamedTuple

from dreamrl.comparison.fill import CellListener, complete
from dreamrl.comparison.spec import Cell, Key
from dreamrl.errors import UserError
from dreamrl.runs.lock import Busy, claim
from dreamrl.runs.store import write_json
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps import proposals
from dreamrl.sweeps.plan import Plan, outcome

PAUSE = 1.0
"""Seconds from one look at cells that others hold to the next."""


class Worked(NamedTuple):
    """The tally of a worker."""

    done: int
    """Cells that it finished."""
    failed: int
    """Cells that it found unable to go on."""
    held: int
    """Cells that others were at work on when it ended."""
    stopped: bool
    """True if the listener stopped it; cells keep what was trained."""


def holder(plan: Plan, cell: Cell) -> str:
    """Return the worker of a cell, or the one that was killed: `pid 7 on host`, or nothing."""
    try:
        return plan.claim(cell).read_text()
    except OSError:
        return ""


def work(
    directory: Path, listener: CellListener, wait: bool = False, most: int | None = None
) -> Worked:
    """Take cells that nobody works on, one after another, until none is left.

    Cells that others work on are skipped; with `wait`, this goes on until they are done, and takes
    those whose worker died. At most `most` cells are taken. What a cell's training left is gone on
    with. Raises UserError where the directory holds no plan.
    """
    plan = plans.read(directory)
    plans.check_families(plan.cells)
    settled_keys: set[Key] = set()
    tally = collections.Counter[str]()
    while True:
        tally["held"] = count = 0
        for cell in [cell for cell in plan.cells if cell.key not in settled_keys]:
            if listener.stop() or tally["done"] + tally["failed"] == most:
                return _tally_result(tally, listener.stop())
            state = _attend(plan, cell, listener)
            tally[state] += 1
            if state == "stopped":
                return _tally_result(tally, True)
            if state != "held":
                settled_keys.add(cell.key)
                count += state != "known"
        if not count and not proposals.propose(directory):
            if not (tally["held"] and wait):
                return _tally_result(tally, False)
            time.sleep(PAUSE)
        plan = plans.read(directory)


def _attend(plan: Plan, cell: Cell, listener: CellListener) -> str:
    """Work on a cell; return its state: done or failed here; known before; held; stopped."""
    file = plan.claim(cell)
    file.parent.mkdir(parents=True, exist_ok=True)
    with claim(file, note=f"pid {os.getpid()} on {socket.gethostname()}") as success:
        state = "known"
        try:
            if (result := outcome(plan, cell)) is None:
                if not success:
                    return "held"
                state = "done"
                result = complete(cell, plan.results, plan.runs(cell), listener, plan.command)
                if result is None:
                    return "stopped"
            listener.done(cell, result)
        except Busy:
            return "held"
        except UserError as error:
            if state == "done":
                state = "failed"
                write_json(plan.failure(cell), {"format": 1, "error": str(error)})
            listener.failed(cell, error)
        return state


def _tally_result(tally: collections.Counter[str], stopped: bool) -> Worked:
    return Worked(tally["done"], tally["failed"], tally["held"], stopped)
