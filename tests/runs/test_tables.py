"""A run keeps the tables that it was trained on."""

import shutil

import pytest

import dreamrl
from dreamrl import runs
from dreamrl.agents.registry import settings_for
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.families.diagnosis import PUMP, diagnosis
from dreamrl.report.collect import read
from dreamrl.runs.run import asked_for
from dreamrl.runs.session import prepare

FEW = {"iterations": 1, "trials": 4, "minibatches": 1, "hidden": 8}
SETTINGS = changed(settings_for("rl2"), FEW)


@pytest.fixture
def plant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(PUMP, tmp_path / "plant")


def table_of(run):
    return asked_for(run.manifest, run.path / "run.json")[0].table


def edit(plant):
    repairs = plant / "repairs.csv"
    repairs.write_text(repairs.read_text().replace(",1", ",2"))


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_what_becomes_of_the_folder_changes_nothing(plant, tmp_path, capsys, seeds):
    name, out = "diagnosis:path=plant,tests=4", tmp_path / "run"
    made = runs.create(out, "rl2", name, SETTINGS, seeds)
    before = diagnosis("plant", tests=4).table
    assert table_of(made[-1]) == before
    assert not capsys.readouterr().err
    edit(plant)
    assert diagnosis("plant").table != before
    assert table_of(made[-1]) == before
    [line] = capsys.readouterr().err.splitlines()
    assert "plant has changed since the training of" in line
    with pytest.raises(UserError, match=r"was trained on other tables than plant has: choose"):
        prepare(out, "rl2", name, SETTINGS, seeds)
    shutil.rmtree(plant)
    family = asked_for(made[-1].manifest, made[-1].path / "run.json")[0]
    assert (family.table, family.budget, family.name) == (before, 4, name)
    assert not capsys.readouterr().err


def test_what_goes_on_from_a_run_goes_on_with_its_tables(plant, tmp_path, capsys):
    name, out, on = "diagnosis:path=plant/", tmp_path / "run", tmp_path / "on"
    runs.ensure(out, "rl2", name, SETTINGS, (0,), runs.Terms(1, 1, 4))
    before, more = diagnosis("plant").table, changed(SETTINGS, {"iterations": 2})
    edit(plant)
    capsys.readouterr()
    runs.create_from(out, on, "rl2", "diagnosis:path=plant", more)
    assert table_of(runs.Run(on)) == before
    [line] = capsys.readouterr().err.splitlines()
    assert "plant has changed since the training of" in line
    # Who names another folder means it.
    shutil.copytree(plant, tmp_path / "other")
    runs.create_from(out, tmp_path / "else", "rl2", "diagnosis:path=other", more)
    assert table_of(runs.Run(tmp_path / "else")) == diagnosis("plant").table
    shutil.rmtree(plant)
    runs.create_from(out, tmp_path / "again", "rl2", name, more)
    assert table_of(runs.Run(tmp_path / "again")) == before


def test_a_setting_that_is_written_later_is_a_change_too(plant, tmp_path, capsys):
    (plant / "settings.json").unlink(missing_ok=True)
    [run] = runs.create(tmp_path / "run", "rl2", "diagnosis:path=plant", SETTINGS, (0,))
    (plant / "settings.json").write_text('{"tests": 1}')
    assert asked_for(run.manifest, run.path / "run.json")[0].budget > 1
    assert "has changed" in capsys.readouterr().err


def test_built_in_tables_and_other_families_are_not_copied(tmp_path):
    for place, name in enumerate(("diagnosis", "diagnosis:table=asia", "bandit")):
        runs.create(tmp_path / str(place), "rl2", name, SETTINGS, (0,))
        assert not (tmp_path / str(place) / "tables").exists()
    assert dreamrl.make("diagnosis").name == "diagnosis"


def test_a_report_goes_by_the_tables_of_the_training(plant, tmp_path):
    [run] = runs.create(tmp_path / "run", "rl2", "diagnosis:path=plant", SETTINGS, (0,))
    shutil.rmtree(plant)
    lines = {line["label"]: line["value"] for line in read(run.path)["limits"]}
    assert lines["problem known"] == pytest.approx(1.0)
