"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dreamrl.errors import UserError


class Unwritable(UserError):
    """A full disk, a directory without permission: what was there before is still there."""

    exit_code = 1


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn refusals of the disk into Unwritable."""
    try:
        yield
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror or error}") from None


def write(path: Path, content: bytes) -> None:
    """Put a file in place in one go: whoever looks finds the old one or the new one.

    It is on the disk when this returns. Raises Unwritable.
    """
    with writing(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
        if os.name == "posix":  # Elsewhere a directory cannot be opened.
            directory = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
