"""Write the reference from the code: python -m tools.reference.

docs/reference/api.md has every name of `dreamrl.__all__`, with signature and docstring;
docs/reference/settings.md every agent's settings, with type, default, range and meaning.
tests/test_reference.py holds both up to date.
"""

import argparse
import ast
import dataclasses
import inspect
import itertools
import re
import sys
import textwrap
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dreamrl
from dreamrl.agents import registry

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
WIDTH = 88
"""Columns after which a signature has one parameter a line."""
FOREIGN = {"builtins", "typing", "equinox", "enum"}
"""Packages whose base classes are no part of the reference."""
MADE = "Made from the code by `python -m tools.reference`; changes made here are lost.\n"


# The code, as it is written


def source(thing: Any) -> ast.AST | None:
    """Return the syntax tree of a class or function; None where it has no source."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
    except (OSError, TypeError, SyntaxError):
        return None


def as_written(annotation: ast.expr) -> str:
    """Return an annotation, without the quotes of one that is a string as a whole."""
    whole = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
    return annotation.value if whole else ast.unparse(annotation)


def attribute_docs(kind: type) -> dict[str, str]:
    """Return the string below each annotated attribute, of base classes too."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        tree = source(base) if base.__module__.partition(".")[0] not in FOREIGN else None
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for statement, following in itertools.pairwise(body):
            if isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr):
                text = ast.literal_eval(following.value)
                docs[ast.unparse(statement.target)] = " ".join(text.split())
    return docs


def annotations(kind: type) -> dict[str, str]:
    """Return the annotated attributes of a class as they are written, of base classes too."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        tree = source(base) if base.__module__.partition(".")[0] not in FOREIGN else None
        for statement in tree.body if isinstance(tree, ast.ClassDef) else ():
            if isinstance(statement, ast.AnnAssign):
                found[ast.unparse(statement.target)] = as_written(statement.annotation)
    return found


def parameters(tree: ast.FunctionDef) -> list[str]:
    """Return the parameters as written, with `/` and `*` among them, without `self`."""
    given = tree.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    words = [_parameter(*pair) for pair in zip(positional, defaults, strict=True)]
    if given.posonlyargs:
        words.insert(len(given.posonlyargs), "/")
    if given.vararg:
        words.append(f"*{_parameter(given.vararg, None)}")
    elif given.kwonlyargs:
        words.append("*")
    words += [_parameter(*p) for p in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    if given.kwarg:
        words.append(f"**{_parameter(given.kwarg, None)}")
    return [word for word in words if word not in ("self", "cls")]


def _parameter(parameter: ast.arg, default: ast.expr | None) -> str:
    typed = f": {as_written(parameter.annotation)}" if parameter.annotation else ""
    equals = " = " if typed else "="
    return f"{parameter.arg}{typed}{f'{equals}{ast.unparse(default)}' if default else ''}"


def signature(function: Any, name: str) -> str:
    """Return `name(parameters) -> type` as written in the source."""
    tree = source(inspect.unwrap(function))
    if not isinstance(tree, ast.FunctionDef):
        # Functions among the defaults by their name, not by where they lie in memory.
        return re.sub(r"<function (\w+) at 0x\w+>", r"\1", f"{name}{inspect.signature(function)}")
    words = parameters(tree)
    returns = f" -> {as_written(tree.returns)}" if tree.returns else ""
    line = f"{name}({', '.join(words)}){returns}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f"){returns}"


# docs/reference/api.md


def doc(thing: Any) -> str:
    """Return a thing's own docstring; that of a dataclass without one is its signature."""
    text = inspect.getdoc(thing) or ""
    generated = inspect.isclass(thing) and text.startswith(f"{thing.__name__}(")
    return "" if generated else text


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class of dreamrl defines, as written."""
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        function = getattr(member, "__func__", member)
        if isinstance(member, property) or inspect.isfunction(inspect.unwrap(function)):
            yield name, member


def class_entry(name: str, kind: type) -> str:
    parts = [doc(kind)]
    typed, docs = annotations(kind), attribute_docs(kind)
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    defaults = {field.name: default_of(field) for field in fields}
    public = {key: words for key, words in typed.items() if not key.startswith("_")}
    if public:
        lines = []
        for key, words in public.items():
            default = (
                re.sub(r"<function (\w+) at 0x\w+>", r"\1", f" = {defaults[key]}")
                if defaults.get(key)
                else ""
            )
            meaning = f": {docs[key]}" if key in docs else ""
            lines.append(f"- `{key}: {words}{default}`{meaning}")
        parts.append("\n".join(lines))
    for key, member in methods(kind):
        if isinstance(member, property):
            tree = source(member.fget)
            returns = f": {as_written(tree.returns)}" if getattr(tree, "returns", None) else ""
            parts.append(code(f"{key}{returns}"))
        else:
            parts.append(code(signature(getattr(member, "__func__", member), key)))
        parts.append(doc(member.fget if isinstance(member, property) else member))
    return "\n\n".join(part for part in parts if part)


def code(text: str) -> str:
    return f"```python\n{text}\n```"


def entry(name: str) -> str:
    thing = getattr(dreamrl, name)
    title = f"### `{name}`"
    if inspect.isclass(thing):
        bases = [base.__name__ for base in thing.__bases__ if base is not object]
        after = f"({', '.join(bases)})" if bases else ""
        return f"{title}\n\n{code(f'class {name}{after}')}\n\n{class_entry(name, thing)}"
    if callable(thing):
        return f"{title}\n\n{code(signature(thing, name))}\n\n{doc(thing)}"
    return f"{title}\n\n`{type(thing).__name__}`"


def kind_of(name: str) -> str:
    thing = getattr(dreamrl, name)
    if inspect.isclass(thing):
        return "Errors" if issubclass(thing, BaseException) else "Types"
    return "Functions" if callable(thing) else "Values"


def api() -> str:
    """Return the page of all public names."""
    parts = ["# Public names", MADE, "Everything that `import dreamrl` offers, as `dreamrl.NAME`."]
    for kind in ("Functions", "Types", "Errors", "Values"):
        names = [name for name in dreamrl.__all__ if kind_of(name) == kind]
        if names:
            parts += [f"## {kind}", *map(entry, names)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


# docs/reference/settings.md


def default_of(field: dataclasses.Field) -> str:
    if field.default is not dataclasses.MISSING:
        return repr(field.default) if not dataclasses.is_dataclass(field.default) else ""
    return ""


def split(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a type without `Annotated`, and its metadata."""
    if typing.get_origin(annotation) is typing.Annotated:
        inner, *metadata = typing.get_args(annotation)
        return inner, tuple(metadata)
    return annotation, ()


def alternatives(annotation: Any) -> tuple[type, ...]:
    """Return the dataclasses that a field may hold: one, or those of a union."""
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = typing.get_args(annotation) if union else (annotation,)
    return tuple(kind for kind in kinds if dataclasses.is_dataclass(kind))


def type_words(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(annotation))
    if typing.get_origin(annotation) is typing.Union:
        return ", ".join(map(type_words, typing.get_args(annotation)))
    return getattr(annotation, "__name__", str(annotation).replace("typing.", ""))


class Row(typing.NamedTuple):
    """One setting, under its dotted name."""

    name: str
    type: str
    default: str
    range: str
    meaning: str


def limits(metadata: tuple[Any, ...]) -> str:
    """Return the range of a field: what in its annotation has a `low` and a `high`."""
    found = [m for m in metadata if hasattr(m, "low") and hasattr(m, "high")]
    if not found:
        return ""
    low, high = found[0].low, found[0].high
    return f"{low:g} or more" if high == float("inf") else f"{low:g} to {high:g}"


def rows(kind: type, default: Any, prefix: str = "") -> Iterator[Row]:
    """Yield the settings of a dataclass, those of nested dataclasses under dotted names.

    Where a field may hold one of several dataclasses, the settings of each follow under
    `FIELD:CLASS`.
    """
    hints = typing.get_type_hints(kind, include_extras=True)
    docs = attribute_docs(kind)
    for field in dataclasses.fields(kind):
        annotation, metadata = split(hints[field.name])
        name, value = f"{prefix}{field.name}", getattr(default, field.name, None)
        choices = alternatives(annotation)
        meaning = docs.get(field.name, "")
        if not choices:
            shown = "" if value is None and default is None else f"`{value!r}`"
            yield Row(f"`{name}`", type_words(annotation), shown, limits(metadata), meaning)
            continue
        several = len(choices) > 1
        names = ", ".join(choice.__name__ for choice in choices)
        if several or meaning:
            chosen = f"`{type(value).__name__}`" if value is not None else ""
            yield Row(f"`{name}`", names, chosen, "", meaning)
        for choice in choices:
            inner = f"{name}:{choice.__name__}." if several else f"{name}."
            own = value if isinstance(value, choice) else _defaults(choice)
            yield from rows(choice, own, inner)


def _defaults(kind: type) -> Any:
    """Return a dataclass with its defaults; None where it needs arguments."""
    try:
        return kind()
    except TypeError:
        return None


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return the values of settings under dotted names."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value, name = getattr(settings, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(value):
            found[name] = type(value).__name__
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def differences(preset: Any, default: Any) -> str:
    """Return where a preset differs from the default one."""
    usual = flat(default)
    changed = [(n, v) for n, v in flat(preset).items() if n not in usual or usual[n] != v]
    return ", ".join(f"`{name}={value}`" for name, value in changed)


def table(found: list[Row]) -> str:
    heads = Row("setting", "type", "default", "range", "meaning")
    # A column that is empty everywhere is left out.
    shown = [i for i in range(len(heads)) if any(row[i] for row in found)]
    lines = [[line[i].replace("|", "\\|") for i in shown] for line in (heads, *found)]
    lines.insert(1, ["---"] * len(shown))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def settings() -> str:
    """Return the page of every agent's settings; agents with the same type share a section."""
    parts = [
        "# Settings of every agent",
        MADE,
        "Each is a flag of `dreamrl train AGENT` and a keyword of `dreamrl.train`. The defaults\n"
        "are those of the preset `default`; where a preset carries a family's name, that family\n"
        "uses it unless told otherwise (`--preset`).",
    ]
    of_type: dict[type, list[str]] = {}
    for name, method in registry.METHODS.items():
        of_type.setdefault(method.settings, []).append(name)
    for kind, names in of_type.items():
        title = ", ".join(f"`{name}`" for name in names)
        default = registry.METHODS[names[0]].presets["default"]
        parts += [f"## {title}", doc(kind), table(list(rows(kind, default)))]
        changed = [
            f"- `{name}`, preset `{preset}`: {words}"
            for name in names
            for preset, values in registry.METHODS[name].presets.items()
            if (words := differences(values, default))
        ]
        parts.append("\n".join(changed))
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


PAGES = {"api.md": api, "settings.md": settings}


def main() -> int:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    asked = arguments.parse_args()
    stale = []
    for name, page in PAGES.items():
        path, text = REFERENCE / name, page()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
        if not asked.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    for path in stale:
        print(f"{path}: {'out of date' if asked.check else 'written'}")
    return int(asked.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
