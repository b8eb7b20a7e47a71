"""Who is told how a training goes, and may stop it."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from dreamrl.training import Record


@runtime_checkable
class Watch(Protocol):
    """Who is told how a training goes, and may stop it."""

    def compiling(self) -> None:
        """Hear that compilers begin, which leave Python idle."""

    def show(self, records: Sequence[Record]) -> None:
        """Hear what a chunk came to, in each seed."""

    def warn(self, line: str) -> None:
        """Hear of what does not stop the training; may come from another thread."""

    def stop(self) -> bool:
        """Return whether to stop; asked between chunks."""
        ...


class Unwatched:
    """Nobody is told, and nothing stops."""

    def compiling(self) -> None: ...

    def show(self, records: Sequence[Record]) -> None: ...

    def warn(self, line: str) -> None: ...

    def stop(self) -> bool:
        return False


UNWATCHED = Unwatched()
