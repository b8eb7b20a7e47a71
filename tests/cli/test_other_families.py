"""Commands on families whose observations and goals are no places on a grid, or but one number."""

import dataclasses
import json

import equinox as eqx
import jax.numpy as jnp
import pytest

from dreamrl.agents import registry
from dreamrl.agents.method import Method
from dreamrl.agents.settings import Budget
from dreamrl.cli import main
from dreamrl.families.family import Family
from dreamrl.trial import Choice
from dreamrl.types import Belief


class LastAction(eqx.Module):
    """Always does what has the highest number."""

    action: jnp.ndarray

    def init_exploration(self):
        return jnp.array(0)

    def explore(self, carry, percept, key):
        return carry, Choice(self.action)

    def beliefs(self, exploration):
        return Belief(jnp.zeros((len(exploration.observations), 2)))

    def init_exploitation(self, belief, episode, key):
        return belief.mean

    def exploit(self, carry, percept, goal, key):
        return carry, Choice(self.action)


@dataclasses.dataclass(frozen=True)
class Settings:
    """None but a budget."""

    budget: Budget = Budget(iterations=2, trials=4)


@dataclasses.dataclass(frozen=True)
class Stubborn:
    """Learns nothing."""

    family: Family
    settings: Settings

    def init(self, key):
        return {"action": jnp.array(self.family.action_space.n - 1), "iteration": jnp.array(0)}

    def iterate(self, state):
        state = {**state, "iteration": state["iteration"] + 1}
        return state, {"steps": jnp.array(4.0), "finite": jnp.array(1.0)}

    def agent(self, state):
        return LastAction(state["action"])

    def encode(self, state, problem_id):
        return None


@pytest.fixture
def stubborn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)
    # References of treasure take half a minute, and stand beside results that nobody reads here.
    nothing = {"optimal": None, "no_exploration": None}
    monkeypatch.setattr("dreamrl.runs.results.limits", lambda *_: nothing)
    monkeypatch.setattr("dreamrl.cli.training.limits", lambda *_: nothing)
    made = Method(Settings, Stubborn, {"default": Settings()})
    monkeypatch.setitem(registry.METHODS, "stubborn", made)
    return lambda family: main(
        ["train", "stubborn", family, "--out", "run", "--evaluation-trials", "8"]
    )


@pytest.mark.parametrize(("family", "value"), [("bandit", 5.0), ("tabular-didactic", 1.0)])
def test_a_trial_without_a_drawing_is_printed(stubborn, capsys, family, value):
    assert stubborn(family) == 0
    capsys.readouterr()
    problem = {"bandit": "4", "tabular-didactic": "7"}[family]
    assert main(["trial", "run", "--problem", problem]) == 0
    said = capsys.readouterr().out
    assert f"{family}, problem {problem}" in said
    assert f"return {value:.2f}" in said
    assert "figure" not in said
    assert main(["trial", "run", "--out", "trial.png"]) == 2
    assert f"family '{family}' offers no drawing" in capsys.readouterr().err


def test_a_trial_on_treasure_is_drawn(stubborn, tmp_path, capsys):
    assert stubborn("treasure") == 0
    assert main(["trial", "run", "--problem", "0"]) == 0
    said = capsys.readouterr().out
    assert "stay" in said
    assert "return -1.50" in said
    for name in ("trial.png", "trial.gif"):
        assert (tmp_path / "run" / "figures" / name).stat().st_size > 1000


def test_a_trial_of_pictures_is_drawn_and_their_pixels_are_not_printed(stubborn, tmp_path, capsys):
    code = "import dreamrl\n\nsmall = dreamrl.make('sign', height=12, width=16)\n"
    (tmp_path / "own.py").write_text(code)
    assert stubborn("own.py:small") == 0
    capsys.readouterr()
    trial = ["trial", "run", "--family", "own.py:small"]
    assert main(trial) == 0
    said = capsys.readouterr().out
    assert "end" in said
    assert "observation" not in said
    assert max(map(len, said.splitlines())) < 100
    for name in ("trial.png", "trial.gif"):
        assert (tmp_path / "run" / "figures" / name).stat().st_size > 1000
    assert main([*trial, "--out", "one.gif", "--json"]) == 0
    assert (tmp_path / "one.gif").stat().st_size > 1000
    told = json.loads(capsys.readouterr().out)
    assert told["exploration"][0].keys() == {"step", "action", "belief_moved"}


def test_references_of_a_bandit(capsys):
    assert main(["references", "bandit", "--number", "10"]) == 0
    said = capsys.readouterr().out
    assert "after the best exploration      5.0000" in said
    assert "by Thompson sampling            2.0000" in said
    assert main(["references", "bandit", "--number", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bayes_optimal"] == pytest.approx(5)
    assert found["thompson"] == pytest.approx(2)


def test_all_families_are_listed(capsys):
    assert main(["families"]) == 0
    said = capsys.readouterr().out
    assert "which cell of a 5×5 grid pays" in said
    assert main(["families", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bandit"]["actions"] == found["treasure"]["actions"] == 5
    assert found["tabular-didactic"]["horizon"] == 1
