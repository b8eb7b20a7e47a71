"""Workers that are tasks of a Ray cluster which is there already: one task a cell."""

import dataclasses
import os
from pathlib import Path
from typing import Any

from dreamrl.comparison.fill import CellListener
from dreamrl.errors import UserError, words
from dreamrl.families.optional_deps import needs
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps import proposals
from dreamrl.sweeps.workers import PAUSE, Main, Teller, WorkersLost

RETRIES = 3
"""Times that a cell's task begins again after its node or process has died."""
WRONG = 2
"""Exit code of a mistake in a worker's command."""


@dataclasses.dataclass(frozen=True)
class Ray:
    """Tasks of a Ray cluster, whose nodes share the plan's directory; Ray says when each runs."""

    address: str
    main: Main
    cores: float | int = 1.0
    gpus: float | int = 0.0
    """GPUs of one task."""
    more: tuple[str, ...] = ()
    """More arguments of `dreamrl work`."""

    def run(self, directory: Path, listener: CellListener) -> None:
        directory = directory.absolute()
        ray = connected(self.address)
        try:
            self._run(ray, directory, listener)
        finally:
            ray.shutdown()

    def _run(self, ray: Any, directory: Path, listener: CellListener) -> None:
        arguments = ["work", str(directory), "--most", "1", *self.more]
        limits = {"num_cpus": self.cores, "num_gpus": self.gpus, "max_retries": RETRIES}
        task = ray.remote(**limits)(self.main)
        teller = Teller(directory, listener)
        while (pending := _to_do(directory)) and not listener.stop():
            tasks = [task.remote(arguments) for _ in range(pending)]
            while tasks and not listener.stop():
                ready, tasks = ray.wait(tasks, timeout=PAUSE)
                for each in ready:
                    if _code(ray, each, listener) == WRONG:
                        raise UserError(
                            f"a node of {self.address} cannot work on {directory}: it must be "
                            "the same directory, and the same dreamrl, on all nodes"
                        )
                teller.tell()
            for each in tasks:
                ray.cancel(each)
            if tasks:
                # They keep what they have trained.
                ray.wait(tasks, num_returns=len(tasks))
            if not listener.stop() and _to_do(directory) >= pending:
                raise WorkersLost(
                    f"tasks end without a cell done; {directory} keeps what is: run it again"
                )


def connected(address: str) -> Any:
    """Return Ray, connected to a cluster; UserError where none is to be reached."""
    needs("ray", "ray")
    import ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"no Ray cluster is to be reached at {address!r}: {why}") from None
    return ray


def _to_do(directory: Path) -> int:
    plan = plans.read(directory)
    return len(plans.look(plan).open) + proposals.left(plan)


def _code(ray: Any, task: Any, listener: CellListener) -> int:
    """Return the exit code of a task's command; one that died or was cancelled has none of ours."""
    try:
        return int(ray.get(task))
    except Exception as error:
        listener.warn(f"a task of Ray's failed: {words(error).splitlines()[0]}")
        return 1
