"""Places for metrics beside metrics.jsonl. A fault here is told once, and never hurts a run."""

import importlib.util
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from dreamrl.errors import UserError
from dreamrl.listener import Record
from dreamrl.runs import metrics

PATIENCE = 30.0
"""Seconds that the end of a training waits for what the sinks have yet to write."""


@runtime_checkable
class Sink(Protocol):
    def log(self, record: Record) -> None: ...

    def close(self) -> None: ...


class RunInfo(NamedTuple):
    """One seed's run, for sinks."""

    path: Path
    name: str
    manifest: dict[str, Any]
    past: Sequence[Record] = ()
    """The records in metrics.jsonl, where a training goes on."""


Tell = Callable[[Sequence[Record]], None]


class TensorBoard:
    """Event files in the run's folder `tensorboard`.

    A training that goes on begins them anew from what metrics.jsonl holds: a process that was
    killed has written more, which is done once again.
    """

    def __init__(self, run: RunInfo):
        from tensorboard.summary import Writer

        folder = run.path / "tensorboard"
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self.writer = Writer(str(folder))
        self.began = time.time() - (run.past[-1]["seconds"] if run.past else 0.0)

    def log(self, record: Record) -> None:
        moment = self.began + record["seconds"]
        for name, value in record.items():
            self.writer.add_scalar(name, value, int(record["iteration"]), wall_time=moment)

    def close(self) -> None:
        self.writer.close()


class WandB:
    """One W&B run a seed, and another one where a run is resumed, in the same group.

    What is there cannot be cut back, so the other one begins with all that metrics.jsonl holds.
    Project and login are W&B's own variables and files.
    """

    def __init__(self, run: RunInfo):
        import wandb

        self.run = wandb.init(
            dir=run.path,
            name=run.name,
            config=run.manifest["settings"],
            group=f"{run.manifest['agent']}-{run.manifest['family']}",
            reinit="create_new",
            settings=wandb.Settings(console="off", silent=True),
        )

    def log(self, record: Record) -> None:
        self.run.log(record, step=int(record["iteration"]))

    def close(self) -> None:
        self.run.finish()


SINKS: dict[str, Callable[[RunInfo], Sink]] = {"tensorboard": TensorBoard, "wandb": WandB}


def check_installed(names: Sequence[str]) -> None:
    """Raise UserError where the package of a sink is missing."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise UserError(f"{name} is not installed: pip install 'dreamrl[{name}]'")


@contextmanager
def sinks(
    names: Sequence[str], runs: Sequence[RunInfo], warn: Callable[[str], None]
) -> Iterator[Tell]:
    """Yield a function that passes records, one a seed, on to all sinks, and never waits."""
    # Before the training adds to it.
    runs = [_with_past(run, warn) for run in runs] if names else runs
    feeds = [_feed(name, runs, warn) for name in names]

    def tell(records: Sequence[Record]) -> None:
        for channel, _ in feeds:
            channel.put(records)

    try:
        yield tell
    finally:
        for channel, _ in feeds:
            channel.put(None)
        for _, worker in feeds:
            worker.join(PATIENCE)
            if worker.is_alive():
                warn(f"{worker.name} has not written all after {PATIENCE:.0f} s, and is given up")


def _with_past(run: RunInfo, warn: Callable[[str], None]) -> RunInfo:
    try:
        return run._replace(past=metrics.records(run.path / metrics.METRICS))
    except UserError as error:
        warn(f"what was before is not told to sinks: {error}")
        return run


def _feed(
    name: str, runs: Sequence[RunInfo], warn: Callable[[str], None]
) -> tuple[queue.SimpleQueue, threading.Thread]:
    """Feed a sink from a thread of its own, so that one that hangs holds nobody up."""
    channel: queue.SimpleQueue[Sequence[Record] | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            targets = [SINKS[name](run) for run in runs]
            # A seed that has failed has no more records.
            places = {run.manifest["seed"]: place for place, run in enumerate(runs)}
            for sink, run in zip(targets, runs, strict=True):
                for record in run.past:
                    sink.log(record)
            while (records := channel.get()) is not None:
                for record in records:
                    targets[places[int(record["seed"])]].log(record)
            for sink in targets:
                sink.close()
        except BaseException as error:
            warn(f"{name} is off, and metrics.jsonl goes on: {type(error).__name__}: {error}")

    worker = threading.Thread(target=work, name=name, daemon=True)
    worker.start()
    return channel, worker
