"""User-defined families under a name: `module:attribute` or `path/to/file.py:attribute`.

A name alone runs no code: a family is brought by whoever asks for it, and what files say of it is
looked up among those that were brought.
"""

import importlib
import importlib.util
import inspect
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from dreamrl.errors import FamilyError, UserError, raised
from dreamrl.families.checks import find_faults
from dreamrl.families.family import Family, plain
from dreamrl.host import keep_no_results

_BROUGHT: dict[str, Family] = {}


def is_own(name: str) -> bool:
    """Return whether a name is none of the library's, but says where a family is."""
    _, colon, attribute = name.rpartition(":")
    return bool(colon) and "=" not in attribute


def import_family(name: str, **fields: Any) -> Family:
    """Import a family, which runs the module that it is in, or the file.

    The attribute is a family, or what makes one when it is called with `fields`. Without fields
    it is made once. Raises UserError where that fails, and FamilyError where it is no family.
    """
    if name in _BROUGHT and not fields:
        return _BROUGHT[name]
    place, _, attribute = name.rpartition(":")
    try:
        module = _module(place)
        if not hasattr(module, attribute):
            raise UserError(f"family {name}: {place} has no {attribute!r}")
        family = getattr(module, attribute)
        if makes_families(family):
            family = family(**fields)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"family {name}: {raised(error)}") from error
    if not isinstance(family, Family):
        raise FamilyError(name, find_faults(family))
    if fields:
        return plain(family)
    register_user_family(name, family)
    return _BROUGHT[name]


def makes_families(value: Any) -> bool:
    """Return whether this makes families when it is called, and is none itself."""
    # Classes have what their instances have.
    return inspect.isclass(value) or (callable(value) and not isinstance(value, Family))


def register_user_family(name: str, family: Family) -> None:
    """Let this be the family of that name, of a run for example, in this process."""
    keep_no_results()
    _BROUGHT[name] = plain(family)


def lookup(name: str) -> Family:
    """Return the family of that name; raise UserError where it was not brought."""
    if name not in _BROUGHT:
        raise UserError(
            f"{name} is a family of one's own, whose code is run only if you say so: "
            f"--family {name}, or dreamrl.load(run, family={name!r})"
        )
    return _BROUGHT[name]


def _module(place: str) -> ModuleType:
    keep_no_results()
    path = Path(place)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise UserError(f"{place} is not a file")
    # As where Python is started with the file, or in this folder.
    folder = str(path.parent.resolve()) if is_file else os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if not is_file:
        return importlib.import_module(place)
    spec = importlib.util.spec_from_file_location(f"own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
