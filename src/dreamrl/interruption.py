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
PATIENCE = 0.6
"""Seconds in which a program has come to its end, however slow its disk and its environments."""

_last_words: list[Callable[[], None]] = []
_departure = threading.Event()
_exit_lock = threading.Lock()
"""Held by whoever begins to leave, and for ever by whoever comes after."""


@contextlib.contextmanager
def interruptible(say: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Give a function that becomes true on Ctrl-C or when the process is to end.

    The first signal calls `say`, in another thread; the second one leaves the program.
    """
    request = threading.Event()
    with _handling(_stop_or_leave(request, say), _ending_signals(), lambda *_: request.set()):
        yield request.is_set


@contextlib.contextmanager
def prompt() -> Iterator[Callable[[], bool]]:
    """See to it that the first signal ends the program, and the second one at once.

    It is a KeyboardInterrupt, whatever the signal; where that comes too late, the program is left.
    Gives a function that becomes true on the first.
    """
    request, end, interrupt = threading.Event(), threading.Event(), threading.Event()

    def soon() -> None:
        if not end.wait(PATIENCE):
            leave()

    def once(*_: object) -> None:
        # What comes while the program is being left is told to `leave` alone.
        if not interrupt.is_set():
            interrupt.set()
            raise KeyboardInterrupt

    begin = threading.Thread(target=soon, name="dreamrl-leaving", daemon=True).start
    try:
        with _handling(_stop_or_leave(request, begin), _ending_signals(), once):
            yield request.is_set
    finally:
        end.set()


def _stop_or_leave(
    request: threading.Event, first_time: Callable[[], None]
) -> Callable[[int], None]:
    """Return a function to call with signals: the second one that is not an echo leaves."""
    first: float | None = None

    def tell(number: int) -> None:
        nonlocal first
        request.set()
        if first is None:
            first = time.monotonic()
            first_time()
        elif time.monotonic() > first + ECHO:
            leave()

    return tell


def _ending_signals() -> list[int]:
    """Return the signals that are to end a program; nohup has those ignored that it survives."""
    return [n for n in (*ALWAYS, *MAYBE) if n in ALWAYS or signal.getsignal(n) != signal.SIG_IGN]


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
    with _exit_lock:
        stand_back()
        _departure.set()
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
    if _departure.is_set():
        threading.Event().wait()


@contextlib.contextmanager
def _handling(
    tell: Callable[[int], None], numbers: Sequence[int], handler: Callable[..., None]
) -> Iterator[None]:
    """Call `tell` with each signal, in a thread of its own; `handler` is Python's.

    Only the main thread can have signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    end = threading.Event()

    def listen() -> None:
        while not end.is_set():
            for number in reading.recv(64):
                if number in numbers and not end.is_set():
                    with contextlib.suppress(Exception):
                        tell(number)

    thread = threading.Thread(target=listen, name="dreamrl-signals", daemon=True)
    thread.start()
    old_handlers = {number: signal.signal(number, handler) for number in numbers}
    old_descriptor = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(old_descriptor)
        for number, old_handler in old_handlers.items():
            signal.signal(number, old_handler)
        end.set()
        writing.send(b"\0")
        thread.join(PATIENCE)
        reading.close()
        writing.close()
