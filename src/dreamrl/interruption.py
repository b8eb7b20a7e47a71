"""Signals that end a program, heard at once, whatever keeps Python's main thread.

Python runs a signal's handler in the main thread, between two of its own instructions: compiled
code that calls back into Python is deaf for as long as it goes on. Here a thread of its own reads
the numbers of the signals that arrive, which works all the while.
"""

import atexit
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

STOPPED = 130
"""Exit code of a program that was stopped."""
ALWAYS = (signal.SIGINT, signal.SIGTERM)
MAYBE = tuple(getattr(signal, n) for n in ("SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, n))
"""Of a terminal that is closed, and of schedulers; left alone where they are ignored (nohup)."""
ECHO = 0.3
"""Seconds in which another signal is the same one: `timeout` and shells send it twice."""
PATIENCE = 0.8
"""Seconds in which a program has come to its end, however slow its disk and its environments."""

_last_words: list[Callable[[], None]] = []
_leaving = threading.Event()


@contextlib.contextmanager
def interruptible(say: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Give a function that becomes true on Ctrl-C or when the process is to end.

    The first signal calls `say`, in another thread; the second one leaves the program.
    """
    asked = threading.Event()
    first: float | None = None

    def tell(number: int) -> None:
        nonlocal first
        asked.set()
        if first is None:
            first = time.monotonic()
            say()
        elif time.monotonic() > first + ECHO:
            leave()

    ignored = [n for n in MAYBE if signal.getsignal(n) is signal.SIG_IGN]
    with _heard(tell, [n for n in (*ALWAYS, *MAYBE) if n not in ignored], lambda *_: asked.set()):
        yield asked.is_set


@contextlib.contextmanager
def prompt() -> Iterator[None]:
    """See to it that Ctrl-C ends the program, where its KeyboardInterrupt comes too late."""
    done = threading.Event()

    def tell(number: int) -> None:
        if not done.wait(PATIENCE):
            leave()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _heard(tell, [signal.SIGINT], signal.default_int_handler):
        try:
            yield
        finally:
            done.set()


@contextlib.contextmanager
def at_last(do: Callable[[], None]) -> Iterator[None]:
    """Have something done when the program is left at once; the latest comes first."""
    _last_words.append(do)
    try:
        yield
    finally:
        _last_words.remove(do)


def leave(line: str = "dreamrl: stopped") -> NoReturn:
    """End the program within `PATIENCE`, whatever is computed.

    Python's own end would wait for that: JAX's threads are joined.
    """
    _leaving.set()
    last = threading.Timer(PATIENCE, os._exit, (STOPPED,))
    last.daemon = True
    last.start()
    for do in reversed(_last_words):
        with contextlib.suppress(BaseException):
            do()
    with contextlib.suppress(BaseException):
        print(line, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    # Environments have processes of their own.
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    os._exit(STOPPED)


def stand_back() -> None:
    """Wait for the end, where the program is being left: what fails by that is not to be told."""
    if _leaving.is_set():
        threading.Event().wait()


@contextlib.contextmanager
def _heard(
    tell: Callable[[int], None], numbers: Sequence[int], handler: Callable[..., None]
) -> Iterator[None]:
    """Call `tell` with each signal, in a thread of its own; `handler` is Python's."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    ended = threading.Event()

    def listen() -> None:
        while not ended.is_set():
            for number in reading.recv(64):
                if number in numbers and not ended.is_set():
                    with contextlib.suppress(Exception):
                        tell(number)

    thread = threading.Thread(target=listen, name="dreamrl-signals", daemon=True)
    thread.start()
    before = {number: signal.signal(number, handler) for number in numbers}
    woken = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, earlier in before.items():
            signal.signal(number, earlier)
        ended.set()
        writing.send(b"\0")
        thread.join(PATIENCE)
        reading.close()
        writing.close()
