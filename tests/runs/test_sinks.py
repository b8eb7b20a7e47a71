"""Sinks get what metrics.jsonl gets, and cannot hurt a run."""

import sys
import threading
import types
from pathlib import Path

import pytest

from dreamrl.errors import UserError
from dreamrl.runs import Run
from dreamrl.runs.sinks import SINKS, check_installed


class Noting:
    """Notes what it gets; fails where it is told to."""

    def __init__(self, fails="", wait=None):
        self.fails, self.wait, self.got = fails, wait, []

    def __call__(self, run):
        self.name = run.name
        if self.fails == "open":
            raise ImportError("no module")
        return self

    def log(self, record):
        if self.wait is not None:
            self.wait.wait()
        if self.fails == "log":
            raise ConnectionError("gone")
        self.got.append(record["iteration"])

    def close(self):
        if self.fails == "close":
            raise ValueError("not closed")
        self.got.append("closed")


@pytest.fixture
def noting(monkeypatch):
    def put(*inputs):
        sink = Noting(*inputs)
        monkeypatch.setitem(SINKS, "wandb", sink)
        return sink

    return put


def test_a_sink_gets_every_record_and_is_closed(train, noting):
    sink = noting()
    _, watch = train("run", sinks=("wandb",))
    assert sink.got == [1, 2, 3, 4, 5, 6, "closed"]
    assert sink.name == "run-s0"
    assert watch.warnings == []


@pytest.mark.parametrize("fails", ["open", "log", "close"])
def test_a_sink_that_fails_is_off_after_one_warning(train, left, noting, fails):
    whole, _ = train("whole")
    noting(fails)
    out, watch = train("run", sinks=("wandb",))
    assert len(watch.warnings) == 1
    assert watch.warnings[0].startswith("wandb is off, and metrics.jsonl goes on: ")
    assert left(out) == left(whole)


def test_a_sink_that_hangs_holds_nobody_up(train, noting, monkeypatch):
    monkeypatch.setattr("dreamrl.runs.sinks.PATIENCE", 0.1)
    never = threading.Event()
    noting("", never)
    out, watch = train("run", sinks=("wandb",))
    assert Run(out).manifest["status"] == "finished"
    assert "wandb has not written all" in watch.warnings[0]
    never.set()


def test_a_sink_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'dreamrl\[tensorboard\]'"):
        check_installed(("tensorboard",))


def test_a_training_that_goes_on_tells_its_past_from_metrics(train, noting):
    noting()
    out, _ = train("run", chunks=3, sinks=("wandb",))
    # A process that was killed has done more than its last checkpoint holds.
    again = noting()
    train("run", sinks=("wandb",))
    assert again.got == [1, 2, 3, 4, 5, 6, "closed"]
    assert [record["iteration"] for record in Run(out).records] == [1, 2, 3, 4, 5, 6]


def test_event_files_are_begun_anew(train, tmp_path, monkeypatch):
    class Writer:
        number = 0

        def __init__(self, folder):
            Writer.number += 1
            self.path = Path(folder) / f"events.out.tfevents.{Writer.number}"
            self.path.parent.mkdir(exist_ok=True)

        def add_scalar(self, name, value, step, wall_time):
            if name == "steps":
                with self.path.open("a") as file:
                    file.write(f"{step}\n")

        def close(self):
            pass

    monkeypatch.setitem(sys.modules, "tensorboard", types.ModuleType("tensorboard"))
    summary = types.ModuleType("tensorboard.summary")
    summary.Writer = Writer
    monkeypatch.setitem(sys.modules, "tensorboard.summary", summary)
    out, watch = train("run", chunks=4, sinks=("tensorboard",))
    # Killed here: what was done behind the second checkpoint is done once again.
    for path in (out / "checkpoints").glob("00000004*"):
        path.unlink()
    train("run", sinks=("tensorboard",))
    files = list((out / "tensorboard").iterdir())
    assert "".join(file.read_text() for file in files).split() == list("123456")
    assert watch.warnings == []
