"""Reading of run.json, whoever asks."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dreamrl.errors import UserError
from dreamrl.runs.store import checksum, read_json
from dreamrl.version import version

MANIFEST = "run.json"
PACKAGES = ("dreamrl", "jax", "jaxlib", "equinox", "numpy")


def seeds_of(manifest: dict[str, Any], where: Path) -> tuple[int, ...]:
    """Return the seeds of a run, or of several under one manifest."""
    seeds = manifest.get("seeds", [manifest.get("seed")])
    if not isinstance(seeds, list) or not all(isinstance(s, int) and 0 <= s < 2**32 for s in seeds):
        raise UserError(f"{where} is not a run's: its seeds are {seeds!r}")
    return tuple(seeds)


def named(seeds: Sequence[int]) -> dict[str, Any]:
    """Return the entry of a manifest that `seeds_of` reads."""
    return {"seed": seeds[0]} if len(seeds) == 1 else {"seeds": list(seeds)}


def identity(manifest: dict[str, Any], where: Path) -> dict[str, Any]:
    """Return the entries that tell a run, and all that belongs to it, from others."""
    return {
        "agent": entry(manifest, "agent", str, where),
        "family": entry(manifest, "family", str, where),
        "seeds": list(seeds_of(manifest, where)),
        "settings": checksum(entry(manifest, "settings", dict, where)),
    }


def entry(manifest: dict[str, Any], name: str, kind: type, where: Path) -> Any:
    value = manifest.get(name)
    if not isinstance(value, kind):
        raise UserError(f"{where} is not a run's: {name!r} is {value!r}, not {kind.__name__}")
    return value


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def program(path: Path) -> Path:
    """Return the directory of the training that a run is part of: of several seeds, that above."""
    parent = path.absolute().parent
    if (parent / MANIFEST).is_file() and "seeds" in read_json(parent / MANIFEST):
        return path.parent
    return path
