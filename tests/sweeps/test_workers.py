"""Several processes on one plan, some of which are killed; and the tasks of a cluster."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from dreamrl.errors import UserError
from dreamrl.sweeps import cluster
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps.cluster import Ray
from dreamrl.sweeps.queue import holder, work
from dreamrl.sweeps.workers import Here, Processes, Workers, WorkersLost, shares
from tests.conftest import CACHE
from tests.sweeps.command import main

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def one_cache(monkeypatch):
    monkeypatch.setenv("DREAMRL_CACHE", str(CACHE))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))


def seeds(plan):
    return {result["name"]: result["seeds"] for result in plans.look(plan).results}


def wait_for(condition):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_killed_workers_lose_nothing(plan, view, tmp_path):
    """One of two is killed within a cell; the other one takes that over."""
    names = ("fake:mode=slow", "fake:mode=slow,rate=0.1", "fake:mode=slow,rate=0.2")
    whole = plan(*names, directory=tmp_path / "whole")
    work(whole.directory, view())
    made = plan(*names)
    first = made.cells[0]
    killed = []

    def kill():
        wait_for(lambda: list(made.directory.rglob("metrics.jsonl")) and holder(made, first))
        killed.append(int(holder(made, first).split()[1]))
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    seen = watching(view)
    Processes(2, main).run(made.directory, seen)
    thread.join()
    assert killed
    assert "was ended by SIGKILL" in " ".join(seen.warnings)
    assert sorted(seen.finished) == sorted(names)
    assert seeds(made) == seeds(whole)
    # Every iteration of every cell is there once.
    for lines in made.directory.rglob("metrics.jsonl"):
        records = [json.loads(line) for line in lines.read_text().splitlines()]
        assert [record["iteration"] for record in records] == [1, 2, 3, 4, 5, 6]


def watching(view):
    seen = view()
    seen.warnings = []
    seen.warn = seen.warnings.append
    return seen


def test_workers_that_cannot_work_are_told_of(plan, view, fake):
    made = plan("fake")
    seen = watching(view)
    with pytest.raises(WorkersLost, match="no worker is left"):
        Processes(1, refuse).run(made.directory, seen)
    assert seen.warnings == [
        f"worker 0 ended with exit code 2; the last line of {made.directory}/workers/0.log: no"
    ]


def refuse(arguments):
    print("no", flush=True)
    return 2


@pytest.mark.parametrize("said", [{}, {"XLA_CLIENT_MEM_FRACTION": ".2"}])
def test_workers_share_a_gpus_memory_as_nobody_says_otherwise(plan, view, monkeypatch, said):
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    made = plan("fake")
    with pytest.raises(WorkersLost):
        Processes(2, tell_share).run(made.directory, watching(view))
    told = {(made.directory / "workers" / f"{i}.log").read_text() for i in range(2)}
    assert told == {f"{said or {'XLA_PYTHON_CLIENT_MEM_FRACTION': '0.450'}}\n"}


def tell_share(arguments):
    held = {name: value for name, value in os.environ.items() if name.endswith("MEM_FRACTION")}
    print(held, flush=True)
    return 2


def test_workers_end_with_the_process_that_started_them(tmp_path, plan):
    made = plan("fake:mode=slow", "fake:mode=slow,rate=0.1", directory=tmp_path / "out")
    words = ["sweep", "fake:mode=slow", "--family", "bus", "--over", "rate=0.1,0.2,0.3,0.4"]
    words += ["--workers", "2", "--seeds", "1", "--trials", "8", "--out", str(made.directory)]
    above = subprocess.Popen(
        [sys.executable, "-m", "tests.sweeps.command", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def at_work():
        notes = [path.read_text() for path in (made.directory / "claims").rglob("*.lock")]
        return [int(note.split()[1]) for note in notes if note]

    wait_for(at_work)
    workers = at_work()
    above.kill()
    above.wait()
    # A note may stay, as of a worker that was killed; the processes do not.
    for worker in workers:
        wait_for(lambda worker=worker: not running(worker))
    assert plans.look(plans.read(made.directory)).open


def test_a_comparison_by_two_workers(tmp_path):
    words = ["compare", "fake", "fake:rate=0.1", "--family", "bus", "--seeds", "2"]
    words += ["--trials", "8", "--workers", "2", "--out", str(tmp_path / "out")]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.sweeps.command", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    results = json.loads((tmp_path / "out" / "compare.json").read_text())["results"]
    assert sorted(result["name"] for result in results) == ["fake", "fake:rate=0.1"]
    # The fake walks straight to the goal.
    returns = [seed["unseen"]["return"] for result in results for seed in result["seeds"]]
    assert returns == pytest.approx([0.3] * 4, abs=1e-5)
    assert len(list((tmp_path / "out" / "workers").glob("*.log"))) == 2


def running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_cores_are_shared(monkeypatch):
    cores = set(range(10, 18))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: cores, raising=False)
    assert shares(3) == [[10, 11, 12], [13, 14], [15, 16, 17]]
    assert shares(1) == [sorted(cores)]
    assert shares(8) == [[core] for core in range(10, 18)]
    assert shares(10)[8:] == [[10], [11]]


def test_each_process_has_its_cores_and_memory_before_jax_starts(plan, view, monkeypatch):
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    made = plan("fake")
    before = os.sched_getaffinity(0)
    with pytest.raises(WorkersLost):
        Processes(2, tell).run(made.directory, view())
    told = [json.loads((made.directory / "workers" / f"{i}.log").read_text()) for i in range(2)]
    assert [each["cores"] for each in told] == shares(2)
    assert [each["memory"] for each in told] == ["0.450", "0.450"]
    assert os.sched_getaffinity(0) == before
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" not in os.environ


def tell(arguments):
    cores = sorted(os.sched_getaffinity(0))
    print(json.dumps({"cores": cores, "memory": os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"]}))
    return 0


def fake_ray(tasks, fails=0):
    """Ray as far as it is used: tasks run when they are waited for; the first ones fail."""
    ray = types.SimpleNamespace(options=[], cancelled=[], shutdown=lambda: None)

    def remote(**options):
        ray.options.append(options)
        return lambda main: types.SimpleNamespace(remote=lambda words: (main, words))

    def get(task):
        main, words = task
        tasks.append(words)
        if len(tasks) <= fails:
            raise RuntimeError("the node died")
        return main(words)

    ray.remote, ray.get, ray.cancel = remote, get, ray.cancelled.append
    ray.wait = lambda tasks, num_returns=1, timeout=None: (tasks[:1], tasks[1:])
    return ray


def test_a_cluster_gets_a_task_a_cell_and_those_that_fail_again(plan, view, monkeypatch):
    made = plan("fake", "fake:rate=0.1")
    tasks = []
    ray = fake_ray(tasks, fails=1)
    monkeypatch.setattr(cluster, "connected", lambda address: ray)

    def main(words):
        assert words == ["work", str(made.directory), "--most", "1"]
        return int(work(made.directory, view(), most=1).failed > 0)

    seen = watching(view)
    Ray("auto", main, cores=2, gpus=0.5).run(made.directory, seen)
    assert ray.options[0]["num_cpus"] == 2
    assert ray.options[0]["num_gpus"] == 0.5
    assert len(tasks) == 3
    (warning,) = seen.warnings
    assert "a task of Ray's failed: RuntimeError: the node died" in warning
    assert len(seeds(made)) == 2
    assert seen.finished == ["fake", "fake:rate=0.1"]


def test_a_node_that_cannot_work_and_tasks_that_do_nothing_are_told_of(plan, view, monkeypatch):
    made = plan("fake")
    monkeypatch.setattr(cluster, "connected", lambda address: fake_ray([]))
    with pytest.raises(UserError, match="the same directory"):
        Ray("auto", lambda words: 2).run(made.directory, view())
    with pytest.raises(WorkersLost, match="without a cell done"):
        Ray("auto", lambda words: 0).run(made.directory, view())


def test_all_workers_are_workers():
    for each in (Here(), Processes(2, main), Ray("auto", main)):
        assert isinstance(each, Workers)


def test_a_cluster_that_is_not_reachable_is_told_in_one_line(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match="no Ray cluster is to be reached at 'auto'"):
        cluster.connected("auto")
