"""`dreamrl doctor`: what works on this machine, to paste into a bug report."""

import dataclasses
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console

from dreamrl import host
from dreamrl.cli.screen import can_redraw
from dreamrl.cli.values import print_json
from dreamrl.errors import UserError
from dreamrl.version import NOWHERE, version

EXAMPLES = """\
  dreamrl doctor
  dreamrl doctor --json
"""

PACKAGES = ("dreamrl", "jax", "jaxlib", "equinox", "optax", "numpy", "matplotlib", "rich", "tyro")
EXTRAS = {
    "gym": "gymnasium",
    "gymnax": "gymnax",
    "xminigrid": "xminigrid",
    "miniworld": "miniworld",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
}
"""The package that each extra of dreamrl's brings."""
LOCKS = tuple((Path(host.__file__).parents[2] / "requirements").glob("*.txt"))
"""Of a checkout that is installed in place."""
PATIENCE = 60
"""Seconds in which a package is imported, on any disk."""
VARIABLES = ("JAX_", "XLA_", "DREAMRL_", "CUDA_VISIBLE_DEVICES", "PYTHONIOENCODING", "PYTHONUTF8")
"""Beginnings of the environment's variables that have a say here."""


@dataclasses.dataclass(frozen=True)
class Options:
    """Say what works on this machine and what does not, to paste into a bug report.

    Nothing is trained. What does not work is marked with an exclamation mark.
    """

    json: bool = False
    """Print one JSON object instead."""


def run(options: Options) -> None:
    report = examine()
    if options.json:
        print_json(report)
        return
    for part, rows in report.items():
        print(part)
        width = max(map(len, rows), default=0)
        for name, row in rows.items():
            mark = " " if row["works"] else "!"
            print(f" {mark} {name:<{width}}  {row['found']}")


def examine() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the findings: {part: {name: {"works": ..., "found": words}}}."""
    return {
        "versions": _versions(),
        "devices": _devices(),
        "disk": _disk(),
        "terminal": _terminal(),
        "extras": _extras(),
        "locks": _locks(),
        "environment": {
            name: _row(value)
            for name, value in sorted(os.environ.items())
            if name.startswith(VARIABLES)
        },
    }


def _row(text: str, works: bool = True) -> dict[str, Any]:
    return {"works": works, "found": text}


def _versions() -> dict[str, dict[str, Any]]:
    rows = {"python": _row(platform.python_version()), "system": _row(platform.platform())}
    return rows | {name: _row(version(name)) for name in PACKAGES}


def _devices() -> dict[str, dict[str, Any]]:
    import jax

    try:
        host.check_devices()
    except UserError as error:
        return {"jax": _row(str(error), works=False)}
    rows = {str(device): _row(device.device_kind) for device in jax.devices()}
    return rows | {"processors": _row(f"{os.cpu_count()}")}


def _disk() -> dict[str, dict[str, Any]]:
    from dreamrl.runs.lock import UNLOCKED, locks

    cache = host.cache_directory()
    places = {"working directory": Path.cwd(), "compiled programs": cache}
    rows = {}
    for name, place in places.items():
        if place is None:
            rows[name] = _row("no home directory: set DREAMRL_CACHE", works=False)
            continue
        why = host.unwritable(place)
        rows[name] = _row(f"{place}: {why or _free(place)}", works=why is None)
    rows["locks"] = _row("one process a run" if locks() else UNLOCKED, works=locks())
    return rows


def _free(place: Path) -> str:
    return f"writable, {shutil.disk_usage(place).free / 2**30:.1f} GiB free"


def _terminal() -> dict[str, dict[str, Any]]:
    console = Console()
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    utf8 = encoding.lower().replace("-", "").startswith("utf")
    return {
        "encoding": _row(encoding if utf8 else f"{encoding}: plain letters stand in for others"),
        "file names": _row(sys.getfilesystemencoding()),
        "width": _row(str(console.width)),
        "colour": _row(console.color_system or "none"),
        "progress": _row("drawn anew in place" if can_redraw(console) else "line by line"),
    }


def _extras() -> dict[str, dict[str, Any]]:
    """Report extras; one that is not installed is nothing that fails."""
    with ThreadPoolExecutor() as pool:
        rows = pool.map(_extra, EXTRAS, EXTRAS.values())
        return dict(zip(EXTRAS, rows, strict=True))


def _extra(extra: str, package: str) -> dict[str, Any]:
    if importlib.util.find_spec(package) is None:
        return _row(f"not installed: pip install 'dreamrl[{extra}]'")
    label = f"{package} {version(package)}"
    command = [sys.executable, "-c", f"import {package}"]
    try:
        result = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return _row(f"{label}: not imported within {PATIENCE} s", works=False)
    except OSError as error:
        return _row(f"{label}: installed, not imported: {error.strerror}")
    if result.returncode == 0:
        return _row(label)
    lines = result.stderr.decode(errors="replace").strip().splitlines()
    why = lines[-1][:200] if lines else f"exit code {result.returncode}"
    return _row(f"{label}: import fails: {why}", works=False)


def _locks() -> dict[str, dict[str, Any]]:
    """Compare installed packages with the locked versions, where this is a checkout with some."""
    return {f"{lock.parent.name}/{lock.name}": _compare_with_lock(lock) for lock in sorted(LOCKS)}


def _compare_with_lock(lock: Path) -> dict[str, Any]:
    pins = re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE)
    versions = {name: version(name) for name, _ in pins}
    missing = [name for name, number in versions.items() if number == NOWHERE]
    other = [
        f"{n} {versions[n]}, not {pin}" for n, pin in pins if versions[n] not in (pin, NOWHERE)
    ]
    words = [f"{len(pins) - len(missing) - len(other)} of {len(pins)} packages as locked"]
    words += [f"{len(missing)} not installed"] if missing else []
    words += [", ".join(other[:5]) + ", ..." * (len(other) > 5)] if other else []
    return _row("; ".join(words), works=not other)
