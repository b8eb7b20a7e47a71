"""The thread that environments live in, and their end: with the family, the program or a signal."""

import atexit
import contextlib
import queue
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from dreamrl.families.gym.stock import Stock

PATIENCE = 30.0
"""Seconds that the end of the program waits for an environment to finish its step."""


class Host:
    """Makes, plays and closes the environments of a family, all in one thread.

    Those that draw with OpenGL work in no other than the one they were made in. An executor of
    `concurrent.futures` would be gone before the environments are closed at the end.
    """

    def __init__(self, stock: Stock):
        self.stock = stock
        self.tasks: queue.SimpleQueue[tuple[Future, Callable[..., Any], tuple]] = (
            queue.SimpleQueue()
        )
        self.thread: threading.Thread | None = None
        self.starting = threading.Lock()
        _HOSTS.add(self)
        _hear_the_end()

    def call(self, function: Callable[..., Any], *inputs: Any) -> Any:
        """Return what the function comes to in the thread; raise what it raises."""
        return self._begin(function, *inputs).result()

    def close(self, for_good: bool = False) -> None:
        """Close all environments; later ones are made anew, unless it is for good."""
        if for_good:
            self.stock.ended = True
        if self.thread is not None:
            with contextlib.suppress(TimeoutError):
                self._begin(self.stock.close).result(PATIENCE)

    def _begin(self, function: Callable[..., Any], *inputs: Any) -> Future:
        with self.starting:
            if self.thread is None:
                work = threading.Thread(
                    target=_work, args=(self.tasks,), name="dreamrl-gym", daemon=True
                )
                work.start()
                self.thread = work
        future: Future = Future()
        self.tasks.put((future, function, inputs))
        return future


_HOSTS: "weakref.WeakSet[Host]" = weakref.WeakSet()


def _work(tasks: "queue.SimpleQueue[tuple[Future, Callable[..., Any], tuple]]") -> None:
    while True:
        future, function, inputs = tasks.get()
        try:
            future.set_result(function(*inputs))
        except BaseException as error:
            future.set_exception(error)
        # Nothing is held on to while there is nothing to do.
        del future, function, inputs


@atexit.register
def _close_all() -> None:
    for host in list(_HOSTS):
        host.close(for_good=True)


def _hear_the_end() -> None:
    """Let SIGTERM end the program as `sys.exit` does, where nobody else listens to it.

    As Python leaves it, it would end at once, and what environments have started would stay.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, _: Any) -> None:
    sys.exit(128 + number)
