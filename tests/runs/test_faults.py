"""What goes wrong with disks and files is told in a line, and costs nothing that was safe."""

import errno
import json
import os
import shutil

import jax
import pytest

from dreamrl import runs
from dreamrl.cli import main
from dreamrl.errors import UserError
from dreamrl.families.bus import Bus
from dreamrl.runs import Run, open_session
from dreamrl.runs.lock import LOCK
from dreamrl.runs.results import limits
from dreamrl.runs.store import read_json, write_json


def newest(out, suffix):
    return sorted((out / "checkpoints").glob(f"*.{suffix}"))[-1]


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-7])


def one_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def empty(path):
    path.write_bytes(b"")


def a_directory(path):
    path.unlink()
    path.mkdir()


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


DAMAGES = [cut_short, one_bit, empty, a_directory, a_pipe]


@pytest.fixture
def stopped(train):
    """A run with checkpoints at iterations 3 and 4, and what it should come to."""
    train("whole")
    return train("run", chunks=4)[0]


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_the_checkpoint_before_a_damaged_one_is_gone_on_from(
    train, left, stopped, tmp_path, suffix, damage
):
    damage(newest(stopped, suffix))
    _, watch = train("run")
    assert "00000004" in watch.warnings[0]
    assert watch.iterations == [4, 5, 6]
    assert left(stopped) == left(tmp_path / "whole")


def test_a_checkpoint_of_another_run_is_passed_over(train, left, stopped, tmp_path):
    other, _ = train("other", chunks=4, seeds=(9,))
    for suffix in ("json", "safetensors"):
        shutil.copy(newest(other, suffix), newest(stopped, suffix))
    _, watch = train("run")
    assert "is of another run" in watch.warnings[0]
    assert left(stopped) == left(tmp_path / "whole")


def test_damaged_checkpoints_never_crowd_out_the_good_one(train, stopped):
    one_bit(newest(stopped, "safetensors"))
    train("run", chunks=1, checkpoint_every=3600.0)
    names = {path.stem for path in (stopped / "checkpoints").glob("*.json")}
    assert {"00000003", "00000004"} <= names


def test_where_no_checkpoint_is_whole_none_is_lost(stopped):
    for path in (stopped / "checkpoints").glob("*.safetensors"):
        one_bit(path)
    before = sorted(path.read_bytes() for path in stopped.rglob("*.*"))
    with (
        pytest.raises(UserError, match="none of the 2 checkpoints can be used; restore one"),
        open_session(stopped),
    ):
        pass
    assert sorted(path.read_bytes() for path in stopped.rglob("*.*")) == before


def test_what_a_later_version_wrote_is_refused_and_kept(stopped):
    path = newest(stopped, "json")
    write_json(path, {**read_json(path), "format": 2})
    with pytest.raises(UserError, match=r"has format 2.*install a newer"), open_session(stopped):
        pass
    assert json.loads(path.read_text())["format"] == 2


def test_a_line_cut_short_is_passed_over_and_made_whole(train, left, stopped, tmp_path):
    path = stopped / "metrics.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:50])
    assert [r["iteration"] for r in Run(stopped).records] == [1, 2, 3, 4]
    train("run")
    assert left(stopped) == left(tmp_path / "whole")


def test_metrics_that_lost_lines_are_measured_again_from_an_older_checkpoint(
    train, left, stopped, tmp_path
):
    path = stopped / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    _, watch = train("run")
    assert "metrics are not those of" in watch.warnings[0]
    assert watch.iterations == [4, 5, 6]
    assert left(stopped) == left(tmp_path / "whole")


def test_metrics_that_fit_no_checkpoint_cost_their_lines_alone(train, left, stopped, tmp_path):
    path = stopped / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"nonsense\n" + b"".join(lines[2:]))
    with pytest.raises(UserError, match="damaged in line 2"):
        _ = Run(stopped).records
    _, watch = train("run")
    assert "lines of the metrics up to iteration 4 are lost" in watch.warnings[-1]
    assert [r["iteration"] for r in Run(stopped).records] == [1, 5, 6]
    assert left(stopped)[:3] == left(tmp_path / "whole")[:3]


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_too_full_for_a_checkpoint_is_a_warning(train, left, monkeypatch):
    whole, _ = train("whole")
    with monkeypatch.context() as patch:
        patch.setattr("dreamrl.runs.checkpoint.save_tree", lambda *a, **b: full())
        out, watch = train("run", chunks=3)
    assert len(watch.warnings) == 4
    assert "no checkpoint at iteration 3" in watch.warnings[-1]
    assert "No space left on device" in watch.warnings[-1]
    assert Run(out).manifest["status"] == "interrupted"
    assert list((out / "checkpoints").iterdir()) == []
    assert left(whole)


def test_a_disk_too_full_for_metrics_stops_with_what_is_safe(train, left, monkeypatch):
    whole, _ = train("whole")
    out, _ = train("run", chunks=2)
    opened = open
    with monkeypatch.context() as patch:
        patch.setattr(
            "builtins.open",
            lambda p, mode="r", **k: full() if mode == "a" else opened(p, mode, **k),
        )
        with pytest.raises(UserError, match=r"No space left.*dreamrl resume .*run goes on"):
            train("run")
    assert Run(out).manifest["status"] == "failed"
    train("run")
    assert left(out) == left(whole)


def test_a_place_that_cannot_be_written_is_refused(train, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=r"file/run cannot be written: Not a directory"):
        train("file/run")
    opened = os.open

    def forbidden(path, *rest):
        if str(path).endswith(LOCK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *rest)

    monkeypatch.setattr("os.open", forbidden)
    with pytest.raises(UserError, match=r"run cannot be written: Permission denied"):
        train("run")
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["run.json", "agent.json", "agent.safetensors"])
def test_damage_to_what_a_run_is_read_by_is_told(train, name, damage):
    out, _ = train("run", chunks=2)
    damage(out / name)
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        runs.find(out)[0].load()


def broken_references(*_):
    raise TypeError("references of this family are broken")


def test_what_is_only_evaluated_after_training_fails_no_run(train, monkeypatch, capsys):
    """The agent is there, and one line says what is to be done."""
    calls = []

    def second_fails(run, trials):
        calls.append(run)
        if len(calls) == 2:
            raise jax.errors.JaxRuntimeError("INTERNAL: something within the compiler")
        return {"return_mean": 0.3, "return_ci95": None, "seed": run.manifest["seed"]}

    monkeypatch.setattr("dreamrl.runs.results.evaluate_run", second_fails)
    out, watch = train("run", seeds=(0, 1, 2))
    [line] = watch.warnings
    assert "could not be evaluated: JaxRuntimeError: INTERNAL: something" in line
    assert f"dreamrl evaluate {out}/seed-1" in line
    made = runs.find(out)
    assert [run.manifest["status"] for run in [Run(out), *made]] == ["finished"] * 4
    assert ["result" in run.manifest for run in [Run(out), *made]] == [False, True, False, True]
    assert all((run.path / "agent.safetensors").exists() for run in made)
    assert train("run", seeds=(0, 1, 2))[1].iterations == []
    capsys.readouterr()
    assert main(["resume", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "finished"
    assert main(["runs", str(out)]) == 0
    assert "finished" in capsys.readouterr().out


def test_references_that_fail_are_left_out(monkeypatch):
    monkeypatch.setattr("dreamrl.references.optimum", broken_references)
    assert limits(Bus("another")) == {"optimal": None, "no_exploration": None}
