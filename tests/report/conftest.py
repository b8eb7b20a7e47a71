"""Runs of the fake algorithm with all that a report reads."""

import shutil

import pytest

from dreamrl.cli import main
from tests.browser import browser  # noqa: F401

NAME = "</script><img src=x onerror=alert(1)>\u2028&amp;"
"""A directory within a directory, and what would be an element if it were read as HTML."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DREAMRL_CACHE", str(tmp_path / ".cache"))
    # The tests' own cache stays the one in use.
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)


KEPT = {}
"""Directories of runs by how they were trained: each is trained once, and copied."""


@pytest.fixture
def trained(fake, tmp_path, tmp_path_factory, capsys):
    """Gives a run of so many seeds in a directory of that name."""

    def trained(name, seeds=1, *more):
        if (seeds, more) not in KEPT:
            KEPT[seeds, more] = tmp_path_factory.mktemp("trained") / "run"
            few = ["--chunk", "2", "--evaluation-trials", "8", "--out", str(KEPT[seeds, more])]
            assert main(["train", "fake", "bus", "--seeds", str(seeds), *few, *more]) == 0
            capsys.readouterr()
        return shutil.copytree(KEPT[seeds, more], tmp_path / name)

    return trained
