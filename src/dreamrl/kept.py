"""What is worked out once and kept for later starts, under names made of all that goes into it.

A name holds a digest of dreamrl's own code, the versions of what it builds on, and a value: its
data, and where dreamrl has its classes and functions. Of a value with a part from elsewhere nothing
is kept, as that part's code may change, and the name would not; and nothing in a process that has
run code of its user's, which might have changed ours (`host.keep_no_results`).
"""

import dataclasses
import functools
import hashlib
import json
import math
import operator
import platform
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import FunctionType
from typing import Any

import jax
import numpy as np

from dreamrl import host, processes
from dreamrl.files import Unwritable, write
from dreamrl.version import NOWHERE, version

OWN_PACKAGE = __name__.partition(".")[0]
MADE_WITH = ("jax", "jaxlib", "equinox", "optax", "numpy")
"""Other packages whose versions count."""


class _NotOurs(Exception):
    """A part of a value whose code may change unseen."""


class Shelf:
    """The place of all that is kept of one value; nothing is, where that is not safe."""

    def __init__(self, *parts: Any):
        """Find the place of these parts, with JAX's settings among them."""
        self._path: Path | None = None
        if processes.several() or (directory := host.kept_results()) is None:
            return
        switches = {switch: repr(value) for switch, value in jax.config.values.items()}
        backend = jax.devices()[0].client.platform_version
        name = fingerprint((*parts, jax.default_backend(), backend, switches))
        if name is not None:
            self._path = directory / name

    @property
    def usable(self) -> bool:
        """Return whether anything can be kept."""
        return self._path is not None

    def read(self, name: str) -> bytes | None:
        """Return what is kept; None where there is nothing, or nothing whole."""
        if self._path is None:
            return None
        try:
            content = self._file(name).read_bytes()
        except OSError:
            return None
        size = hashlib.sha256().digest_size
        if hashlib.sha256(content[size:]).digest() != content[:size]:
            return None
        return content[size:]

    def write(self, name: str, content: bytes) -> None:
        """Keep it; what cannot be written is not kept."""
        if self._path is None:
            return
        with suppress(OSError, Unwritable):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write(self._file(name), hashlib.sha256(content).digest() + content)

    def _file(self, name: str) -> Path:
        assert self._path is not None
        return self._path.with_name(f"{self._path.name}-{name}")


def remembered(work_out: Callable[..., Any], *inputs: Any) -> Any:
    """Return what a function of dreamrl's own comes to, from an earlier start where it is kept.

    It must be something that JSON can hold.
    """
    shelf = Shelf(work_out, *inputs)
    if (content := shelf.read("result")) is not None:
        return json.loads(content)
    result = work_out(*inputs)
    shelf.write("result", json.dumps(result).encode())
    return result


def fingerprint(value: Any) -> str | None:
    """Return a name that no other value has, for this code and these versions.

    None for a value with a part that is neither plain data nor of dreamrl: its code may change, and
    the name would not.
    """
    if (code := _code()) is None:
        return None
    digest = hashlib.sha256(code)
    try:
        _feed(digest.update, value)
    except Exception:  # Not ours, or odd in another way: what cannot be named has no name.
        return None
    return digest.hexdigest()


def _code() -> bytes | None:
    """Return a digest of dreamrl's own code, and of the versions of what it builds on.

    None where that is not the code that runs, as it is newer or in no files of its own, and where a
    version is not known.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parent
    try:
        paths = sorted(root.rglob("*.py"))
        for path in paths:
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
        changed = max((path.stat().st_ctime for path in paths), default=math.inf)
    except OSError:
        return None
    versions = [version(name) for name in MADE_WITH]
    if changed >= host.LOADED or NOWHERE in versions:
        return None
    digest.update(repr([platform.python_version(), platform.machine(), *versions]).encode())
    return digest.digest()


def _feed(update: Callable[[bytes], None], value: Any) -> None:
    """Feed a value, each part after what says how it is to be read."""

    def begin(*words: Any) -> None:
        update(repr(words).encode())

    def parts(values: Iterable[Any]) -> None:
        for part in values:
            _feed(update, part)

    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes):
        begin(kind.__name__, value)
    elif kind is np.ndarray or isinstance(value, np.generic | jax.Array):
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise _NotOurs
        begin(kind.__name__, str(array.dtype), array.shape, getattr(value, "weak_type", None))
        update(array.tobytes())
    elif kind in (dict, list, tuple):
        begin(kind.__name__, len(value))
        parts(value.items() if kind is dict else value)
    elif kind is functools.partial:
        begin("partial")
        parts((value.func, value.args, value.keywords))
    elif isinstance(value, type | FunctionType):
        begin("name", _own_name(value))
    elif dataclasses.is_dataclass(kind):
        begin("dataclass", _own_name(kind))
        parts((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
    elif isinstance(value, tuple):
        begin("tuple", _own_name(kind))
        parts(value)
    else:
        raise _NotOurs


def _own_name(thing: Any) -> str:
    """Return where dreamrl has a class or function; raise _NotOurs for any other."""
    module, name = thing.__module__, thing.__qualname__
    if module.partition(".")[0] == OWN_PACKAGE:
        try:
            found = operator.attrgetter(name)(sys.modules[module])
        except AttributeError:
            found = None
        if found is thing:
            return f"{module}.{name}"
    raise _NotOurs
