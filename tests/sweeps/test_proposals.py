"""What Optuna is told, and what becomes of what it proposes."""

import math

import pytest

from dreamrl.errors import UserError
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps import proposals
from dreamrl.sweeps.queue import work

ASKED = {
    "agent": ["fake"],
    "family": ["bus"],
    "over": ["rate=0.01..1:log", "mode=fast,slow"],
    "seeds": 1,
    "budget": None,
    "trials": 8,
    "by": "train",
    "optuna": 3,
    "sampler": "tpe",
    "draw": 0,
}


def test_a_plan_without_optuna_never_grows(plan):
    made = plan("fake")
    assert proposals.left(made) == 0
    assert not proposals.propose(made.directory)


def test_so_many_are_proposed_whoever_asks(plan, view):
    pytest.importorskip("optuna")
    made = plan(asked=ASKED)
    assert proposals.left(made) == 3
    assert work(made.directory, view(), most=1).done == 1
    assert work(made.directory, view(), wait=True).done == 2
    made = plans.read(made.directory)
    assert (len(made.cells), len(made.drawn), proposals.left(made)) == (3, 3, 0)
    for cell, draw in zip(made.cells, made.drawn, strict=True):
        assert cell.settings.rate == float(draw["chosen"]["rate"])
        assert cell.settings.mode == draw["chosen"]["mode"]
        assert 0.01 <= cell.settings.rate <= 1
    assert work(made.directory, view()).done == 0


def test_a_cell_whose_worker_died_is_not_proposed_again(plan, view):
    pytest.importorskip("optuna")
    made = plan(asked=ASKED)
    # Whoever was killed had proposed a cell, and nothing more.
    assert proposals.propose(made.directory)
    first = plans.read(made.directory).cells[0]
    assert work(made.directory, view()).done == 3
    assert plans.read(made.directory).cells[0] == first


@pytest.mark.parametrize(("sampler", "package"), [("tpe", "optuna"), ("cmaes", "cmaes")])
def test_results_lead_to_better_proposals(plan, monkeypatch, sampler, package):
    """The best rate is 0.1; proposals crowd around it, one at a time and by nothing but results."""
    pytest.importorskip("optuna")
    pytest.importorskip(package)
    over = ["rate=1e-4..1:log", "break-at=5..500"]
    made = plan(asked={**ASKED, "over": over, "optuna": 40, "sampler": sampler})

    def value(plan, cell):
        return "COMPLETE", -((math.log10(cell.settings.rate) + 1) ** 2)

    monkeypatch.setattr(proposals, "_state", value)
    while proposals.propose(made.directory):
        pass
    rates = [cell.settings.rate for cell in plans.read(made.directory).cells]
    far = [abs(math.log10(rate) + 1) for rate in rates]
    assert sum(far[-15:]) < 0.6 * sum(far[:10]) / 10 * 15


def test_states_of_cells(plan, view):
    made = plan("fake", "fake:break_at=2", "fake:rate=0.1")
    work(made.directory, view(), most=2)
    states = [proposals._state(made, cell)[0] for cell in made.cells]
    assert states == ["COMPLETE", "FAIL", "RUNNING"]
    assert proposals._state(made, made.cells[0])[1] == pytest.approx(0.3)


def test_missing_packages_are_told(monkeypatch):
    monkeypatch.setitem(proposals.SAMPLERS, "tpe", ("TPESampler", "no_such_package"))
    with pytest.raises(UserError, match=r"pip install 'dreamrl\[optuna\]'"):
        proposals.check("tpe")
