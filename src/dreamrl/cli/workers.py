"""Shared by `sweep`, `compare` and `work`: the workers of a plan, and its results."""

import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from dreamrl import cli, families
from dreamrl.cli.cells import board
from dreamrl.cli.values import check_number, drawn, print_json, split_name
from dreamrl.comparison.spec import Result, finished_runs
from dreamrl.comparison.table import as_json, in_words, rows
from dreamrl.errors import UserError
from dreamrl.evaluation import FEW, FEW_SEEDS
from dreamrl.files import write
from dreamrl.host import unwritable
from dreamrl.interruption import STOPPED
from dreamrl.report import collect, html
from dreamrl.runs.lock import check_locks
from dreamrl.runs.manifest import program
from dreamrl.runs.store import write_json
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps import table
from dreamrl.sweeps.cluster import Ray
from dreamrl.sweeps.plan import Plan
from dreamrl.sweeps.workers import Here, Processes, Workers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Crew:
    """The workers of cells, as flags."""

    workers: int = 1
    """Processes of this machine, each with its share of the cores; 0: only write the plan, for
    dreamrl work."""
    ray: str | None = None
    """Address of a Ray cluster that is there already, as auto or ray://HOST:10001, to which each
    cell goes as a task; its nodes must share --out."""
    cores: float = 1.0
    """With --ray: cores of each task."""
    gpus: float = 0.0
    """With --ray: GPUs of each task, 0.5 for half of one."""


def settle(crew: Crew) -> None:
    """Check the workers; where others work, this process leaves their devices alone."""
    check_number("workers", crew.workers, 0, 1000)
    for name in ("cores", "gpus"):
        if not 0 <= getattr(crew, name) < 10**6:
            raise UserError(f"{name} must be 0 or more, is {getattr(crew, name)}")
    if crew.ray is not None or crew.workers > 1:
        import jax

        jax.config.update("jax_platforms", "cpu")


def check_out(out: Path, crew: Crew) -> None:
    """Make the directory; UserError where it cannot be, or workers could not share it."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is not a directory: choose another --out")
    if why := unwritable(out):
        raise UserError(f"{out} cannot be written: {why}: choose another --out")
    if crew.workers != 1 or crew.ray is not None:
        check_locks(out)


def finish(out: Path, crew: Crew, family: Sequence[str], quiet: bool) -> int:
    """Have a plan worked on, and tell what it comes to; return the exit code."""
    if crew.ray is None and not crew.workers:
        print(f"{out / plans.PLAN} is written: dreamrl work {out} works on it, on any machine")
        return 0
    plan = plans.read(out)
    with board(plan.cells, Console(stderr=quiet)) as listener:
        _chosen(crew, family).run(out, listener)
        stopped = listener.stop()
    plan = plans.read(out)
    overview = plans.look(plan)
    if overview.results:
        report(plan, overview.results, quiet, stopped)
    return STOPPED if stopped else int(bool(overview.failures))


def report(plan: Plan, results: list[Result], quiet: bool = False, stopped: bool = False) -> None:
    """Write table and results of a plan, and print them; no page, in a hurry, where stopped."""
    tell = {"compare": _comparison, "sweep": _sweep}[plan.kind]
    content, text, figures = tell(plan, results)
    if plan.kind == "compare" and not stopped:
        figures += drawn(lambda: _page(plan)) or []
    content = {
        "format": 1,
        "command": plan.command,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **content,
        "results": results,
    }
    page, numbers = plan.directory / "table.md", plan.directory / f"{plan.kind}.json"
    write_json(numbers, content)
    write(page, f"{text}\n".encode())
    if quiet:
        print_json(content)
        return
    print(f"\n{text}\n")
    for path in (page, numbers, *figures):
        print(path)


def _comparison(plan: Plan, results: list[Result]) -> tuple[dict[str, Any], str, list[Path]]:
    def curves() -> list[Path]:
        from dreamrl.figures.comparison import draw_curves

        return draw_curves(results, plan.directory / "curves")

    base = plan.asked["base"]
    content = {"base": base, "rows": [as_json(row) for row in rows(results, base)]}
    return content, in_words(results, base), drawn(curves) or []


def _page(plan: Plan) -> list[Path]:
    """Write a report of the trainings that there are; the first seed of each plays."""
    out = plan.directory
    runs = [run.path for cell in plan.cells for run in finished_runs(cell, out).values()]
    if not runs:
        return []
    content = collect(list(dict.fromkeys(map(program, runs))), players=1)
    write(out / "report.html", html(content).encode())
    return [out / "report.html"]


def _sweep(plan: Plan, results: list[Result]) -> tuple[dict[str, Any], str, list[Path]]:
    by = plan.asked["by"]
    ranking = table.ranked(results, by)
    parts = []
    for family, group in ranking.items():
        problems = split_name(by) if group[0].held_out else "all"
        first = f"best by the return on {problems} problems: {group[0].name}"
        parts.append(f"{family}\n\n{table.markdown(group)}\n\n{first}")
    if any(len(result["seeds"]) < FEW for result in results):
        parts.append(FEW_SEEDS)
    best = {family: group[0].name for family, group in ranking.items()}
    entries = [table.as_json(row) for group in ranking.values() for row in group]
    content = {"asked": plan.asked, "by": by, "best": best, "rows": entries}
    return content, "\n\n".join(parts), []


def _chosen(crew: Crew, family: Sequence[str]) -> Workers:
    arguments = [word for name in family if families.is_own(name) for word in ("--family", name)]
    if crew.ray is not None:
        return Ray(crew.ray, cli.main, crew.cores, crew.gpus, tuple(arguments))
    if crew.workers > 1:
        return Processes(crew.workers, cli.main, tuple(arguments))
    return Here()
