"""Families under names of one's own: they are imported when a user asks, and only then."""

import dataclasses

import pytest

import dreamrl
from dreamrl import families
from dreamrl.errors import FamilyError, UserError
from dreamrl.families import user_families as own
from dreamrl.families.bandit import Bandit

CODE = """\
import dataclasses
from dreamrl.families.bandit import Bandit

with open("imported", "a") as file:
    file.write(".")

@dataclasses.dataclass(frozen=True)
class Mine(Bandit):
    arms: int = 3

FAMILY = Mine(arms=4)

def make(arms=7):
    return Mine(arms)

def broken():
    return 1 / 0

class Empty:
    name = "empty"

NUMBER = 3
"""


@pytest.fixture(autouse=True)
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own, "_BROUGHT", {})
    monkeypatch.setattr("sys.path", [*own.sys.path])
    (tmp_path / "mine_here.py").write_text(CODE)
    return tmp_path


@pytest.mark.parametrize("where", ["mine_here", "mine_here.py", "../{folder}/mine_here.py"])
@pytest.mark.parametrize(("attribute", "arms"), [("Mine", 3), ("FAMILY", 4), ("make", 7)])
def test_families_classes_and_functions(written, where, attribute, arms):
    family = dreamrl.make(f"{where.format(folder=written.name)}:{attribute}")
    assert isinstance(family, Bandit)
    assert family.arms == arms


def test_it_is_made_once_and_with_fields_anew():
    name = "mine_here.py:Mine"
    assert dreamrl.make(name) is dreamrl.make(name)
    assert dreamrl.make(name, arms=9).arms == 9
    assert dreamrl.make(name).arms == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.py:Mine", "^absent.py is not a file$"),
        ("absent_here:Mine", "ModuleNotFoundError: No module named 'absent_here'"),
        ("mine_here.py:Other", "mine_here.py has no 'Other'"),
        ("mine_here.py:broken", r"ZeroDivisionError: .* \(.*mine_here.py, line 17\)"),
        ("mine_here.py:NUMBER", "has 12 fault"),
        ("wrong.py:Mine", "wrong.py: SyntaxError|SyntaxError"),
        (":Mine", "family :Mine: ValueError"),
    ],
)
def test_what_cannot_be_brought(written, name, words):
    (written / "wrong.py").write_text("class Mine(:\n")
    with pytest.raises(UserError, match=words):
        dreamrl.make(name)


def test_what_is_no_family_is_told_its_faults():
    with pytest.raises(FamilyError, match=r"mine_here.py:Empty' has 11 fault[^$]*reset is missing"):
        dreamrl.make("mine_here.py:Empty")


def test_fields_that_there_are_not():
    with pytest.raises(UserError, match=r"TypeError: .* unexpected keyword argument 'legs'"):
        dreamrl.make("mine_here.py:Mine", legs=2)


def test_what_a_run_names_is_not_imported(written):
    name = "mine_here.py:Mine"
    with pytest.raises(UserError, match=rf"only if you say so: --family {name}, or dreamrl.load"):
        families.of_run(name)
    assert not (written / "imported").exists()
    made = dreamrl.make(name)
    assert families.of_run(name) is made
    assert (written / "imported").read_text() == "."
    assert families.of_run("bandit") == Bandit()


def test_a_family_made_by_hand_may_have_a_name():
    family = dataclasses.replace(Bandit(), arms=12)
    families.register_user_family("by:hand", family)
    assert dreamrl.make("by:hand") is families.of_run("by:hand") is family
