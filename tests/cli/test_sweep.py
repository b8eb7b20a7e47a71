"""`dreamrl sweep` and `dreamrl work`: what they leave, what they refuse."""

import json

import pytest

from dreamrl.cli import main
from dreamrl.runs import lock as locks


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The tests' own cache stays the one in use.
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)
    # Takes seconds to work out.
    monkeypatch.setattr("dreamrl.references.posterior_sampling", lambda family: -0.6)


COMMON = "--family bus --seeds {} --trials 8 --out out"
SWEEP = f"sweep fake --over rate=0.1,0.2 {COMMON.format(2)}".split()
COMPARE = f"compare {COMMON.format(1)} fake"


def test_a_sweep_leaves_a_table_with_the_best_first(fake, tmp_path, capsys):
    command = [*SWEEP, "--over", "break_at=0,2"]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert "cell 1 of 4: fake:rate=0.1,break_at=0 on bus, seeds 0, 1; compiling" in said
    assert "fake:rate=0.1,break_at=2 on bus: the loss of decoder was not finite" in said
    assert "best by the return on all problems: fake:rate=0.1,break_at=0" in said
    table = (tmp_path / "out" / "table.md").read_text()
    assert table in said
    lines = [line for line in table.splitlines() if line.startswith("|")]
    cells = [[text.strip() for text in line.strip("|").split("|")] for line in lines]
    assert cells[0][:5] == ["", "agent", "rate", "break_at", "seeds"]
    assert [line[:5] for line in cells[2:]] == [
        ["1", "fake", "0.1", "0", "2"],
        ["2", "fake", "0.2", "0", "2"],
    ]
    told = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert told["best"] == {"bus": "fake:rate=0.1,break_at=0"}
    assert told["rows"][0]["changes"] == {"rate": "0.1", "break_at": "0"}
    assert told["results"][0]["settings"]["rate"] == 0.1
    assert [seed["seed"] for seed in told["results"][0]["seeds"]] == [0, 1]
    # Again: what is done is kept, and what has failed is tried once more.
    assert main([*command, "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["results"] == told["results"]
    assert "cell 1 of 4" not in said.err
    assert "fake:rate=0.1,break_at=2 on bus: the loss of decoder was not finite" in said.err


def test_a_plan_is_worked_on_by_others(fake, tmp_path, capsys):
    assert main([*SWEEP, "--workers", "0"]) == 0
    assert "dreamrl work out works on it" in capsys.readouterr().out
    assert main(["work", "out", "--most", "1"]) == 0
    assert "cells done here: 1, failed: 0" in capsys.readouterr().out
    assert main(["work", "out"]) == 0
    assert "cells done here: 1, failed: 0" in capsys.readouterr().out
    assert main(SWEEP) == 0
    said = capsys.readouterr().out
    assert "compiling" not in said
    assert "best by" in said


def test_a_comparison_is_worked_on_by_others(fake, tmp_path, capsys):
    command = f"{COMPARE} fake:rate=0.1".split()
    assert main([*command, "--workers", "0"]) == 0
    assert main(["work", "out"]) == 0
    capsys.readouterr()
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "; compiling" not in said
    assert "fake above by" in said


def test_random_draws_are_as_many(fake, tmp_path, capsys):
    command = "sweep fake fake:mode=slow --family bus --over rate=0.1..0.9 --random 3 --workers 0"
    assert main(command.split()) == 0
    plan = json.loads((tmp_path / "runs" / "sweep" / "plan.json").read_text())
    rates = [cell["settings"]["rate"] for cell in plan["cells"]]
    assert rates[:3] == rates[3:]
    assert len(set(rates)) == 3
    assert all(0.1 <= rate <= 0.9 for rate in rates)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("sweep", "AGENT missing"),
        ("sweep fake --over rate=1,2", "--family is missing"),
        ("sweep fake --family bus", "--over is missing"),
        ("sweep fake --family bus --over rate", "is not SETTING=VALUES"),
        ("sweep fake --family bus --over ratte=0,1", "unknown setting 'ratte'"),
        ("sweep fake --family bus --over rate=0,2", "rate must be from 0 to 1, is 2.0"),
        ("sweep fake --family bus --over rate=0..1", "of which there is no grid"),
        ("sweep fake --family bus --over rate=0..1 --random 0", "random must be at least 1"),
        ("sweep fake --family bus --over rate=0..1 --random 2 --optuna 2", "give one"),
        ("sweep fake --family bus --over rate=0,1 --workers -1", "workers must be at least 0"),
        ("sweep fake --family bus --over rate=0,1 --cores -1", "cores must be 0 or more"),
        ("sweep fake --family bus --over rate=0,1 --out file", "file is not a directory"),
        ("work file", "file is no sweep: it has no plan.json"),
        ("work nowhere", "nowhere is no sweep: it has no plan.json"),
        ("work", "DIRECTORY missing"),
        ("work file --most 0", "most must be at least 1"),
    ],
)
def test_mistakes_get_one_line_and_train_nothing(fake, tmp_path, capsys, arguments, words):
    (tmp_path / "file").touch()
    assert main(arguments.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert words in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_locks_that_do_not_lock_are_refused_for_several(fake, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(locks.fcntl, "flock", lambda handle, how: None)
    assert main([*SWEEP, "--workers", "2"]) == 2
    assert "whose locks do not lock" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
    # One alone needs none.
    assert main(SWEEP) == 0
    assert main(["work", "out"]) == 2


def test_a_directory_of_another_kind_is_refused(fake, tmp_path, capsys):
    assert main([*SWEEP, "--workers", "0"]) == 0
    before = (tmp_path / "out" / "plan.json").read_bytes()
    assert main(COMPARE.split()) == 2
    assert "holds no compare, but another" in capsys.readouterr().err
    assert (tmp_path / "out" / "plan.json").read_bytes() == before
