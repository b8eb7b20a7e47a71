"""Plans of the fake agent."""

import pytest

from dreamrl.comparison.spec import cells
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps.plan import Plan
from tests.comparison.test_fill import View

BY = {"by": "train"}


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Thompson sampling takes seconds to work out."""
    monkeypatch.setattr("dreamrl.references.posterior_sampling", lambda family: -0.6)


@pytest.fixture
def plan(fake, tmp_path):
    """Puts a plan into a directory."""

    def plan(*names, directory=tmp_path / "out", kind="sweep", asked=BY, drawn=(), seeds=1):
        directory.mkdir(exist_ok=True)
        made = cells(names, ["bus"], seeds, trials=8) if names else ()
        plans.begin(Plan(directory, kind, dict(asked), "as typed", tuple(made), drawn))
        return plans.read(directory)

    return plan


@pytest.fixture
def view():
    return View
