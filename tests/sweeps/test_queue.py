"""Cells are taken by one worker each, and none is lost."""

import contextlib
import json

import pytest

from dreamrl.comparison.spec import cells
from dreamrl.errors import UserError
from dreamrl.runs import lock as locks
from dreamrl.runs.lock import check_locks, claim
from dreamrl.runs.store import write_json
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps import queue
from dreamrl.sweeps.queue import holder, work


def test_a_plan_comes_back_as_it_was_written(plan, fake):
    made = plan("fake:rate=0.25", "fake", seeds=2)
    assert made.cells == tuple(cells(["fake:rate=0.25", "fake"], ["bus"], 2, trials=8))
    assert (made.kind, made.command, made.asked) == ("sweep", "as typed", {"by": "train"})


def test_one_worker_does_all_and_the_next_finds_them_done(plan, view):
    made = plan("fake", "fake:rate=0.1")
    first, second = view(), view()
    assert work(made.directory, first) == (2, 0, 0, False)
    assert first.finished == ["fake", "fake:rate=0.1"]
    assert work(made.directory, second) == (0, 0, 0, False)
    assert (second.begun, second.finished) == ([], ["fake", "fake:rate=0.1"])
    assert [result["name"] for result in plans.look(made).results] == first.finished


def test_cells_of_others_are_skipped_and_taken_over_when_they_are_free(plan, view):
    made = plan("fake", "fake:rate=0.1")
    file = made.claim(made.cells[0])
    file.parent.mkdir(parents=True)
    with claim(file, note="pid 1 on elsewhere"):
        assert holder(made, made.cells[0]) == "pid 1 on elsewhere"
        seen = view()
        assert work(made.directory, seen) == (1, 0, 1, False)
        assert seen.begun == [("fake:rate=0.1", (0,))]
    assert holder(made, made.cells[0]) == ""
    assert work(made.directory, view()) == (1, 0, 0, False)


def test_who_waits_takes_the_cell_of_a_worker_that_has_died(plan, view, monkeypatch):
    made = plan("fake")
    file = made.claim(made.cells[0])
    file.parent.mkdir(parents=True)
    with contextlib.ExitStack() as other:
        other.enter_context(claim(file))
        slept = []

        def sleep(seconds):
            slept.append(seconds)
            other.close()

        monkeypatch.setattr(queue.time, "sleep", sleep)
        assert work(made.directory, view(), wait=True) == (1, 0, 0, False)
    assert slept == [queue.PAUSE]


def test_a_cell_that_another_finished_meanwhile_is_not_trained_again(plan, view):
    made = plan("fake", "fake:rate=0.1")

    class Slow(view):
        def done(self, cell, result):
            super().done(cell, result)
            if cell.name == "fake" and self.begun == [("fake", (0,))]:
                assert work(made.directory, view()).done == 1

    seen = Slow()
    assert work(made.directory, seen) == (1, 0, 0, False)
    assert seen.begun == [("fake", (0,))]
    assert seen.finished == ["fake", "fake:rate=0.1"]


def test_at_most_so_many_cells_are_taken(plan, view):
    made = plan("fake", "fake:rate=0.1", "fake:rate=0.2")
    assert work(made.directory, view(), most=1) == (1, 0, 0, False)
    assert work(made.directory, view(), most=1) == (1, 0, 0, False)
    assert len(plans.look(made).open) == 1


def test_a_failed_cell_is_left_alone_until_the_sweep_begins_again(plan, view):
    names = ("fake:break_at=2", "fake")
    made = plan(*names)
    assert work(made.directory, view()) == (1, 1, 0, False)
    seen = view()
    assert work(made.directory, seen) == (0, 0, 0, False)
    assert (seen.begun, len(seen.failures)) == ([], 1)
    ((cell, why),) = plans.look(made).failures
    assert (cell.name, "not finite at iteration 2" in why) == ("fake:break_at=2", True)
    assert len(plans.look(plan(*names)).open) == 1


def test_what_a_stopped_worker_has_trained_is_gone_on_with(plan, view, tmp_path):
    whole = plan("fake", directory=tmp_path / "whole")
    work(whole.directory, view())
    made = plan("fake")
    assert work(made.directory, view(chunks=2)) == (0, 0, 0, True)
    seen = view()
    assert work(made.directory, seen) == (1, 0, 0, False)
    assert seen.chunks == 10**9 - 4
    seeds = [plans.look(each).results[0]["seeds"] for each in (whole, made)]
    assert seeds[0] == seeds[1]


def test_long_names_are_files_of_their_own(plan, view):
    made = plan(*(f"fake:mode=slow,rate=0.{'1' * 300}{i}" for i in range(2)))
    assert work(made.directory, view()).done == 2
    assert len(list((made.directory / "cells" / "bus").iterdir())) == 2


def test_directories_without_a_plan_are_refused(tmp_path, view, plan):
    with pytest.raises(UserError, match="is no sweep: it has no plan"):
        work(tmp_path, view())
    made = plan("fake")
    with pytest.raises(UserError, match="holds no compare, but another"):
        plan("fake", kind="compare")
    file = made.directory / "plan.json"
    content = json.loads(file.read_text())
    file.write_text(file.read_text().replace("bus", "map"))
    with pytest.raises(UserError, match="is damaged"):
        work(made.directory, view())
    del content["cells"][0]["seeds"]
    write_json(file, content)
    with pytest.raises(UserError, match="of another version"):
        work(made.directory, view())


def test_locks_are_tried(tmp_path, monkeypatch):
    check_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []
    # As on a disk that takes every lock, or has none.
    monkeypatch.setattr(locks.fcntl, "flock", lambda handle, how: None)
    with pytest.raises(UserError, match="whose locks do not lock"):
        check_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_familys_code_is_run_only_for_who_asks_for_it(plan, view, fake):
    made = plan("fake")
    cell = made.cells[0]._replace(family="theirs.py:family")
    plans.begin(plans.Plan(made.directory, "sweep", {"by": "train"}, "", (cell,)))
    with pytest.raises(UserError, match="whose code is run only if you say so"):
        work(made.directory, view())
