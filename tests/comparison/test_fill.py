"""Cells: what is asked for, what is used again, what is trained, and what comes of it."""

import jax
import pytest

from dreamrl import runs
from dreamrl.agents import registry
from dreamrl.comparison import fill as filling
from dreamrl.comparison import spec as cells
from dreamrl.comparison.fill import fill
from dreamrl.comparison.table import rows
from dreamrl.configuration import to_dict
from dreamrl.errors import UserError
from dreamrl.runs.session import ensure


class View:
    """Notes what it is told; stops after so many chunks."""

    def __init__(self, chunks=10**9):
        self.chunks, self.begun, self.finished, self.failures = chunks, [], [], []

    def begin(self, cell, seeds):
        self.begun.append((cell.name, tuple(seeds)))

    def done(self, cell, result):
        self.finished.append(cell.name)

    def failed(self, cell, error):
        self.failures.append(str(error))

    def compiling(self): ...

    def warn(self, line): ...

    def chunk(self, records):
        self.chunks -= 1

    def stop(self):
        return self.chunks <= 0


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Thompson sampling takes seconds to work out."""
    monkeypatch.setattr(filling.references, "thompson", lambda family: -0.6)


def asked(*names, seeds=2, family="bus", **more):
    return cells.cells(names, [family], seeds, trials=8, **more)


def test_a_result_holds_what_tables_and_figures_need(fake, tmp_path):
    view = View()
    (cell,) = asked("fake:rate=0.25", family="distracting-bus")
    (result,), failed, stopped = fill([cell], tmp_path / "cells", tmp_path, view, "as typed")
    assert (failed, stopped) == (0, False)
    assert view.begun == [("fake:rate=0.25", (0, 1))]
    assert result == cells.held(cell, tmp_path / "cells")
    assert cell.file(tmp_path / "cells").name == "fake-rate-0.25.json"
    assert result["settings"] == to_dict(fake(rate=0.25))
    assert result["command"] == "as typed"
    assert result["references"] == {"optimal": 0.8, "no_exploration": 0.3, "thompson": -0.6}
    (training,) = result["trainings"]
    assert training["seeds"] == [0, 1]
    assert training["versions"]["dreamrl"]
    assert training["wall_seconds"] >= training["compile_seconds"] > 0
    assert training["steps_per_second"] > 0
    for number, seed in enumerate(result["seeds"]):
        assert seed["seed"] == number
        assert seed["steps"] == 60
        assert seed["unseen"]["return"] == pytest.approx(0.3)
        assert {"exploration_length", "gray_line_ridden"} <= seed["unseen"].keys()
        assert seed["curve"]["steps"] == [10, 20, 30, 40, 50, 60]
        assert len(seed["curve"]["return_unseen"]) == 6


def test_what_is_there_is_not_trained_again(fake, tmp_path):
    first = fill(asked("fake"), tmp_path / "cells", tmp_path, View())
    view = View()
    again = fill(asked("fake"), tmp_path / "cells", tmp_path, view)
    assert again.results == first.results
    assert view.begun == []
    assert view.finished == ["fake"]
    # Without the result, the runs are measured again.
    cells.Cell.file(asked("fake")[0], tmp_path / "cells").unlink()
    again = fill(asked("fake"), tmp_path / "cells", tmp_path, view)
    assert again.results == first.results
    assert view.begun == []


def test_only_seeds_that_are_missing_are_trained(fake, tmp_path):
    first = fill(asked("fake"), tmp_path / "cells", tmp_path, View())
    view = View()
    (more,) = fill(asked("fake", seeds=4), tmp_path / "cells", tmp_path, view).results
    assert view.begun == [("fake", (2, 3))]
    assert more["seeds"][:2] == first.results[0]["seeds"]
    assert [training["seeds"] for training in more["trainings"]] == [[0, 1], [2, 3]]
    # Fewer seeds are a part of them, and the file keeps all.
    (fewer,) = fill(asked("fake", seeds=1), tmp_path / "cells", tmp_path, view).results
    assert [seed["seed"] for seed in fewer["seeds"]] == [0]
    assert len(cells.held(asked("fake")[0], tmp_path / "cells")["seeds"]) == 4


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_runs_of_other_commands_are_used_if_nothing_differs(fake, tmp_path, seeds):
    ensure(tmp_path / "by-hand", "fake", "bus", fake(), seeds)
    ensure(tmp_path / "other-rate", "fake", "bus", fake(rate=0.1), (0, 1))
    ensure(tmp_path / "longer", "fake", "bus", fake(), (0, 1), runs.Terms(until=100))
    view = View()
    (result,) = fill(asked("fake"), tmp_path / "cells", tmp_path, view).results
    assert view.begun == ([] if len(seeds) == 2 else [("fake", (1,))])
    assert [seed["steps"] for seed in result["seeds"]] == [60, 60]


def test_a_result_of_other_settings_is_replaced(fake, tmp_path):
    fill(asked("fake"), tmp_path / "cells", tmp_path, View())
    (longer,) = asked("fake", budget=4 * 40 * 8)
    assert longer.settings.budget.iterations == 8
    before = cells.held(longer, tmp_path / "cells")
    assert cells.difference(longer, before) == "budget.iterations is 6, not 8"
    view = View()
    (result,) = fill([longer], tmp_path / "cells", tmp_path, view).results
    assert view.begun == [("fake", (0, 1))]
    assert result["settings"]["budget"]["iterations"] == 8
    assert cells.difference(longer, result) == ""


def test_stopped_it_goes_on_where_it_was(fake, tmp_path):
    both = asked("fake", "fake:rate=0.1")
    whole = fill(both, tmp_path / "cells", tmp_path / "whole", View()).results
    view = View(chunks=8)
    results, _, stopped = fill(both, tmp_path / "c", tmp_path / "parts", view)
    assert stopped
    assert [result["name"] for result in results] == ["fake"]
    view = View()
    results, _, stopped = fill(both, tmp_path / "c", tmp_path / "parts", view)
    assert not stopped
    assert view.chunks == 10**9 - 4
    assert [result["seeds"] for result in results] == [result["seeds"] for result in whole]


def test_a_death_between_training_and_measuring_costs_no_training(fake, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(filling.cells, "measure", lambda *_: exit())
        with pytest.raises(SystemExit):
            fill(asked("fake"), tmp_path / "cells", tmp_path, View())
    view = View()
    assert len(fill(asked("fake"), tmp_path / "cells", tmp_path, view).results) == 1
    assert view.begun == []


def test_a_training_that_diverges_does_not_stop_the_others(fake, tmp_path):
    view = View()
    filled = fill(asked("fake:break_at=3", "fake"), tmp_path / "cells", tmp_path, view)
    assert [result["name"] for result in filled.results] == ["fake"]
    assert filled.failed == 1
    assert "not finite at iteration 3" in view.failures[0]


def test_a_cell_is_made_of_the_seeds_that_did_not_fail(fake, tmp_path):
    """They are told of, never trained again, and in no mean."""
    name, places = "fake:break_at=3,break_seed=1", (tmp_path / "cells", tmp_path)
    whole = fill(asked("fake", seeds=3), *places, View()).results[0]["seeds"]
    view = View()
    filled = fill(asked(name, "fake", seeds=3), *places, view, "as typed")
    assert (filled.failed, filled.stopped, view.failures) == (0, False, [])
    assert view.begun == [(name, (0, 1, 2))]
    result = filled.results[0]
    assert result["failed"] == [1]
    assert result["seeds"] == [whole[0], whole[2]]
    row, _ = rows(filled.results, "fake")
    assert (row.seeds, row.details["seeds failed"]) == (2, 1)
    assert row.behind is not None
    view = View()
    assert fill(asked(name, seeds=3), *places, view).results == [result]
    # More seeds are trained beside them, and fewer know nothing of it.
    more = fill(asked(name, seeds=4), *places, view).results[0]
    assert view.begun == [(name, (3,))]
    assert ([seed["seed"] for seed in more["seeds"]], more["failed"]) == ([0, 2, 3], [1])
    assert "failed" not in fill(asked(name, seeds=1), *places, view).results[0]


def test_a_cell_of_which_nothing_is_left_has_failed(fake, tmp_path):
    name, places = "fake:break_at=3,break_seed=0", (tmp_path / "cells", tmp_path)
    assert len(fill(asked(name), *places, View()).results[0]["seeds"]) == 1
    view = View()
    filled = fill(asked(name, "fake", seeds=1), *places, view)
    assert [result["name"] for result in filled.results] == ["fake"]
    assert (filled.failed, view.failures) == (1, ["all seeds have failed: 0"])


def test_a_cell_too_large_for_the_memory_does_not_stop_the_others(fake, tmp_path, monkeypatch):
    train = filling.ensure

    def ensure(out, *asked):
        if "rate" in str(out):
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")
        return train(out, *asked)

    monkeypatch.setattr(filling, "ensure", ensure)
    view = View()
    filled = fill(asked("fake:rate=0.1", "fake"), tmp_path / "cells", tmp_path, view)
    assert [result["name"] for result in filled.results] == ["fake"]
    assert "the memory does not suffice" in view.failures[0]


def test_the_budget_is_the_same_for_all(fake):
    for cell in asked("fake", "fake:trials=8,episodes=3", budget=10_000):
        steps = cell.settings.budget.trials * 20 * (1 + cell.settings.budget.episodes)
        assert cell.settings.budget.iterations == 10_000 // steps
        assert 10_000 - steps < cell.budget <= 10_000


def test_what_cannot_be_trained_is_told_first(fake, monkeypatch):
    def refuse(family, settings):
        raise UserError("needs continuous actions")

    method = registry.METHODS["fake"]._replace(algorithm=refuse)
    with pytest.raises(UserError, match="less than one iteration, which takes 160"):
        asked("fake", budget=159)
    with pytest.raises(UserError, match="agent fake is given twice"):
        asked("fake", "fake")
    with pytest.raises(UserError, match="unknown family 'buss'"):
        asked("fake", family="buss")
    monkeypatch.setitem(registry.METHODS, "picky", method)
    with pytest.raises(UserError, match="picky on bus: needs continuous actions"):
        asked("fake", "picky")


def test_all_get_the_budget_of_the_base_unless_they_say_otherwise(fake):
    """Two exploitations an iteration cost half more than one."""
    found = asked("fake:iterations=6", "fake:episodes=2", "fake:iterations=2", base="fake")
    preset = fake().budget.iterations
    assert [cell.settings.budget.iterations for cell in found] == [6, preset * 2 // 3, 2]
    found = asked("fake:iterations=6", "fake", budget=10 * 960, base="fake")
    assert len({cell.budget for cell in found}) == 1
