"""Progress of a whole comparison: a live table on a terminal, plain lines everywhere else."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dreamrl.cli.progress import STOPPING
from dreamrl.cli.screen import can_redraw
from dreamrl.comparison.spec import Cell, Key, Result
from dreamrl.errors import UserError
from dreamrl.interruption import at_last, interruptible
from dreamrl.listener import Record


class Board:
    """The cells done, running and to come; a listener of `dreamrl.comparison.fill`."""

    def __init__(self, cells: Sequence[Cell]):
        self.cells = {cell.key: cell for cell in cells}
        self.states = dict.fromkeys(self.cells, "to come")
        self.seconds: dict[Key, float] = {}
        """Seconds that cells have taken; of running ones, an estimate of the whole."""
        self.running: dict[Key, float] = {}
        """Start of each cell that is worked on; several, where there are several workers."""
        self.notes: list[str] = []
        self.stop: Callable[[], bool] = lambda: False
        self.file: IO[str] | None = None
        """The file that gets each piece of news as a line."""

    def begin(self, cell: Cell, seeds: Sequence[int]) -> None:
        key = cell.key
        # A sweep's cells need not be known at its beginning.
        self.cells[key], self.running[key] = cell, time.perf_counter()
        self.states[key] = "compiling"
        number = 1 + list(self.cells).index(key)
        which = f"seeds {', '.join(map(str, seeds))}"
        self._say(
            f"cell {number} of {len(self.cells)}: {cell.name} on {cell.family}, {which}; compiling"
        )

    def compiling(self) -> None:
        """Show that programs are compiled: `begin` has said so."""

    def warn(self, line: str) -> None:
        self.notes.append(line)
        self._say(line)

    def chunk(self, records: Sequence[Record]) -> None:
        """Show the results of a chunk of the running cell, one record a seed."""
        key = next(reversed(self.running))
        cell, first = self.cells[key], records[0]
        share = first["iteration"] / cell.settings.budget.iterations
        begin = first["compile_seconds"]
        self.seconds[key] = begin + (first["seconds"] - begin) / share
        # A training that was stopped has taken more than this call has lasted.
        self.running[key] = time.perf_counter() - first["seconds"]
        words = f"{share:.0%}"
        if "return_unseen" in first:
            words += f", {statistics.fmean(r['return_unseen'] for r in records):.3f}"
        self.states[key] = words
        rate = sum(record["steps_per_second"] for record in records)
        self._say(
            f"{cell.name} on {cell.family}: {words}  {rate:,.0f} steps/s  {self._time_left()}"
        )

    def done(self, cell: Cell, result: Result) -> None:
        """Show the result of a cell, of this call or of an earlier one."""
        key = self._mark_ended(cell)
        score = statistics.fmean(seed["unseen"]["return"] for seed in result["seeds"])
        self.states[key] = f"done, {score:.3f}"
        self.seconds[key] = sum(each["wall_seconds"] for each in result["trainings"])
        self._say(f"{cell.name} on {cell.family}: {self.states[key]}  {self._time_left()}")

    def failed(self, cell: Cell, error: UserError) -> None:
        key = self._mark_ended(cell)
        self.states[key] = "failed"
        self.warn(f"{cell.name} on {cell.family}: {error}")

    def stopping(self) -> None:
        """Show that Ctrl-C has been heard."""
        self.warn(STOPPING)

    def __rich__(self) -> Panel:
        families = list(dict.fromkeys(family for _, family in self.cells))
        table = Table("agent", box=None, padding=(0, 2))
        for family in families:
            table.add_column(Text(family))
        for name in dict.fromkeys(name for name, _ in self.cells):
            states = (_styled(self.states[name, family]) for family in families)
            table.add_row(Text(name), *states)
        grid = Table.grid()
        grid.add_row(table)
        for line in (self._time_left(), *self.notes):
            grid.add_row(Text(f"  {line}"))
        return Panel(grid, title="[bold]compare[/]", expand=False)

    def _time_left(self) -> str:
        """Return how long the cells that are running and to come will take, as the others did."""
        durations = {key: s for key, s in self.seconds.items() if s > 0}
        if not durations:
            return "time left: not known yet"
        cost = {key: cell.budget * len(cell.seeds) for key, cell in self.cells.items()}
        rate = sum(durations.values()) / sum(cost[key] for key in durations)
        open_ = [k for k, s in self.states.items() if s != "failed" and not s.startswith("done")]
        left = sum(self.seconds.get(key, rate * cost[key]) for key in open_)
        left = max(0.0, left - sum(time.perf_counter() - began for began in self.running.values()))
        left /= max(1, len(self.running))
        return f"{len(open_)} of {len(self.cells)} to do, {_clock(left)} left"

    def _mark_ended(self, cell: Cell) -> Key:
        key = cell.key
        self.cells[key] = cell
        self.running.pop(key, None)
        return key

    def _say(self, line: str) -> None:
        if self.file is not None:
            print(line, file=self.file, flush=True)


def _styled(state: str) -> str:
    return f"{_STYLES.get(state.split(',')[0], '[bold]')}{state}[/]"


_STYLES = {"to come": "[dim]", "done": "[green]", "failed": "[bold red]"}


@contextlib.contextmanager
def board(cells: Sequence[Cell], console: Console) -> Iterator[Board]:
    """Yield a view of the cells for as long as they are worked on, which Ctrl-C ends."""
    view = Board(cells)
    with contextlib.ExitStack() as stack:
        if can_redraw(console):
            live = stack.enter_context(Live(view, console=console, refresh_per_second=2))
            stack.enter_context(at_last(live.stop))
        else:
            view.file = console.file
        view.stop = stack.enter_context(interruptible(view.stopping))
        yield view


def _clock(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
