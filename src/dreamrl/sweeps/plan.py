"""The plan of a sweep or a comparison: its cells, as a file that every worker reads.

    plan.json     the question, and all cells with their settings
    plan.lock     held for the moment in which the plan grows
    cells/        the results, one a cell
    claims/       a lock a cell: its worker; beside it, why it failed, if it did
    runs/         the trainings of a sweep, one directory a cell
    workers/      the output of local processes

A comparison has its trainings beside these, and may use those of others that lie there.
"""

import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from dreamrl import families
from dreamrl.comparison.fill import held
from dreamrl.comparison.spec import Cell, Result
from dreamrl.configuration import to_dict
from dreamrl.errors import UserError
from dreamrl.files import Unwritable
from dreamrl.runs.manifest import entry
from dreamrl.runs.migration import stored_settings
from dreamrl.runs.store import read_json, write_json

PLAN, LOCK = "plan.json", "plan.lock"


@dataclasses.dataclass(frozen=True)
class Plan:
    """The work in a directory, for any number of workers."""

    directory: Path
    kind: str
    """`sweep` or `compare`: the kind of table that the results become."""
    asked: dict[str, Any]
    """The question, as JSON holds it: whoever goes on with a plan must ask the same."""
    command: str
    cells: tuple[Cell, ...]
    drawn: tuple[dict[str, Any], ...] = ()
    """Proposals of a sampler so far, where it learns from results: see `proposals`."""

    @property
    def results(self) -> Path:
        return self.directory / "cells"

    def runs(self, cell: Cell) -> Path:
        """Return the directory under which trainings of a cell are looked for, and put."""
        if self.kind == "compare":
            return self.directory
        return cell.file(self.directory / "runs").with_suffix("")

    def claim(self, cell: Cell) -> Path:
        """Return the file whose lock is held by the worker of a cell."""
        return cell.file(self.directory / "claims").with_suffix(".lock")

    def failure(self, cell: Cell) -> Path:
        """Return the file that says why a cell has failed."""
        return cell.file(self.directory / "claims")

    def save(self) -> None:
        """Write the plan, so that whoever reads it finds the old one or this one."""
        write_json(
            self.directory / PLAN,
            {
                "format": 1,
                "kind": self.kind,
                "command": self.command,
                "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "asked": self.asked,
                "cells": [_to_json(cell) for cell in self.cells],
                "drawn": list(self.drawn),
            },
        )


def read(directory: Path) -> Plan:
    """Return the plan of a directory; UserError where there is none."""
    where = directory / PLAN
    if not where.is_file():
        raise UserError(
            f"{directory} is no sweep: it has no {PLAN}; give the --out of dreamrl sweep or compare"
        )
    content = read_json(where)
    return Plan(
        directory,
        entry(content, "kind", str, where),
        entry(content, "asked", dict, where),
        entry(content, "command", str, where),
        tuple(_from_json(each, where) for each in entry(content, "cells", list, where)),
        tuple(entry(content, "drawn", list, where)),
    )


def begin(plan: Plan) -> None:
    """Put a plan in place; failed cells of before are tried again.

    Raises UserError where it cannot be written, or the directory holds a plan of another kind.
    """
    if (plan.directory / PLAN).exists() and read(plan.directory).kind != plan.kind:
        raise UserError(f"{plan.directory} holds no {plan.kind}, but another: choose another --out")
    try:
        for cell in plan.cells:
            plan.failure(cell).unlink(missing_ok=True)
        plan.save()
    except Unwritable as error:
        raise UserError(f"{error}: choose another --out") from None


class Found(NamedTuple):
    """The state of a plan's cells, in their order."""

    results: list[Result]
    failures: list[tuple[Cell, str]]
    open: list[Cell]


def look(plan: Plan) -> Found:
    """Return which cells are done, which have failed, and which are neither."""
    overview = Found([], [], [])
    for cell in plan.cells:
        try:
            if (result := outcome(plan, cell)) is None:
                overview.open.append(cell)
            else:
                overview.results.append(result)
        except UserError as error:
            overview.failures.append((cell, str(error)))
    return overview


def outcome(plan: Plan, cell: Cell) -> Result | None:
    """Return the result of a cell; None where it is open, and UserError where it has failed."""
    if (result := held(cell, plan.results)) is not None:
        return result
    if (why := plan.failure(cell)).is_file():
        raise UserError(str(read_json(why).get("error")))
    return None


def check_families(cells: Iterable[Cell]) -> None:
    """Raise UserError where a family's code would be run that nobody here has asked for."""
    for name in {cell.family for cell in cells}:
        families.of_run(name)


def _to_json(cell: Cell) -> dict[str, Any]:
    return {**cell._asdict(), "settings": to_dict(cell.settings), "seeds": list(cell.seeds)}


def _from_json(content: Any, where: Path) -> Cell:
    try:
        settings = stored_settings(content["agent"], content["settings"])
        return Cell(**{**content, "settings": settings, "seeds": tuple(content["seeds"])})
    except (KeyError, TypeError) as error:
        raise UserError(f"{where} is of another version of dreamrl: {error!r}") from None
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
