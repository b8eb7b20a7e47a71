"""A listener hears how a training goes, and may stop it."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

Record = dict[str, int | float]
"""The results of a chunk of iterations in one seed; the keys that are always there:

`seed`, `iteration` (done so far), `steps` (environment steps so far), `seconds` (since the
start, compiling included), `compile_seconds`, `steps_per_second` (of this seed, in this chunk);
then the algorithm's metrics, as means over the chunk; and, where the chunk ends with an
evaluation, `return_unseen`, `return_train` and `exploration_length` (on unseen problems, those of
`validation_ids`).
"""


@runtime_checkable
class Listener(Protocol):
    """A listener hears how a training goes, and may stop it."""

    @property
    def compiling(self) -> Callable[[], None]:
        """Hear that Python is idle now: compilers are at work, or at once the first chunk."""
        ...

    @property
    def chunk(self) -> Callable[[Sequence[Record]], None]:
        """Hear the results of a chunk, one record a healthy seed."""
        ...

    @property
    def warn(self) -> Callable[[str], None]:
        """Hear of trouble that does not stop the training; may come from another thread."""
        ...

    @property
    def stop(self) -> Callable[[], bool]:
        """Return whether to stop; asked between chunks."""
        ...


@dataclasses.dataclass(frozen=True)
class Callbacks:
    """A listener of functions, any of which may be left out."""

    chunk: Callable[[Sequence[Record]], None] = lambda records: None
    stop: Callable[[], bool] = lambda: False
    warn: Callable[[str], None] = lambda line: None
    compiling: Callable[[], None] = lambda: None


SILENT = Callbacks()
"""Nobody is told, and nothing stops."""
