"""A training that is stopped, in whatever way, goes on as if it had never been."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dreamrl import runs
from dreamrl.errors import UserError
from dreamrl.runs import Run, Terms, open_session
from dreamrl.runs.lock import lock
from dreamrl.training import TrainingDiverged

CONFTEST = Path(__file__).parents[1] / "conftest.py"


class Killed(BaseException):
    """The process is gone: nothing is written after this."""


@pytest.mark.parametrize("seeds", [(0,), (3, 4)], ids=["one seed", "two seeds"])
def test_a_stopped_run_ends_as_one_never_stopped(train, left, seeds):
    whole, _ = train("whole", seeds=seeds)
    parts, _ = train("parts", chunks=2, seeds=seeds)
    assert Run(parts).manifest["status"] == "interrupted"
    _, watch = train("parts", chunks=1, seeds=seeds)
    assert watch.iterations == [3]
    _, watch = train("parts", seeds=seeds)
    assert watch.iterations == [4, 5, 6]
    assert left(parts) == left(whole)


def test_whatever_write_is_the_last_one(train, left, monkeypatch):
    """The disk is left as a kill before each of the writes would leave it."""
    whole, _ = train("whole", iterations=2)
    replace, last, done = os.replace, 0, False
    while not done:
        count, name = 0, f"run-{last}"

        def dying(*paths, last=last):
            nonlocal count
            count += 1
            if count > last:
                raise Killed
            replace(*paths)

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", dying)
            try:
                train(name, iterations=2)
                done = True
            except Killed:
                pass
        out, _ = train(name, iterations=2)
        assert left(out) == left(whole), f"killed before write {last + 1}"
        last += 1
    assert last > 8


def test_a_killed_process_leaves_a_run_that_goes_on(train, left, tmp_path):
    code = (
        "import importlib.util, sys; from pathlib import Path; from dreamrl import runs; "
        "from dreamrl.agents import registry; from dreamrl.agents.method import Method; "
        f"spec = importlib.util.spec_from_file_location('fakes', {str(CONFTEST)!r}); "
        "fakes = importlib.util.module_from_spec(spec); sys.modules['fakes'] = fakes; "
        "spec.loader.exec_module(fakes); "
        "settings = fakes.FakeSettings(fakes.Budget(iterations=500, trials=4)); "
        "method = Method(fakes.FakeSettings, fakes.FakeAlgorithm, {}); "
        "registry.METHODS['fake'] = method; "
        "terms = runs.Terms(chunk=1, evaluation_trials=4, checkpoint_every=0.0); "
        "runs.ensure(Path('killed'), 'fake', 'bus', settings, (0,), terms)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    lines = tmp_path / "killed" / "metrics.jsonl"
    while process.poll() is None and not (lines.exists() and lines.stat().st_size > 2000):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    out, watch = train("killed", chunks=3, iterations=500)
    assert watch.iterations[0] > 1
    whole, _ = train("whole", chunks=watch.iterations[-1], iterations=500)
    assert left(out) == left(whole)


def test_extended_is_the_same_as_asked_for_at_once(train, left):
    whole, _ = train("whole", until=95)
    parts, _ = train("parts")
    assert Run(parts).manifest["steps"] == 60
    _, watch = train("parts", until=80)
    assert watch.iterations == [7, 8]
    _, watch = train("parts", until=95)
    assert watch.iterations == [9, 10]
    assert left(parts) == left(whole)
    with open_session(parts, 95) as session:
        assert session is None


def test_an_extended_run_that_is_stopped_goes_on_to_its_end(train, left):
    whole, _ = train("whole", until=90)
    parts, _ = train("parts", until=90, chunks=7)
    with open_session(parts) as session:
        session.run()
    assert left(parts) == left(whole)


def test_what_is_finished_is_left_alone(train):
    out, _ = train("run")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json*")}
    _, watch = train("run")
    assert watch.iterations == []
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*.json*")}


def test_a_directory_of_another_run_is_refused(train):
    train("run")
    with pytest.raises(UserError, match="holds a run of another settings"):
        train("run", iterations=7)


def test_only_so_many_checkpoints_are_kept(train):
    out, _ = train("run", keep=3)
    names = sorted(path.stem for path in (out / "checkpoints").glob("*.json"))
    assert names == ["00000004", "00000005", "00000006"]


def test_checkpoints_come_as_often_as_asked(train):
    out, _ = train("run", checkpoint_every=3600.0)
    assert [path.stem for path in (out / "checkpoints").glob("*.json")] == ["00000006"]


def test_two_processes_cannot_train_one_run(train):
    out, _ = train("run", chunks=2)
    with lock(out), pytest.raises(UserError, match="another process trains"), open_session(out):
        pass


def test_one_of_several_seeds_is_not_resumed_alone(train):
    out, _ = train("run", chunks=2, seeds=(0, 1))
    with (
        pytest.raises(UserError, match=r"beside other seeds: resume .*run$"),
        open_session(out / "seed-0"),
    ):
        pass


def test_a_run_that_diverged_says_so_again(fake, tmp_path):
    asked = (tmp_path / "run", "fake", "bus", fake(break_at=3), (0,), Terms(chunk=1, keep=1))
    for _ in range(2):
        with pytest.raises(TrainingDiverged, match="at iteration 3"):
            runs.ensure(*asked)
        manifest = Run(tmp_path / "run").manifest
        assert (manifest["status"], manifest["iteration"]) == ("failed", 2)


def test_a_run_without_its_checkpoints_is_not_begun_anew_behind_ones_back(train):
    out, _ = train("run", chunks=2)
    for path in (out / "checkpoints").iterdir():
        path.unlink()
    before = (out / "metrics.jsonl").read_bytes()
    with pytest.raises(UserError, match="has no checkpoint to go on from"), open_session(out):
        pass
    assert (out / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"until": 0}, "until must be at least 1"),
        ({"keep": 0}, "keep must be at least 1"),
        ({"checkpoint_every": -1.0}, "checkpoint_every must be 0 or more"),
        ({"sinks": ("nowhere",)}, "unknown sink 'nowhere'"),
    ],
)
def test_terms_of_no_use_are_refused_before_anything_is_written(train, tmp_path, terms, words):
    with pytest.raises(UserError, match=words):
        train("run", **terms)
    assert not (tmp_path / "run").exists()
