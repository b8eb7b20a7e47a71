"""Errors that are the user's to mend: each says in one or two lines what is wrong and where."""

import collections
import contextlib
import difflib
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).parent)


class UserError(Exception):
    """A mistake in what the user asked for; shown as its message alone, without a traceback."""

    exit_code = 2

    def __reduce__(self) -> tuple[Any, ...]:
        """Come back from another process as it was raised there, however it is made."""
        return _rebuild, (type(self), self.args), vars(self)


def _rebuild(kind: type[UserError], args: tuple[Any, ...]) -> UserError:
    return kind.__new__(kind, *args)


class FamilyError(UserError):
    """A family of problems that breaks the rules of `dreamrl.families.family.Family`."""

    def __init__(self, name: str, faults: Iterable[str]):
        self.faults = tuple(faults)
        lines = "".join(f"\n  - {fault}" for fault in self.faults)
        super().__init__(f"family {name!r} has {len(self.faults)} fault(s):{lines}")


class HostError(FamilyError):
    """A fault of code on the host, in one line; often in the middle of a compiled program."""

    exit_code = 1

    def __init__(self, fault: str):
        super().__init__("", (fault,))
        self.args = (fault,)


class TooLarge(UserError):
    """A request that can be worked out, but not within the limits set for it."""


def unknown(kind: str, name: str, names: Iterable[str]) -> UserError:
    """Return the error for a name that does not exist, with the nearest one that does."""
    names = list(names)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    return UserError(f"unknown {kind} {name!r}: {hint}")


def nearest_path(name: str, paths: Iterable[str]) -> str | None:
    """Return the dotted path that is most like a name, if any is; its last part may be, alone."""
    text = name.lstrip("-")

    def likeness(path: str) -> tuple[float, float]:
        path = path.lstrip("-")
        whole = difflib.SequenceMatcher(None, text, path).ratio()
        last = difflib.SequenceMatcher(None, text, path.rpartition(".")[2]).ratio()
        return (whole if "." in text else max(whole, last)), whole

    best = max(paths, key=likeness, default=None)
    return None if best is None or likeness(best)[0] < 0.6 else best


_ON_HOST: collections.deque[UserError] = collections.deque(maxlen=32)
"""Errors raised on the host lately: JAX passes on the text of an exception, not itself."""


def remember_raised(error: UserError) -> None:
    """Let `raised_on_host` find an error that is about to go through a compiled program."""
    _ON_HOST.append(error)


def raised_on_host(error: BaseException) -> UserError | None:
    """Return the UserError that the host raised while a compiled program ran, if one did.

    JAX tells it only within its own error's text.
    """
    if isinstance(error, HostError):
        return error
    text = str(error)
    for candidate in reversed(_ON_HOST):
        if f": {candidate}" in text:
            return candidate
    matches = re.findall(r"^(?:dreamrl\.errors\.)?UserError: (.+)$", text, re.MULTILINE)
    return UserError(matches[-1]) if matches else None


class RuntimeFault(UserError):
    """A refusal of the machine while a program runs; no mistake in the command."""

    exit_code = 1


MEMORY = re.compile(r"RESOURCE_EXHAUSTED|out of memory|cannot allocate memory|bad_alloc", re.I)


LOST = re.compile(r"\bGloo\b|\bNCCL\b|coordination service", re.I)


def process_lost(error: BaseException) -> bool:
    """Return whether it says that another process of a training is gone."""
    is_runtimes = any(kind.__name__ == "RuntimeError" for kind in type(error).__mro__)
    return is_runtimes and bool(LOST.search(str(error)))


def raised_by_runtime(error: BaseException) -> UserError | None:
    """Return the remedy for an error of JAX's runtime or of the memory, where one is known."""
    text = str(error).strip()
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "MemoryError" in kinds or ("RuntimeError" in kinds and MEMORY.search(text)):
        first = text.splitlines()[0][:200] if text else "out of memory"
        return RuntimeFault(
            f"the memory does not suffice ({first}): ask for less at once, as with fewer --trials, "
            "--evaluation-trials or --seeds, or set JAX_PLATFORMS=cpu where a GPU is too small"
        )
    if process_lost(error):
        return RuntimeFault(
            "another process of this training is gone, and this one ends too: dreamrl resume, in "
            "all of them, goes on from the last checkpoint"
        )
    if "RuntimeError" in kinds and re.search(r"[Uu]nable to initialize backend", text):
        return UserError(f"{text.splitlines()[0]}: unset JAX_PLATFORMS, or set JAX_PLATFORMS=cpu")
    return None


def quoted(word: str | os.PathLike[str]) -> str:
    """Return a word of a command line so that a shell reads back the same one."""
    text = os.fspath(word)
    if text.startswith("-") and not isinstance(word, str):
        text = f"./{text}"
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # What the terminal cannot show is written in ASCII, as bash, zsh and ksh read it.
        plain = "".join(
            chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\{byte:03o}"
            for byte in os.fsencode(text)
        )
        return f"$'{plain}'"
    return shlex.quote(text)


@contextlib.contextmanager
def without_jax() -> Iterator[None]:
    """Raise what code on the host raised as it was, without JAX's words around it.

    Also a decorator, for whatever calls compiled programs.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        fault = raised_on_host(error)
        if fault is None:
            raise
        # What it came from is kept, and shown; that it came through JAX is not.
        raise fault.with_traceback(None) from fault.__cause__


def words(error: BaseException) -> str:
    """Return the text of an error, without JAX's words around it."""
    fault = raised_on_host(error) or raised_by_runtime(error)
    return str(fault or (error if isinstance(error, UserError) else raised(error)))


def raised(error: BaseException) -> str:
    """Return an exception of somebody's code in one line: its type, text, file and line."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    words = ": ".join([type(error).__name__, *lines[:1]])
    frames = traceback.extract_tb(error.__traceback__)
    user_frames = [frame for frame in frames if not frame.filename.startswith((HERE, "<"))]
    project_frames = [frame for frame in user_frames if "site-packages" not in frame.filename]
    where = "".join(
        f" ({f.filename}, line {f.lineno})" for f in (project_frames or user_frames)[-1:]
    )
    return words[:300] + where
