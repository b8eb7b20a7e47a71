"""A family of one's own, from the template to a trained agent."""

import json
import runpy
import sys

import pytest

import dreamrl
from dreamrl.cli import main
from dreamrl.families import user_families as own

QUICK = ["--chunk", "4", "--evaluation-trials", "8"]
NAME = "lines.py:Mine"
RUN = "runs/fake-lines-Mine-s0"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.setattr(own, "_BROUGHT", {})


@pytest.fixture
def forget(monkeypatch):
    """As in a process that begins."""
    return lambda: monkeypatch.setattr(own, "_BROUGHT", {})


@pytest.fixture
def trained(fake, forget, tmp_path, capsys):
    """An agent on a family in a file, which notes each time that it is run."""
    code = (
        "from dreamrl.families.bus import Bus\n"
        "with open('imported', 'a') as file: file.write('.')\n"
        "class Mine(Bus):\n"
        "    def __init__(self): super().__init__('mine')\n"
    )
    (tmp_path / "lines.py").write_text(code)
    assert main(["train", "fake", NAME, *QUICK]) == 0
    assert f"dreamrl trial {RUN} --family {NAME}\n" in capsys.readouterr().out
    assert (tmp_path / "imported").read_text() == "."
    forget()
    return tmp_path


def test_its_code_is_run_only_if_the_user_says_so(trained, forget, capsys):
    commands = ["evaluate", RUN, "--trials", "8"], ["trial", RUN], ["resume", RUN, "--until", "90"]
    for command in commands:
        assert main(command) == 2
        said = capsys.readouterr().err
        assert "whose code is run only if you say so: --family lines.py:Mine" in said
    assert (trained / "imported").read_text() == "."
    (trained / "lines.py").rename(trained / "moved.py")
    for number, command in enumerate(commands):
        assert main([*command, "--family", "moved.py:Mine"]) == 0
        assert (trained / "imported").read_text() == "." * (2 + number)
        forget()


def test_it_is_loaded_with_the_family_given(trained):
    with pytest.raises(dreamrl.errors.UserError, match="only if you say so"):
        dreamrl.load(RUN)
    family = dreamrl.make(NAME)
    assert dreamrl.load(RUN, family).family is family
    assert dreamrl.load(RUN, NAME).family is family
    assert json.loads((trained / RUN / "run.json").read_text())["family"] == NAME


def test_a_run_on_a_built_in_family_needs_no_other(fake, trained, capsys):
    assert main(["train", "fake", "bus", *QUICK]) == 0
    assert main(["evaluate", "runs/fake-bus-s0", "--family", NAME]) == 2
    assert "is of the built-in family 'bus': leave out" in capsys.readouterr().err


def test_a_family_with_faults_is_not_trained_on(fake, tmp_path, capsys):
    code = (
        "from dreamrl.families.bandit import Bandit\n"
        "class Mine(Bandit):\n"
        "    def step(self, *inputs):\n"
        "        state, step = super().step(*inputs)\n"
        "        return state, step._replace(reward=step.reward / 0)\n"
    )
    (tmp_path / "lines.py").write_text(code)
    assert main(["train", "fake", NAME, *QUICK]) == 2
    assert "step 1: reward is inf" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_the_template_works_as_it_is(tmp_path, capsys, monkeypatch):
    assert main(["new-family", "two_rooms", "--out", "problems"]) == 0
    said = capsys.readouterr().out
    assert "pytest problems/test_two_rooms.py" in said
    family = dreamrl.make("problems/two_rooms.py:TwoRooms")
    assert family.name == "two-rooms"
    monkeypatch.setattr("sys.path", [str(tmp_path / "problems"), *sys.path])
    tests = runpy.run_path("problems/test_two_rooms.py")
    names = [name for name in tests if name.startswith("test_")]
    assert len(names) == 3
    for name in names:
        tests[name]()
    assert "{" not in (tmp_path / "problems" / "test_two_rooms.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("new-family", "NAME missing: dreamrl new-family NAME"),
        ("new-family two-rooms", "NAME must be a Python name, as my_family, is 'two-rooms'"),
        ("new-family class", "NAME must be a Python name"),
        ("new-family random", "random is a module of Python's own"),
        ("new-family there", "test_there.py exists, and is left as it is"),
    ],
)
def test_names_that_cannot_be(tmp_path, capsys, arguments, words):
    (tmp_path / "test_there.py").write_text("mine")
    assert main(arguments.split()) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_there.py"]
    assert (tmp_path / "test_there.py").read_text() == "mine"
