"""benchmarks.paper.search: the same number of trials for every agent, and what came of them."""

import json

import pytest

from benchmarks.paper import search


def test_every_agent_gets_as_many_trials_and_steps():
    asked = search.asked_for(list(search.SPACE))
    assert len({cell.name for cell in asked}) == search.TRIALS * len(search.SPACE)
    assert {cell.seeds for cell in asked} == {(0,)}
    most, least = (choose(cell.budget for cell in asked) for choose in (max, min))
    assert least > 0.99 * most
    agents = [cell.agent for cell in asked]
    assert {agents.count(agent) for agent in search.SPACE} == {search.TRIALS}
    # The preset is the first.
    assert {cell.name for cell in asked if ":" not in cell.name} == set(search.SPACE)


def test_more_trials_keep_those_that_were(monkeypatch):
    few = search.tried("import")
    monkeypatch.setattr(search, "TRIALS", 2 * search.TRIALS)
    assert search.tried("import")[: len(few)] == few


def test_the_table_is_ordered_by_the_return_in_training(monkeypatch, tmp_path):
    names = ["rl2", "rl2:discount=1.0,entropy=0.1", "rl2:discount=0.95,entropy=0.3"]
    (tmp_path / "bus").mkdir()
    for name, trained in zip(names, (0.3, 0.5, 0.1), strict=True):
        seed = {"train": {"return": trained}, "unseen": {"return": 1 - trained}}
        result = {"format": 1, "agent": "rl2", "name": name, "seeds": [seed]}
        (tmp_path / "bus" / f"{len(name)}{trained}.json").write_text(json.dumps(result))
    monkeypatch.setattr(search, "RESULTS", tmp_path)
    row = search.table().splitlines()[-1]
    assert row == "| rl2 | 3 | 0.300 | 0.500, 0.300, 0.100 | discount=1.0, entropy=0.1 |"


def test_an_agent_without_a_space_is_named(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["search.py", "rl3"])
    with pytest.raises(SystemExit) as stopped:
        search.main()
    assert stopped.value.code == 2
    assert "nothing to search for rl3: choose from dream, rl2" in capsys.readouterr().err
