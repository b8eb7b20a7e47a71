"""Signals, in processes of their own: what is heard at once, and what is left behind."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dreamrl.cli import main
from dreamrl.interruption import ECHO, interruptible
from dreamrl.runs import Run
from dreamrl.runs.session import FEW

ROOT = Path(__file__).parents[2]
LIMIT = 240
"""Seconds after which something has not happened: nothing takes as long."""
QUICK = ["--chunk", "1", "--evaluation-trials", "4", "--checkpoint-every", "0"]


class Process:
    """The command, slow in one place."""

    def __init__(self, folder, where, *words, said=None):
        self.folder = folder
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        program = Path(__file__).with_name("slow_command.py")
        with (folder / "said").open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, str(program), where, *words],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": paths, "TERM": "xterm"},
                stdout=file if said is None else said,
                stderr=subprocess.STDOUT,
            )
        self.send = self.process.send_signal

    @property
    def said(self):
        return (self.folder / "said").read_text()

    def until(self, condition):
        end = time.monotonic() + LIMIT
        while not condition():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.02)

    def inside(self):
        """Whether what is slow has begun."""
        return (self.folder / "inside").exists()


@pytest.fixture
def begin(tmp_path):
    begun = []

    def begin(where, *words):
        process = Process(tmp_path, where, *words)
        begun.append(process)
        process.until(process.inside)
        return process

    yield begin
    for each in begun:
        each.process.kill()
        each.process.wait()


TRAIN = ["train", "fake", "bus", "--out", "run", *QUICK]


@pytest.mark.parametrize(
    ("where", "number", "iteration"),
    [
        ("chunk", signal.SIGINT, 2),
        ("callbacks", signal.SIGTERM, 2),
        ("compiling", signal.SIGUSR1, 0),
        ("evaluation", signal.SIGHUP, 6),
    ],
)
def test_the_first_is_told_at_once_and_the_second_ends_it(
    begin, tmp_path, where, number, iteration
):
    slow = begin(where, *TRAIN)
    slow.send(number)
    # It is told of while the slow thing goes on, which would never end.
    slow.until(lambda: "stopping after this chunk" in slow.said)
    time.sleep(2 * ECHO)
    assert slow.process.poll() is None
    slow.send(number)
    assert slow.process.wait(LIMIT) == 130
    assert slow.said.endswith("dreamrl: stopped\n")
    assert "Traceback" not in slow.said
    run = Run(tmp_path / "run")
    assert run.manifest["status"] == "interrupted"
    assert (tmp_path / "run" / "agent.json").exists() == (where == "evaluation"), slow.said
    checkpoints = [int(path.stem) for path in (run.path / "checkpoints").glob("*.json")]
    assert max(checkpoints, default=0) == iteration


def test_one_stops_behind_the_chunk_with_a_short_evaluation(begin, tmp_path):
    slow = begin("callbacks", *TRAIN)
    slow.send(signal.SIGUSR2)
    slow.until(lambda: "stopping after this chunk" in slow.said)
    (tmp_path / "go").touch()
    assert slow.process.wait(LIMIT) == 130
    assert "stopped at iteration 3" in slow.said
    manifest = Run(tmp_path / "run").manifest
    assert (manifest["status"], manifest["iteration"]) == ("interrupted", 3)
    assert manifest["result"]["trials"] == FEW
    assert (tmp_path / "run" / "agent.safetensors").exists()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGINT, ["evaluate", "run", "--trials", "2"]),
        (signal.SIGTERM, ["evaluate", "run", "--trials", "2"]),
        (signal.SIGHUP, ["trial", "run"]),
        (signal.SIGUSR1, ["references", "bus"]),
    ],
)
def test_other_commands_end_with_the_first(begin, fake, train, number, words):
    train("run")
    slow = begin("references" if words[0] == "references" else "evaluate", *words)
    slow.send(number)
    # As `timeout` and shells send it, to the process and to its group.
    slow.send(number)
    assert slow.process.wait(LIMIT) == 130
    assert slow.said.endswith("dreamrl: stopped\n")
    assert "Traceback" not in slow.said


@pytest.mark.parametrize("own", [KeyboardInterrupt, RuntimeError], ids=["as it is", "as JAX's"])
def test_a_command_is_stopped_however_the_signal_reaches_it(monkeypatch, capsys, own):
    """A callback that is interrupted is an error of the compiled program around it."""

    def run(arguments):
        os.kill(os.getpid(), signal.SIGUSR2)
        try:
            time.sleep(LIMIT)
        except KeyboardInterrupt:
            raise own("INTERNAL: CpuCallback error: KeyboardInterrupt") from None

    monkeypatch.setattr("dreamrl.cli._run", run)
    assert main(["families"]) == 130
    assert capsys.readouterr().err == "dreamrl: stopped\n"


def test_signals_are_left_alone_outside_the_main_thread():
    def inside():
        with interruptible() as stop:
            return stop()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(main, ["--version"]).result() == 0
        assert not pool.submit(inside).result()


@pytest.mark.parametrize("closed", [False, True], ids=["left at once", "closed"])
def test_a_terminal_is_left_as_it_was_and_may_be_gone(tmp_path, closed):
    """A second Ctrl-C leaves no hidden cursor; a window that is closed stops as SIGTERM does."""
    master, slave = pty.openpty()
    slow = Process(tmp_path, "callbacks", *TRAIN, said=slave)
    os.close(slave)
    shown, enough = bytearray(), threading.Event()

    def read():
        with contextlib.suppress(OSError):
            while not enough.is_set():
                if select.select([master], [], [], 0.05)[0]:
                    shown.extend(os.read(master, 4096))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        slow.until(slow.inside)
        for _ in range(1 if closed else 2):
            if closed:
                enough.set()
                reader.join()
                os.close(master)
            slow.send(signal.SIGHUP if closed else signal.SIGINT)
            time.sleep(2 * ECHO)
        if closed:
            (tmp_path / "go").touch()
        assert slow.process.wait(LIMIT) == 130
    finally:
        slow.process.kill()
    manifest = Run(tmp_path / "run").manifest
    assert manifest["status"] == "interrupted"
    assert manifest.get("iteration") == (3 if closed else None)
    if not closed:
        reader.join(LIMIT)
        os.close(master)
        assert b"stopping after this chunk" in shown
        assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def heard(number, times=1):
    """How often it is said that a signal was heard, and whether to stop."""
    said = []
    before = signal.getsignal(number)
    with interruptible(lambda: said.append(number)) as stop:
        assert not stop()
        for _ in range(times):
            os.kill(os.getpid(), number)
        end = time.monotonic() + (LIMIT if before is not signal.SIG_IGN else ECHO)
        while not said and time.monotonic() < end:
            time.sleep(0.01)
        stopping = stop()
    assert signal.getsignal(number) == before
    return len(said), stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_that_comes_twice_in_a_moment_is_one(number):
    """As `timeout` sends it, to a process and to its group."""
    assert heard(number, times=2) == (1, True)


def test_one_that_is_ignored_stays_so():
    """As nohup has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert heard(signal.SIGHUP) == (0, False)
    finally:
        signal.signal(signal.SIGHUP, before)
