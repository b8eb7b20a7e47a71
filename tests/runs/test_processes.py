"""Several processes, one training: two of them here, with two devices each, on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dreamrl.cli import main
from dreamrl.runs import Run

ROOT = Path(__file__).parents[2]
TRAIN = ["train", "fake", "bus", "--seeds", "4", "--iterations", "12", "--trials", "4"]
TRAIN += ["--chunk", "2", "--evaluation-trials", "4", "--checkpoint-every", "0", "--out", "run"]
LIMIT = 120
"""Seconds after which something hangs."""


@pytest.fixture
def start(tmp_path):
    """(words, pace) -> two processes that run the command together in a folder."""
    begun = []

    def start(words, folder, pace="fast"):
        (tmp_path / folder).mkdir(exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        pair = []
        for number in ("0", "1"):
            own = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process", number]
            program = str(Path(__file__).with_name("fake_command.py"))
            process = subprocess.Popen(
                [sys.executable, program, pace, *words, *own],
                cwd=tmp_path / folder,
                env={**os.environ, "PYTHONPATH": paths},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            begun.append(process)
            pair.append(process)
        return pair

    yield start
    for each in begun:
        each.kill()
        each.communicate()


@pytest.fixture
def alone(fake, tmp_path, monkeypatch):
    """What one process comes to."""
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    assert main(TRAIN) == 0
    return states(tmp_path / "alone")


def states(folder):
    return {
        file.relative_to(folder): file.read_bytes() for file in folder.rglob("agent.safetensors")
    }


def test_two_processes_train_as_one_does_and_one_writes(start, alone, tmp_path):
    first, second = start(TRAIN, "two")
    said, noted = first.communicate(timeout=LIMIT)
    assert first.returncode == 0, noted
    other, told = second.communicate(timeout=LIMIT)
    assert second.returncode == 0, told
    assert "run" in said
    assert other == ""
    line = "dreamrl: process 1 of 2 trains beside the first, which writes run"
    assert line in told.splitlines()
    assert len(alone) == 4
    assert states(tmp_path / "two") == alone


def test_a_process_that_is_lost_ends_the_other_and_the_run_goes_on(start, alone, tmp_path):
    first, second = start(TRAIN, "two", "slow")
    run = Run(tmp_path / "two" / "run" / "seed-0")
    end = time.monotonic() + LIMIT
    while not (run.path / "metrics.jsonl").exists() or not run.records:
        assert time.monotonic() < end
        time.sleep(0.05)
    second.send_signal(signal.SIGKILL)
    noted = first.communicate(timeout=LIMIT)[1].splitlines()
    assert first.returncode == 1, noted
    assert noted[-1].startswith("dreamrl: another process of this training is gone")
    assert run.manifest["status"] == "interrupted"
    assert 0 < len(run.records) < 6
    again = start(["resume", "run"], "two")
    for process in again:
        noted = process.communicate(timeout=LIMIT)[1]
        assert process.returncode == 0, noted
    assert states(tmp_path / "two") == alone


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--coordinator", "nonsense"], "coordinator must be HOST:PORT or auto, is 'nonsense'"),
        (["--processes", "2"], "--processes and --process need --coordinator HOST:PORT"),
        (["--coordinator", "localhost:1", "--processes", "2"], "needs --processes N and --process"),
        (
            ["--coordinator", "localhost:1", "--processes", "2", "--process", "2"],
            "process must be from 0 to 1, of 2 processes, is 2",
        ),
        (
            ["--coordinator", "nobody.invalid:9", "--processes", "2", "--process", "1"],
            "the first process does not answer at nobody.invalid:9",
        ),
        (["--coordinator", "auto"], "the processes of this training are not found"),
    ],
)
def test_what_cannot_be_joined_is_told_in_a_line(fake, words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dreamrl.cli.screen.Stream.move", lambda stream: None)
    assert main([*TRAIN, *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("dreamrl: ")
    assert told in said
    assert len(said.splitlines()) == 1
    assert not any(tmp_path.iterdir())


def test_a_port_that_is_taken(fake, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dreamrl.cli.screen.Stream.move", lambda stream: None)
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        where = f"localhost:{taken.getsockname()[1]}"
        asked = ["--coordinator", where, "--processes", "2", "--process", "0"]
        assert main([*TRAIN, *asked]) == 2
    assert "cannot be used here" in capsys.readouterr().err
