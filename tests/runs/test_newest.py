"""What has been trained is within reach, whether or not its training has ended."""

import re
import shutil

import jax
import numpy as np
import pytest

import dreamrl
import dreamrl.runs.session as sessions
from dreamrl.cli import main
from dreamrl.errors import UserError
from dreamrl.runs import Run, find, open_session
from dreamrl.runs.lock import lock
from dreamrl.runs.results import evaluate_run
from dreamrl.runs.store import write_json


@pytest.fixture
def unended(train):
    """As kill -9 leaves a run, or another process that trains it: checkpoints, and no agent."""

    def unended(seeds=(0,), chunks=4):
        out, _ = train("run", chunks=chunks, seeds=seeds)
        for run in find(out):
            (run.path / "agent.json").unlink()
            (run.path / "agent.safetensors").unlink()
        for path in {out, *(run.path for run in find(out))}:
            manifest = Run(path).manifest
            kept = {name: manifest[name] for name in manifest if name != "iteration"}
            write_json(path / "run.json", {**kept, "status": "running"})
        return out

    return unended


@pytest.mark.parametrize("seeds", [(0,), (3, 4)], ids=["one seed", "two seeds"])
def test_the_agent_is_that_of_the_newest_checkpoint_and_it_is_said(train, unended, seeds, capsys):
    whole, _ = train("whole", chunks=4, seeds=seeds)
    out = unended(seeds)
    capsys.readouterr()
    for run, other in zip(find(out), find(whole), strict=True):
        loaded, wanted = run.load(), other.load()
        jax.tree.map(np.testing.assert_array_equal, loaded.state.params, wanted.state.params)
        said = capsys.readouterr().err
        assert re.search(r"newest checkpoint, iteration 4 of 6\n$", said)
        assert said.count("\n") == 1


def test_while_it_is_trained_too(unended, capsys):
    out = unended()
    with lock(out):
        assert dreamrl.load(out).family.name == "bus"
    assert "iteration 4 of 6" in capsys.readouterr().err


def test_commands_read_it(unended, monkeypatch, capsys):
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)
    out = unended()
    # The real one: what the other tests are spared is what says it here.
    monkeypatch.setattr("dreamrl.runs.results.evaluate_run", evaluate_run)
    assert main(["trial", str(out), "--json"]) == 0
    assert "iteration 4 of 6" in capsys.readouterr().err
    assert main(["evaluate", str(out), "--trials", "4"]) == 0
    assert "iteration 4 of 6" in capsys.readouterr().err


def test_an_agent_from_before_the_run_was_resumed_is_not_the_newest(train, capsys):
    out, _ = train("run", chunks=2)
    kept = [(out / name).read_bytes() for name in ("agent.json", "agent.safetensors")]
    train("run", chunks=2)
    for name, content in zip(("agent.json", "agent.safetensors"), kept, strict=True):
        (out / name).write_bytes(content)
    assert "has not ended" not in capsys.readouterr().err
    with open_session(out):  # Marks it as running.
        Run(out).load()
    assert "iteration 4 of 6" in capsys.readouterr().err


def test_without_a_checkpoint_there_is_none(unended):
    out = unended()
    shutil.rmtree(out / "checkpoints")
    with pytest.raises(UserError, match=r"no agent yet.*or, if nobody trains it, dreamrl resume"):
        Run(out).load()


def test_a_checkpoint_that_is_damaged_is_passed_over(unended, capsys):
    out = unended()
    newest = sorted((out / "checkpoints").glob("*.safetensors"))[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    Run(out).load()
    assert "iteration 3 of 6" in capsys.readouterr().err


RETURNS = [0.1, 0.5, 0.4, 0.5, 0.2, 0.3]


@pytest.fixture
def rising_and_falling(monkeypatch):
    """The return on training problems, by iteration."""
    real = sessions.train

    def train(*inputs, keep, **more):
        def told(training):
            value = RETURNS[training.iteration - 1]
            records = [{**record, "return_train": value} for record in training.records]
            keep(training._replace(records=records))

        return real(*inputs, keep=told, **more)

    monkeypatch.setattr(sessions, "train", train)


def test_the_best_agent_is_kept_where_that_is_asked_for(train, rising_and_falling):
    second, _ = train("second", chunks=2)
    out, _ = train("run", keep_best=True)
    assert Run(out).best == {"iteration": 2, "return": 0.5}
    parameters = [(path / "agent.safetensors").read_bytes() for path in (out, second)]
    assert parameters[0] == parameters[1]
    assert train("last")[0].joinpath("agent.safetensors").read_bytes() != parameters[0]


def test_the_best_one_is_remembered_when_a_run_is_resumed(train, rising_and_falling, capsys):
    out, _ = train("run", chunks=3, keep_best=True)
    parameters = (out / "agent.safetensors").read_bytes()
    train("run", keep_best=True)
    assert Run(out).best == {"iteration": 2, "return": 0.5}
    assert (out / "agent.safetensors").read_bytes() == parameters
    Run(out).update(status="running")
    Run(out).load()
    assert capsys.readouterr().err == ""
