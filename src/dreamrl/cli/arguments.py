"""Command lines to frozen dataclasses, with mistakes told in one line."""

import contextlib
import dataclasses
import io
import os
import re
import shutil
import typing
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import tyro

from dreamrl.errors import UserError, nearest_path


def parse(command: ModuleType, prog: str, arguments: list[str]) -> Any:
    """Return the command's Options from its arguments; None if they only ask for help."""
    helping = any(a in ("-h", "--help") for a in arguments)
    build = getattr(command, "options_for", None)
    kind = command.Options
    if build is not None:
        kind, arguments = build(arguments, helping)
    style = (tyro.conf.AvoidSubcommands, tyro.conf.FlagCreatePairsOff)
    if helping:
        with contextlib.suppress(SystemExit), _room():
            tyro.cli(kind, args=["--help"], prog=prog, config=style)
        if choices := getattr(kind, "KINDS", ""):
            print(f"kinds, each with settings of its own (ask for its help too):\n{choices}")
        print(f"examples:\n{command.EXAMPLES.rstrip()}")
        return None
    _check_flags(kind, prog, arguments)
    _check_number(kind, prog, arguments)
    stderr = io.StringIO()
    # tyro draws its boxes by stdout's encoding, and `_box_text` reads those of UTF-8.
    utf8 = io.TextIOWrapper(io.BytesIO(), "utf-8")
    try:
        with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(utf8), _room():
            return tyro.cli(kind, args=arguments, prog=prog, config=style)
    except SystemExit:
        raise UserError(f"{_box_text(stderr.getvalue())} (see {prog} --help)") from None


@contextlib.contextmanager
def _room() -> Iterator[None]:
    """Have tyro write as on a terminal of 20 columns at least: in fewer than 8 it never ends."""
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(max(20, shutil.get_terminal_size().columns))
    try:
        yield
    finally:
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns


def positionals(kind: type, arguments: list[str]) -> list[str]:
    """Return the arguments that belong to no flag, before the others are understood."""
    flags = {flag for flag, takes_value in _flags(kind).items() if takes_value}
    words, skip = [], False
    for argument in arguments:
        if argument.startswith("--"):
            skip = argument in flags
        elif skip:
            skip = False
        else:
            words.append(argument)
    return words


def _check_flags(kind: type, prog: str, arguments: list[str]) -> None:
    flags = _flags(kind)
    for argument in arguments:
        flag = argument.split("=", 1)[0].replace("_", "-")
        if re.match(r"--\w", flag) and flag not in flags:
            near = nearest_path(flag, flags)
            hint = f": did you mean {near!r}?" if near else ""
            raise UserError(f"unknown setting {flag!r}{hint} (see {prog} --help)")


def _check_number(kind: type, prog: str, arguments: list[str]) -> None:
    places = [field for field in dataclasses.fields(kind) if _is_positional(field)]
    names = [f.name.upper() for f in places if f.default is dataclasses.MISSING]
    words = positionals(kind, arguments)
    usage = " ".join([prog, *names])
    if missing := names[len(words) :]:
        raise UserError(f"{' and '.join(missing)} missing: {usage}")
    many = any(typing.get_origin(typing.get_args(f.type)[0]) is tuple for f in places)
    if len(words) > len(places) and not many:
        raise UserError(f"{words[len(places)]!r} is one argument too many: {usage}")


def _flags(kind: Any, prefix: str = "") -> dict[str, bool]:
    """Return {--flag: whether a value follows it}, those of nested dataclasses included."""
    flags: dict[str, bool] = {}
    for field in dataclasses.fields(kind):
        value = getattr(kind, field.name, field.default)
        if dataclasses.is_dataclass(value):
            # The settings' own fields stand beside the command's.
            inner = "" if field.name == "settings" else f"{prefix}{field.name}."
            flags |= _flags(value, inner.replace("_", "-"))
            continue
        if _is_positional(field):
            continue
        name = f"{prefix}{field.name.rstrip('_').replace('_', '-')}"
        flags[f"--{name}"] = not isinstance(value, bool)
        if isinstance(value, bool):
            negated = f"{prefix}no-{field.name.replace('_', '-')}"
            flags[f"--{negated}"] = False
    return flags


def _is_positional(field: dataclasses.Field) -> bool:
    return tyro.conf.Positional in getattr(field.type, "__metadata__", ())


NOT_NUMBERS = {
    r"invalid literal for int\(\) with base 10: ('[^']*'|\"[^\"]*\")": "a whole number",
    r"could not convert string to float: ('[^']*'|\"[^\"]*\")": "a number",
    r"no type matching {None}\|INT could be instantiated from \[(.*)\]\.?": "a whole number",
    r"no type matching {None}\|FLOAT could be instantiated from \[(.*)\]\.?": "a number",
}
"""How Python and tyro say it, and what the user is told."""


def _box_text(box: str) -> str:
    """Return the text in the first part of the box that tyro draws around an error."""
    lines = [line.strip("│ \t") for line in box.splitlines()]
    words = []
    for line in lines:
        if line.startswith("╭"):
            continue
        if not line or line[0] in "─╰":
            break
        words.append(line)
    text = " ".join(words).removeprefix("Error parsing ").strip()
    for python, plain in NOT_NUMBERS.items():
        text = re.sub(python, rf"\1 is not {plain}", text)
    text = re.sub(r"no type matching .* could be instantiated from \[(.*)\]", r"not so: \1", text)
    return text or "these arguments cannot be understood"
