"""A list of runs tells of each what it is doing."""

from pathlib import Path

import pytest

from dreamrl.errors import UserError
from dreamrl.runs import Run
from dreamrl.runs.lock import lock
from dreamrl.runs.survey import survey


def test_a_list_of_runs(train, tmp_path):
    train("all/finished", seeds=(0, 1))
    train("all/deep/stopped", chunks=2)
    killed, _ = train("all/killed", chunks=3)
    Run(killed).update(status="running")
    (tmp_path / "all" / "damaged").mkdir()
    (tmp_path / "all" / "damaged" / "run.json").write_text("{")
    found = {Path(summary.run).name: summary for summary in survey(tmp_path / "all")}
    states = {name: summary.state for name, summary in found.items()}
    assert states == {
        "finished": "finished",
        "stopped": "interrupted",
        "killed": "interrupted",
        "damaged": "damaged",
    }
    assert found["finished"].seeds == (0, 1)
    assert found["finished"].return_unseen == pytest.approx(0.3)
    assert found["killed"][1:] == ("fake", "bus", (0,), "interrupted", 3, 6, 30, 0.3, None, ())
    assert "run.json is damaged" in found["damaged"].error
    with lock(killed):
        assert {s.state for s in survey(killed)} == {"running"}


def test_a_run_that_is_linked_is_listed_once(train, tmp_path):
    run, _ = train("elsewhere/run")
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "linked").symlink_to(run)
    (tmp_path / "all" / "back").symlink_to(tmp_path / "all")
    assert [Path(found.run).name for found in survey(tmp_path / "all")] == ["linked"]
    (tmp_path / "elsewhere" / "again").symlink_to(run)
    assert [Path(found.run).name for found in survey(tmp_path / "elsewhere")] == ["run"]


def test_what_is_no_directory_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a directory"):
        survey(tmp_path / "nowhere")
