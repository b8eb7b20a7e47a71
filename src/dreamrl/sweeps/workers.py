"""The workers of a plan: this process, several of this machine, or the tasks of a Ray cluster.

All of them do the same, which is `queue.work`, and may be at it at once with workers elsewhere.
"""

import contextlib
import dataclasses
import itertools
import multiprocessing
import multiprocessing.process
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from dreamrl.comparison.fill import CellListener
from dreamrl.comparison.spec import Key
from dreamrl.errors import UserError
from dreamrl.host import cores
from dreamrl.interruption import at_last
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps.plan import outcome
from dreamrl.sweeps.queue import holder, work

Main = Callable[[Sequence[str]], int]
"""The command `dreamrl` as a function, by which other processes get their work."""
PAUSE = 0.2
"""Seconds between two looks at the work of processes."""


@runtime_checkable
class Workers(Protocol):
    """Those that work on a plan."""

    def run(self, directory: Path, listener: CellListener) -> None:
        """Work on the cells of a plan until all are done or have failed, or the listener stops it.

        Raises UserError where nobody can work on them, or all workers have died.
        """


class Here:
    """This process alone, which trains one cell after another."""

    def run(self, directory: Path, listener: CellListener) -> None:
        work(directory, listener, wait=True)


@dataclasses.dataclass(frozen=True)
class Processes:
    """So many processes of this machine, each with its share of the cores."""

    number: int
    main: Main
    words: tuple[str, ...] = ()
    """More arguments of `dreamrl work`."""

    def run(self, directory: Path, listener: CellListener) -> None:
        logs = directory / "workers"
        logs.mkdir(exist_ok=True)
        arguments = ["work", str(directory), "--wait", *self.words]
        context = multiprocessing.get_context("spawn")
        processes = []
        for i, share in enumerate(shares(self.number)):
            log = logs / f"{i}.log"
            processes.append(context.Process(target=_begin, args=(self.main, arguments, str(log))))
            with _share(share, self.number):
                processes[-1].start()

        def stop() -> None:
            for process in processes:
                if process.is_alive():
                    process.terminate()

        teller = Teller(directory, listener)
        stop_sent = False
        with at_last(stop):
            while any(process.is_alive() for process in processes):
                teller.tell()
                if listener.stop() and not stop_sent:
                    stop_sent = True
                    stop()
                time.sleep(PAUSE)
        teller.tell()
        if listener.stop():
            return
        for i, process in enumerate(processes):
            if process.exitcode not in (0, 1):
                log = logs / f"{i}.log"
                last = (log.read_text(errors="replace").splitlines() or [""])[-1]
                listener.warn(
                    f"worker {i} {_exit_text(process.exitcode)}; the last line of {log}: {last}"
                )
        if plans.look(plans.read(directory)).open:
            raise WorkersLost(f"no worker is left; {directory} keeps what is done: run it again")


class WorkersLost(UserError):
    """All workers have ended, and cells are left."""

    exit_code = 1


def shares(number: int) -> list[list[int]]:
    """Return the cores of each of so many processes: disjoint, or one each where there are less."""
    usable = cores()
    if number >= len(usable):
        return [[usable[i % len(usable)]] for i in range(number)]
    ends = [round(i * len(usable) / number) for i in range(number + 1)]
    return [usable[a:b] for a, b in itertools.pairwise(ends)]


@contextlib.contextmanager
def _share(cores: list[int], number: int) -> Iterator[None]:
    """Let processes that are started meanwhile have these cores, and a share of a GPU's memory."""
    setting = {
        # Where threads cannot be bound to cores, XLA starts as many as it has been given.
        "PJRT_NPROC": str(len(cores)),
        "OMP_NUM_THREADS": str(len(cores)),
        "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{0.9 / number:.3f}",
    }
    # JAX has two names for it, and starts on no GPU where both are set.
    if "XLA_CLIENT_MEM_FRACTION" in os.environ:
        del setting["XLA_PYTHON_CLIENT_MEM_FRACTION"]
    additions = {name: value for name, value in setting.items() if name not in os.environ}
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    os.environ.update(additions)
    try:
        if affinity is not None:
            os.sched_setaffinity(0, cores)
        yield
    finally:
        if affinity is not None:
            os.sched_setaffinity(0, affinity)
        for name in additions:
            del os.environ[name]


def _begin(main: Main, arguments: list[str], log: str) -> None:
    """Be a worker: a process whose words go to a file, and which stops with the one above it."""
    # Ctrl-C in the terminal is for the process above, which passes it on.
    with contextlib.suppress(AttributeError, OSError):
        os.setsid()
    with open(log, "ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    parent = multiprocessing.process.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="dreamrl-parent", daemon=True).start()
    sys.exit(main(arguments))


def _exit_text(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


class Teller:
    """Tells a listener what other processes do, which it finds on the disk."""

    def __init__(self, directory: Path, listener: CellListener):
        self.directory, self.listener = directory, listener
        self.begun: set[Key] = set()
        self.ended: set[Key] = set()

    def tell(self) -> None:
        plan = plans.read(self.directory)
        for cell in plan.cells:
            key = cell.key
            if key in self.ended:
                continue
            try:
                if (result := outcome(plan, cell)) is not None:
                    self.ended.add(key)
                    self.listener.done(cell, result)
                elif key not in self.begun and holder(plan, cell):
                    self.begun.add(key)
                    self.listener.begin(cell, cell.seeds)
            except UserError as error:
                self.ended.add(key)
                self.listener.failed(cell, error)
