"""One process a run: a lock that vanishes with the process that holds it, however it ends."""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

from dreamrl.errors import UserError

try:
    import fcntl
except ImportError:  # Windows has none.
    fcntl = None  # type: ignore[assignment]
from dreamrl.runs.store import Unwritable, writing

LOCK = "lock"
UNLOCKED = (
    "this system has no locks that dreamrl knows (Linux and macOS have): "
    "nothing keeps two processes from training one run"
)
PATIENCE = 0.5
"""Seconds that a process waits for a lock, as others hold it for a moment to look at it."""
NOT_WAITING = getattr(os, "O_NONBLOCK", 0)
"""Whatever is called a lock may be a pipe."""
TAKEN = (errno.EACCES, errno.EAGAIN)


@contextlib.contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Keep other processes from training in a directory; UserError where one does already."""
    try:
        with writing(directory):
            handle = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except Unwritable as error:
        # Nothing has begun: it is a mistake in what was asked for.
        raise UserError(str(error)) from None
    try:
        until = time.monotonic() + PATIENCE
        while not _take(handle, alone=True):
            if time.monotonic() > until:
                raise UserError(
                    f"another process trains {directory}: wait until it ends, or stop it"
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def locked(directory: Path) -> bool:
    """Return whether a process is at work in a directory now."""
    try:
        handle = os.open(directory / LOCK, os.O_RDONLY | NOT_WAITING)
    except OSError:
        return False
    try:
        return not _take(handle, alone=False)
    finally:
        os.close(handle)


def locks() -> bool:
    """Return whether this system has the locks that are used here."""
    return fcntl is not None


def _take(handle: int, alone: bool) -> bool:
    if not locks():
        return True
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        # Some clusters' disks have no locks: there is nothing to wait for then.
        return error.errno not in TAKEN
    return True
