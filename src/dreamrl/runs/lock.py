"""One process a run: a lock that vanishes with the process that holds it, however it ends."""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from dreamrl.errors import UserError
from dreamrl.runs.store import writing

LOCK = "lock"
PATIENCE = 0.5
"""Seconds that a process waits for a lock, as others hold it for a moment to look at it."""
TAKEN = (errno.EACCES, errno.EAGAIN)


@contextlib.contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Keeps other processes from training in a directory; UserError where one does already."""
    with writing(directory):
        handle = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        until = time.monotonic() + PATIENCE
        while not _take(handle, fcntl.LOCK_EX):
            if time.monotonic() > until:
                raise UserError(
                    f"another process trains {directory}: wait until it ends, or stop it"
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def locked(directory: Path) -> bool:
    """Whether a process is at work in a directory now."""
    try:
        handle = os.open(directory / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _take(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _take(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError as error:
        # Some clusters' disks have no locks: there is nothing to wait for then.
        return error.errno not in TAKEN
    return True
