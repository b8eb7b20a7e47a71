"""Progress of a training: a live panel on a terminal, plain lines everywhere else."""

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dreamrl import cli
from dreamrl.cli.screen import can_redraw
from dreamrl.interruption import at_last
from dreamrl.listener import Record
from dreamrl.runs.metrics import COLLAPSED, has_collapsed

Limits = dict[str, float | None]
BLOCKS = "▁▂▃▄▅▆▇█"
ALARM = f"alarm: {COLLAPSED}"
STOPPING = "stopping after this chunk and keeping the agent; Ctrl-C again stops at once"


class Goal(NamedTuple):
    """The end of a training: `complete` in training.py."""

    iterations: int
    until: int | None

    def done(self, record: Record) -> str:
        """Return how much of it is done, in words."""
        steps = "" if self.until is None else f", {record['steps']:,}/{self.until:,} steps"
        return f"{record['iteration']:.0f}/{self.iterations}{steps}"

    def left(self, record: Record) -> float:
        """Return seconds, if it goes on as so far."""
        share = min(record["iteration"] / self.iterations, record["steps"] / (self.until or 1))
        seconds = record["seconds"] - record["compile_seconds"]
        return seconds * (1 / share - 1) if 0 < share < 1 else 0.0


@contextlib.contextmanager
def progress(
    title: str, where: str, goal: Goal, horizon: int, held_out: bool, console: Console
) -> Iterator["_Lines | _LivePanel"]:
    """Yield a view of a training, for as long as it goes on.

    Without problems `held_out`, there is one return, on all of them.
    """
    if not can_redraw(console):
        yield _Lines(title, where, goal, held_out, console)
        return
    panel = _LivePanel(title, where, goal, horizon, held_out)
    with Live(panel, console=console, refresh_per_second=4) as live, at_last(live.stop):
        yield panel


class _Lines:
    def __init__(self, title: str, where: str, goal: Goal, held_out: bool, console: Console):
        self.goal, self.held_out, self.file = goal, held_out, console.file
        self.has_alarm = self.has_limits = self.several = False
        self._say(f"{title} -> {where}; compiling")

    def show(self, records: Sequence[Record], limits: Limits) -> None:
        if not self.has_limits and limits.get("optimal") is not None:
            self.has_limits = True
            optimal, walk = limits["optimal"], limits["no_exploration"]
            self._say(f"best return: {optimal:.3f} knowing the problem, {walk:.3f} not exploring")
        # Where others have failed, the last one still says which it is.
        self.several = self.several or len(records) > 1
        for record in records:
            prefix = f"seed {record['seed']:.0f}  " if self.several else ""
            words = [f"{prefix}{self.goal.done(record)}"]
            words += [f"{label} {text}" for label, text in _line_items(record, self.held_out)]
            words.append(f"{record['seconds']:.0f} s, {self.goal.left(record):.0f} s left")
            self._say("  ".join(words))
        if _collapsed(records) and not self.has_alarm:
            self._say(ALARM)
        self.has_alarm = _collapsed(records)

    def stopping(self) -> None:
        self._say(STOPPING)

    def warn(self, line: str) -> None:
        self._say(f"warning: {line}")

    def _say(self, line: str) -> None:
        print(line, file=self.file, flush=True)


class _LivePanel:
    """Drawn anew a few times a second, so that the clock moves while a chunk is computed."""

    def __init__(self, title: str, where: str, goal: Goal, horizon: int, held_out: bool):
        self.title, self.where, self.goal = title, where, goal
        self.horizon, self.held_out = horizon, held_out
        self.update_time = 0.0
        self.records: Sequence[Record] = ()
        self.limits: Limits = {}
        self.past: list[float] = []
        self.notes: list[str] = []

    def show(self, records: Sequence[Record], limits: Limits) -> None:
        self.records, self.limits, self.update_time = records, limits, time.perf_counter()
        if "return_unseen" in records[0]:
            self.past.append(_mean(records, "return_unseen"))
        self.notes = [note for note in self.notes if note != ALARM]
        if _collapsed(records):
            self.notes.append(ALARM)

    def stopping(self) -> None:
        self.notes.append(STOPPING)

    def warn(self, line: str) -> None:
        self.notes.append(line)

    def __rich__(self) -> Panel:
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim", no_wrap=True)
        rows.add_column()
        if not self.records:
            elapsed = time.perf_counter() - cli.BEGAN
            rows.add_row("compiling", f"{elapsed:.0f} s; kept for the next start")
        else:
            self._fill(rows, time.perf_counter() - self.update_time)
        for note in self.notes:
            rows.add_row("[bold red]![/]", Text(note))
        # Names and paths are the user's own, and no markup.
        title, where = Text(self.title, "bold"), Text(self.where)
        return Panel(rows, title=title, subtitle=where, expand=False)

    def _fill(self, rows: Table, age: float) -> None:
        """Fill the panel; `since` so many seconds ago the records came."""
        records, first = self.records, self.records[0]
        elapsed, left = first["seconds"] + age, max(0.0, self.goal.left(first) - age)
        total, done = self.goal.iterations, first["iteration"]
        rows.add_row("iteration", ProgressBar(total=total, completed=done, width=40))
        rows.add_row("", self.goal.done(first))
        compiling = f"{first['compile_seconds']:.1f} s of it compiling"
        rows.add_row("time", f"{elapsed:.0f} s, {compiling}; about {left:.0f} s left")
        goal = ""
        if (optimal := self.limits.get("optimal")) is not None:
            walk = self.limits["no_exploration"]
            goal = f"  [dim](best {optimal:.2f}; without exploration {walk:.2f})[/]"
        suffix = ", unseen" if self.held_out else ""
        rows.add_row(
            f"return{suffix}", f"[bold]{_over_seeds(records, 'return_unseen', '.3f')}[/]{goal}"
        )
        if len(self.past) > 1:
            rows.add_row("", f"[green]{_spark(self.past)}[/]")
        if self.held_out:
            rows.add_row("return, training", _over_seeds(records, "return_train", ".3f"))
        length = _over_seeds(records, "exploration_length", ".1f")
        rows.add_row("steps of exploration", f"{length}  [dim]of {self.horizon}[/]")
        for name, label, form in METRICS:
            if name in first:
                rows.add_row(label, _over_seeds(records, name, form))
        rate = sum(record["steps_per_second"] for record in records)
        rows.add_row("environment steps/s", f"{rate:,.0f}")


METRICS = (
    ("information", "information gained", ".0%"),
    ("z_nats", "nats in z", ".2f"),
    ("dual", "dual variable", ".4f"),
)
"""An algorithm's metrics that are shown, if it has them."""


def _line_items(record: Record, held_out: bool) -> list[tuple[str, str]]:
    both = (("return_unseen", "unseen", ".3f"), ("return_train", "training", ".3f"))
    returns = both if held_out else (("return_unseen", "return", ".3f"),)
    columns = (*returns, ("exploration_length", "length", ".1f"), *METRICS)
    pairs = [(label, format(record[name], form)) for name, label, form in columns if name in record]
    return [*pairs, ("steps/s", f"{record['steps_per_second']:,.0f}")]


def _over_seeds(records: Sequence[Record], name: str, form: str) -> str:
    """Return one seed's value; of several, the mean and the lowest and highest."""
    values = [record[name] for record in records if name in record]
    if not values:
        return "-"
    text = format(statistics.fmean(values), form)
    if len(values) == 1:
        return text
    return f"{text}  [dim]{format(min(values), form)} to {format(max(values), form)}[/]"


def _mean(records: Sequence[Record], name: str) -> float:
    return statistics.fmean(record[name] for record in records)


def _collapsed(records: Sequence[Record]) -> bool:
    return any(map(has_collapsed, records))


def _spark(values: Sequence[float], width: int = 40) -> str:
    values = list(values)[-width:]
    low, high = min(values), max(values)
    scale = (len(BLOCKS) - 1) / (high - low or 1.0)
    return "".join(BLOCKS[round((value - low) * scale)] for value in values)
