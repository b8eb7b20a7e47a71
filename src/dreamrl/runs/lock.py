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
from dreamrl.files import Unwritable, writing

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


class Busy(UserError):
    """A directory that another process is at work in."""


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
                raise Busy(f"another process trains {directory}: wait until it ends, or stop it")
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


@contextlib.contextmanager
def claim(file: Path, wait: bool = False, note: str = "") -> Iterator[bool]:
    """Yield whether this process, and no other, holds a file now; it is made if need be.

    Whoever comes second is told so at once, or waits. While it is held, the file has the note for
    its content. Raises Unwritable.
    """
    with writing(file):
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while not (success := _take(handle, alone=True)) and wait:
            time.sleep(0.05)
        if success:
            _overwrite(handle, note)
        yield success
        if success:
            _overwrite(handle, "")
    finally:
        os.close(handle)


def _overwrite(handle: int, text: str) -> None:
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)


def check_locks(directory: Path) -> None:
    """Raise UserError unless locks in a directory keep a second process out, which is tried."""
    file = directory / f".{LOCK}-trial-{os.getpid()}"
    try:
        with claim(file) as first, claim(file) as second:
            sound = first and not second
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
    if not sound:
        raise UserError(
            f"{directory} is on a file system whose locks do not lock, and workers would train the "
            "same cells: choose another directory, or mount that with locks (Lustre: -o flock)"
        )


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
