"""What every benchmark does the same way: arguments, user errors, and figures kept as JSON."""

import argparse
import datetime
import functools
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dreamrl.errors import UserError

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
RESULTS = ROOT / "benchmarks" / "results"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help is the module's docstring as it stands."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def program(main: Callable[[], int | None]) -> Callable[[], int]:
    """Report a UserError in one line, and return its exit code."""

    @functools.wraps(main)
    def run() -> int:
        try:
            return main() or 0
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code

    return run


def command(module: str, *words: object) -> str:
    """Return the command that runs a module: with `words`, or as it was called now."""
    return shlex.join(["python", "-m", module, *map(str, words or sys.argv[1:])])


def in_process(words: list[str]) -> Any:
    """Return what a module prints last, as JSON, in a process of its own; `words` are for it.

    Raises:
        SystemExit: Where it fails.
    """
    called = [sys.executable, "-m", *words]
    ran = subprocess.run(called, cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{shlex.join(words)}: {ran.stderr.strip()[-300:]}")
    return json.loads(ran.stdout.splitlines()[-1])


def by_points(
    arguments: argparse.ArgumentParser,
    measure: Callable[..., Any],
    run: Callable[[argparse.Namespace], None],
) -> bool:
    """Run a benchmark whose points are processes of their own; return whether to write its table.

    Adds `--table`, with which nothing is run, and `--point`, for `in_process`: that one is measured
    and printed, and there is no table to write.
    """
    arguments.add_argument("--table", action="store_true", help="only write the table")
    arguments.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.point:
        print(json.dumps(measure(*asked.point)))
        return False
    if not asked.table:
        run(asked)
    return True


def record(made_by: str, **figures: Any) -> dict[str, Any]:
    """Return figures with what makes them reproducible: command, date, versions."""
    # Imported late: `speed.deploy` times what importing dreamrl takes.
    from dreamrl.runs.manifest import versions

    today = datetime.date.today().isoformat()
    return {"command": made_by, "date": today, "versions": versions(), **figures}


def keep(name: str, made_by: str, **figures: Any) -> dict[str, Any]:
    """Write a record to benchmarks/results/NAME.json, and return it."""
    result = record(made_by, **figures)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def kept(name: str) -> dict[str, Any]:
    """Return what `keep` wrote; empty where nothing was kept yet."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}
