"""Errors that are the user's to mend: each says in one or two lines what is wrong and where."""

import collections
import contextlib
import difflib
import re
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = str(Path(__file__).parent)


class UserError(Exception):
    """A mistake in what the user asked for; shown as its message alone, without a traceback."""

    exit_code = 2


class FamilyError(UserError):
    """A family of problems that breaks the rules of `dreamrl.families.family.Family`."""

    def __init__(self, name: str, faults: Iterable[str]):
        self.faults = tuple(faults)
        lines = "".join(f"\n  - {fault}" for fault in self.faults)
        super().__init__(f"family {name!r} has {len(self.faults)} fault(s):{lines}")


class HostError(FamilyError):
    """What code on the host did wrong, in one line; often in the middle of a compiled program."""

    exit_code = 1

    def __init__(self, fault: str):
        super().__init__("", (fault,))
        self.args = (fault,)


class TooLarge(UserError):
    """What was asked for can be worked out, but not within the limits set for it."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that does not exist, with the nearest one that does."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    return UserError(f"unknown {kind} {name!r}: {hint}")


_ON_HOST: collections.deque[UserError] = collections.deque(maxlen=32)
"""What was raised on the host lately: JAX passes on the text of an exception, not itself."""


def remember_raised(error: UserError) -> None:
    """Lets `raised_on_host` find an error that is about to go through a compiled program."""
    _ON_HOST.append(error)


def raised_on_host(error: BaseException) -> UserError | None:
    """The UserError that a function on the host raised while a compiled program ran, if one did.

    JAX tells it only within its own error's text.
    """
    if isinstance(error, HostError):
        return error
    text = str(error)
    for known in reversed(_ON_HOST):
        if f": {known}" in text:
            return known
    found = re.findall(r"^(?:dreamrl\.errors\.)?UserError: (.+)$", text, re.MULTILINE)
    return UserError(found[-1]) if found else None


@contextlib.contextmanager
def without_jax() -> Iterator[None]:
    """Raises what code on the host raised as it was, without JAX's words around it.

    Also a decorator, for whatever calls compiled programs.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        told = raised_on_host(error)
        if told is None:
            raise
        # What it came from is kept, and shown; that it came through JAX is not.
        raise told.with_traceback(None) from told.__cause__


def raised(error: Exception) -> str:
    """An exception of somebody's code in one line: its type, text, file and line."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    words = ": ".join([type(error).__name__, *lines[:1]])
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith((HERE, "<"))]
    own = [frame for frame in theirs if "site-packages" not in frame.filename]
    where = "".join(f" ({f.filename}, line {f.lineno})" for f in (own or theirs)[-1:])
    return words[:300] + where
