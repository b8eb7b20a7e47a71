"""`dreamrl new-family NAME`: a family of your own to begin with, and its test."""

import dataclasses
import importlib.resources
import keyword
import os
import sys
from pathlib import Path
from typing import Annotated

import tyro

from dreamrl.cli.values import command_line
from dreamrl.errors import UserError

EXAMPLES = """\
  dreamrl new-family my_family
  dreamrl new-family robot_arms --out problems
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Write a small family that works, with comments that say what to change, and its test."""

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """Of the file: letters, digits and _, as my_family; it then holds the class MyFamily."""
    out: Path = Path()
    """Directory that the two files go to; it is made if it is not there."""


def run(options: Options) -> None:
    module = options.name
    if not module.isidentifier() or keyword.iskeyword(module):
        raise UserError(f"NAME must be a Python name, as my_family, is {module!r}")
    if module in sys.stdlib_module_names:
        raise UserError(f"{module} is a module of Python's own: choose another NAME")
    family, test = options.out / f"{module}.py", options.out / f"test_{module}.py"
    if existing := [str(path) for path in (family, test) if path.exists()]:
        raise UserError(f"{existing[0]} exists, and is left as it is: choose another NAME or --out")
    kind = "".join(part[:1].upper() + part[1:] for part in module.split("_"))
    names = {"module": module, "kind": kind, "name": module.replace("_", "-").strip("-")}
    options.out.mkdir(parents=True, exist_ok=True)
    for path, template in ((family, "family"), (test, "test")):
        path.write_text(_filled(template, names), encoding="utf-8")
    where = f"{os.path.join('.', family) if str(family).startswith('-') else family}:{kind}"
    print(f"wrote {family} and {test}\n\nnext:")
    print(f"  {command_line('pytest', test)}")
    print(f"  {command_line('dreamrl', 'train', 'dream', where, '--iterations', '200')}")


def _filled(template: str, names: dict[str, str]) -> str:
    folder = importlib.resources.files("dreamrl.cli") / "templates"
    text = (folder / f"{template}.txt").read_text(encoding="utf-8")
    # Not str.format: the templates have brackets of their own.
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text
