"""Tables from CSV files or columns; what is wrong is told with file, row and column."""

import csv
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dreamrl.errors import UserError, unknown
from dreamrl.families.diagnosis.network import columns_of, read_network
from dreamrl.families.diagnosis.table import Table
from dreamrl.values import AnyPath, shown

TOLERANCE = 1e-3
"""How far a sum of probabilities may be from one: tables are often rounded to three digits."""
MOST_FAULTS = 100_000
MOST_NUMBERS = 50_000_000
"""Probabilities, or payoffs, in one table."""
OUTCOMES = ("fresh", "fixed")
Groups = tuple[tuple[str, ...], ...]
POSITIVE, NEGATIVE = "positive", "negative"
NETWORK = "network.bif"
FILES = ("faults.csv", "tests.csv", "repairs.csv", "settings.json", NETWORK)
"""All that is read of a folder, as far as it is there."""


class Settings(NamedTuple):
    """The settings of settings.json."""

    tests: int = 0
    """At most so many tests an episode; 0: as many as there are."""
    outcomes: str = "fresh"
    """Drawn anew at each test, or once an episode."""
    exclusive: Groups = ()
    """Groups of tests of which an episode can have but one."""


class Columns(NamedTuple):
    """The cells of one table."""

    where: str
    """The file, for messages."""
    cells: Mapping[str, list[Any]]
    rows: list[int]
    """The number of each row, for messages; those of a file count its heading."""

    def fault(self, row: int, column: str, what: str) -> UserError:
        """Return an error that names a cell."""
        return UserError(f"{self.where}, row {self.rows[row]}, column {column!r}: {what}")

    def text(self, row: int, column: str) -> str:
        cell = self.cells[column][row]
        text = "" if cell is None or cell != cell else str(cell).strip()
        if not text:
            raise self.fault(row, column, "the cell is empty")
        return text

    def number(self, row: int, column: str) -> float:
        cell = self.cells[column][row]
        if isinstance(cell, str):
            self.text(row, column)
        try:
            value = float(cell)
        except (TypeError, ValueError):
            if cell is None:
                raise self.fault(row, column, "the cell is empty") from None
            raise self.fault(row, column, f"{shown(cell)} is not a number") from None
        if not math.isfinite(value):
            raise self.fault(row, column, f"{shown(cell)} is not a finite number")
        return value

    def probability(self, row: int, column: str) -> float:
        value = self.number(row, column)
        if not 0 <= value <= 1:
            raise self.fault(row, column, f"{value:g} is no probability, from 0 to 1")
        return value

    def names(self, column: str) -> tuple[str, ...]:
        """Return the names in a column, each of which may be there once."""
        names = [self.text(row, column) for row in range(len(self.rows))]
        first: dict[str, int] = {}
        for row, name in enumerate(names):
            if name in first:
                message = f"{name!r} is there twice, first in row {self.rows[first[name]]}"
                raise self.fault(row, column, message)
            first[name] = row
        return tuple(names)


def read_folder(folder: AnyPath) -> tuple[Table, Settings]:
    """Return the table in a folder of faults.csv, tests.csv, repairs.csv and settings.json.

    Where there is a network.bif, probabilities come from it, outcomes are `fixed`, and faults.csv
    has its variables.

    Raises:
        UserError: For what is missing or wrong, with file, row and column.
    """
    path = Path(folder)
    if not path.is_dir():
        location = "" if path.is_absolute() else f" in {Path.cwd()}"
        files = "faults.csv, tests.csv and repairs.csv"
        raise UserError(f"there is no folder {path}{location}, with {files}")
    limits = {"faults": MOST_FAULTS, "tests": MOST_NUMBERS, "repairs": MOST_NUMBERS}
    columns = [_read_csv(path / f"{name}.csv", rows) for name, rows in limits.items()]
    if not (path / NETWORK).exists():
        table = _table(*columns)
        return table, _read_settings(path / "settings.json", table.tests)
    table = _network_folder(path / NETWORK, *columns)
    return table, _read_settings(path / "settings.json", table.tests, "fixed")


def _network_folder(path: Path, faults: Columns, tests: Columns, repairs: Columns) -> Table:
    _check_columns(faults, ("variable",), ())
    _check_columns(tests, ("test", "cost"), ())
    variables = faults.names("variable")
    states = faults.cells.get("given", [""] * len(variables))
    evidence = {name: state for name, state in zip(variables, states, strict=True) if state}
    hidden = [name for name in variables if name not in evidence]
    costs = {name: _cost(tests, [row]) for row, name in enumerate(tests.names("test"))}
    return _network_table(path, hidden, costs, repairs, evidence)


def read_network_table(
    network: Any,
    faults: Sequence[str],
    tests: Mapping[str, float | int],
    repairs: Any,
    given: Mapping[str, str],
) -> Table:
    """Return the table of a Bayesian network, with repairs as in `read_columns`.

    Raises:
        UserError: For what is missing or wrong.
    """
    return _network_table(network, faults, tests, _columns("repairs", repairs), given)


def _network_table(
    network: Any,
    faults: Sequence[str],
    tests: Mapping[str, float | int],
    repairs: Columns,
    evidence: Mapping[str, str],
) -> Table:
    columns = columns_of(read_network(network), faults, tests, evidence)
    kinds = dict.fromkeys(columns.kinds.values())
    impossible = [name for name in columns.known if name not in kinds]
    cells = {name: column for name, column in repairs.cells.items() if name not in impossible}
    _check_columns(repairs._replace(cells=cells), ("repair",), tuple(kinds))
    payoffs = {
        "repair": cells["repair"],
        **{name: cells[kind] for name, kind in columns.kinds.items()},
    }
    inputs = _columns("faults", columns.faults), _columns("tests", columns.tests)
    return _table(*inputs, repairs._replace(cells=payoffs))


def read_columns(faults: Any, tests: Any, repairs: Any) -> Table:
    """Return the table of three pandas frames, or mappings of columns, named as in the files.

    Raises:
        UserError: For what is missing or wrong, with table, row (counted from 0) and column.
    """
    frames = {"faults": faults, "tests": tests, "repairs": repairs}
    return _table(*(_columns(name, value) for name, value in frames.items()))


def checked_settings(
    where: str, tests: Any, outcomes: Any, exclusive: Any = (), known: tuple[str, ...] = ()
) -> Settings:
    """Return settings, or raise UserError for values that they cannot have.

    `known` are the names of all tests.
    """
    if isinstance(tests, bool) or not isinstance(tests, int) or tests < 0:
        raise UserError(f"{where}: tests must be a whole number of at least 1, is {shown(tests)}")
    if outcomes not in OUTCOMES:
        raise UserError(f"{where}: outcomes must be fresh or fixed, is {shown(outcomes)}")
    return Settings(tests, outcomes, _groups(where, exclusive, known))


def _groups(source: str, value: Any, tests: tuple[str, ...]) -> Groups:
    """Return groups of tests that exclude one another."""
    if not isinstance(value, list | tuple) or not all(isinstance(g, list | tuple) for g in value):
        example = '[["run it", "take it apart"]]'
        raise UserError(f"{source}: exclusive must be lists of tests, as {example}")
    for group in value:
        if strange := [test for test in group if test not in tests]:
            raise unknown(f"test in exclusive of {source}", str(strange[0]), tests)
        if len(set(group)) < max(2, len(group)):
            message = f"holds {shown(list(group))}: it must be two or more tests, each once"
            raise UserError(f"{source}: exclusive {message}")
    return tuple(tuple(group) for group in value)


def _read_csv(path: Path, limit: int) -> Columns:
    """Return what is in a file; it is not read on where it has more rows than `most`."""
    if not path.is_file():
        raise UserError(f"{path} is missing")
    try:
        # Spreadsheets begin a file with a byte order mark.
        with path.open(newline="", encoding="utf-8-sig") as file:
            pairs = ((number, row) for number, row in enumerate(csv.reader(file), 1) if any(row))
            lines = list(itertools.islice(pairs, limit + 2))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file in UTF-8: {error}") from None
    if len(lines) < 2:
        raise UserError(f"{path} has {'no rows below its heading' if lines else 'no heading'}")
    if len(lines) > limit + 1:
        raise UserError(f"{path}: there are more than {limit:,} {path.stem}")
    heading = [name.strip() for name in lines[0][1]]
    while heading and not heading[-1]:
        heading.pop()
    for number, row in lines:
        if any(cell.strip() for cell in row[len(heading) :]):
            cells = f"{len(row)} cells, and the heading {len(heading)}"
            raise UserError(f"{path}, row {number}: there are {cells}: quote names with commas")
    for place, name in enumerate(heading):
        if not name or name in heading[:place]:
            message = f"{name!r} is there twice" if name else f"column {place + 1} has no name"
            raise UserError(f"{path}, row {lines[0][0]}: {message}")
    rows = [row + [""] * (len(heading) - len(row)) for _, row in lines[1:]]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(heading)}
    return Columns(str(path), columns, [number for number, _ in lines[1:]])


def _columns(name: str, value: Any) -> Columns:
    columns: Iterable[Any] | None = getattr(value, "columns", None)
    if columns is None and isinstance(value, Mapping):
        columns = value
    if columns is None:
        raise UserError(f"{name} must be a frame or a mapping of columns, is {shown(value)}")
    cells = {str(column).strip(): list(np.asarray(value[column]).tolist()) for column in columns}
    lengths = {len(cell) for cell in cells.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise UserError(f"{name}: columns must be as long as one another, are {sorted(lengths)}")
    return Columns(name, cells, list(range(lengths.pop())))


def _read_settings(
    path: Path, tests: tuple[str, ...], outcomes: str = Settings().outcomes
) -> Settings:
    """Return what settings.json says; `outcomes` are as they are where it does not say."""
    if not path.exists():
        return Settings(outcomes=outcomes)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f'{path} must be an object, as {{"tests": 10, "outcomes": "fresh"}}')
    if strange := sorted(content.keys() - set(Settings._fields)):
        raise unknown(f"setting in {path}", strange[0], Settings._fields)
    values = {"outcomes": outcomes, **content}
    settings = checked_settings(str(path), **Settings(**values)._asdict(), known=tests)
    if content.get("tests") == 0:
        raise UserError(f"{path}: tests must be at least 1, is 0")
    return settings


def _table(faults: Columns, tests: Columns, repairs: Columns) -> Table:
    _check_columns(faults, ("fault", "prior"), ())
    names = faults.names("fault")
    if len(names) > MOST_FAULTS:
        raise UserError(f"{faults.where}: there are more than {MOST_FAULTS:,} faults")
    for each in (tests, repairs):
        if len(each.rows) * len(names) > MOST_NUMBERS:
            size = f"{len(each.rows):,} rows of {len(names):,} faults"
            raise UserError(f"{each.where}: {size} are more than {MOST_NUMBERS:,} numbers")
    prior = np.array([faults.probability(row, "prior") for row in range(len(names))])
    if abs(prior.sum() - 1) > TOLERANCE:
        raise UserError(f"{faults.where}, column 'prior': the sum is {prior.sum():g}, and not 1")
    if len(names) < 2:
        raise UserError(f"{faults.where}: with one fault there is nothing to find out")
    if not prior.all():
        row = int(np.flatnonzero(prior == 0)[0])
        raise faults.fault(row, "prior", f"{names[row]!r} never happens: leave it out")
    likelihoods, costs, outcomes = _tests(tests, names)
    payoffs, done = _repairs(repairs, names)
    return Table(
        names, tuple(outcomes), tuple(outcomes.values()), done, prior / prior.sum(),
        likelihoods, costs, payoffs,
    )  # fmt: skip


def _check_columns(columns: Columns, first: tuple[str, ...], faults: tuple[str, ...]) -> None:
    for name in first:
        if name not in columns.cells:
            words = ", ".join(map(repr, list(columns.cells)[:5]))
            apart = any(mark in column for column in columns.cells for mark in ";\t")
            separated = "; columns are separated by commas" if apart else ""
            raise UserError(f"{columns.where} has no column {name!r}: it has {words}{separated}")
    labels = {*first, *faults, "outcome"} if "test" in first else {*first, *faults}
    strange = [name for name in columns.cells if name not in labels]
    for name in faults:
        if name not in columns.cells:
            instead = f"; column {strange[0]!r} is none of the faults" if strange else ""
            raise UserError(f"{columns.where} has no column for the fault {name!r}{instead}")
    if faults and strange:
        raise UserError(f"{columns.where}: column {strange[0]!r} is none of the faults")


def _tests(tests: Columns, faults: tuple[str, ...]) -> tuple[Any, Any, dict[str, tuple[str, ...]]]:
    """Return P(outcome | fault), costs, and the outcomes of each test."""
    _check_columns(tests, ("test", "cost"), faults)
    groups: dict[str, list[int]] = {}
    names: list[str] = []
    for row in range(len(tests.rows)):
        cell = tests.cells["outcome"][row] if "outcome" in tests.cells else None
        names.append("" if cell is None or cell != cell else str(cell).strip())
        groups.setdefault(tests.text(row, "test"), []).append(row)
    outcomes: dict[str, tuple[str, ...]] = {}
    costs, tables = [], []
    for test, rows in groups.items():
        costs.append(_cost(tests, rows))
        chances = np.array([[tests.probability(row, fault) for fault in faults] for row in rows])
        if not any(names[row] for row in rows):
            if len(rows) > 1:
                message = f"{test!r} is there twice, first in row {tests.rows[rows[0]]}"
                remark = ": rows of one test are told apart by a column 'outcome'"
                raise tests.fault(rows[1], "test", message + remark)
            outcomes[test] = (NEGATIVE, POSITIVE)
            tables.append(np.concatenate([1 - chances, chances]))
            continue
        words = tuple(names[row] for row in rows)
        for place, (row, word) in enumerate(zip(rows, words, strict=True)):
            if not word or word in words[:place]:
                message = f"{word!r} of {test!r} is there twice" if word else "the cell is empty"
                raise tests.fault(row, "outcome", message)
        if len(rows) == 1:
            raise tests.fault(rows[0], "outcome", f"{test!r} has but one outcome")
        sums = chances.sum(0)
        if (wrong := np.abs(sums - 1) > TOLERANCE).any():
            fault = faults[int(wrong.argmax())]
            message = f"the outcomes of {test!r} sum to {sums[wrong][0]:g}, and not to 1"
            raise tests.fault(rows[-1], fault, message)
        outcomes[test] = words
        tables.append(chances / sums)
    width = max(len(table) for table in tables)
    likelihoods = np.zeros((len(tables), width, len(faults)))
    for each, table in zip(likelihoods, tables, strict=True):
        each[: len(table)] = table
    return likelihoods, np.array(costs), outcomes


def _cost(tests: Columns, rows: list[int]) -> float:
    """Return the cost of a test; below its first row the cells may be empty."""
    cost = tests.number(rows[0], "cost")
    if cost < 0:
        raise tests.fault(rows[0], "cost", f"{cost:g} is negative: a cost is 0 or more")
    for row in rows[1:]:
        empty = tests.cells["cost"][row] in ("", None)
        if not empty and (value := tests.number(row, "cost")) == value != cost:
            raise tests.fault(row, "cost", f"{value:g} differs from {cost:g}, the test's above")
    return cost


def _repairs(repairs: Columns, faults: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    _check_columns(repairs, ("repair",), faults)
    names = repairs.names("repair")
    payoffs = np.array(
        [[repairs.number(row, fault) for fault in faults] for row in range(len(names))]
    )
    best, second = payoffs.max(0), np.sort(payoffs, 0)[-2:][0]
    for row, payoff in enumerate(payoffs):
        # A repair that pays more than all others for one fault is needed.
        if len(names) == 1 or ((payoff == best) & (best > second)).any():
            continue
        for rival in np.flatnonzero((payoffs >= payoff).all(1)):
            if rival != row and (rival < row or (payoffs[rival] > payoff).any()):
                message = (
                    f"nobody needs {names[row]!r}: {names[rival]!r} pays as much for each fault"
                )
                raise repairs.fault(row, "repair", message)
    return payoffs, names
