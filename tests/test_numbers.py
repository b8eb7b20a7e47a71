"""Numbers are numbers: NumPy's and JAX's too, rows of them, and text for paths."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl import references, runs
from dreamrl.agents.registry import make_trainer
from dreamrl.comparison.fill import fill
from dreamrl.comparison.spec import cells
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.evaluation import evaluate
from dreamrl.families.family import plain
from dreamrl.runs import Run, Terms
from dreamrl.runs.results import evaluate_run
from dreamrl.runs.session import ensure, open_session
from dreamrl.runs.survey import survey
from dreamrl.testing import check_family, replay
from dreamrl.training import Plan, train
from dreamrl.values import plain_value, seeds_from, whole
from tests.comparison.test_fill import View

QUICK = Terms(chunk=3, evaluation_trials=4)


class AsPath:
    """What `os.PathLike` asks for, and no more."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


@pytest.fixture
def quick(monkeypatch):
    """Spares the two thousand trials of a training's last evaluation."""
    short = lambda run, **few: evaluate_run(run, trials=4)  # noqa: E731
    monkeypatch.setattr("dreamrl.runs.results.evaluate_run", short)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array(3), 3),
        (jnp.array(3), 3),
        (np.arange(2), (0, 1)),
        ([np.int8(1), [jnp.array(2.0)]], (1, (2.0,))),
        (None, None),
        ("ab", "ab"),
    ],
)
def test_plain_values(given, wanted):
    found = plain_value(given)
    assert found == wanted
    assert type(found) is type(wanted)
    json.dumps(found)


@pytest.mark.parametrize(
    "seeds",
    [
        *((0, 1), [0, 1], range(2), np.arange(2), jnp.arange(2), [np.int64(0), jnp.array(1)]),
        *({0: "a", 1: "b"}.keys(), "a generator"),
    ],
)
def test_seeds_of_all_kinds(seeds):
    found = seeds_from((i for i in range(2)) if isinstance(seeds, str) else seeds)
    assert found == (0, 1)
    assert {type(seed) for seed in found} == {int}


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ((), "one or more numbers"),
        (np.array([]), "one or more numbers"),
        (3, "one or more numbers"),
        ("12", "one or more numbers"),
        (None, "one or more numbers"),
        ((0, 1.5), "whole number, is 1.5"),
        (np.array([0.5]), "whole number, is 0.5"),
        (np.zeros((2, 2), int), "whole number"),
        ((True,), "whole number, is True"),
        ((0, -1), "at least 0, is -1"),
        ((2**32,), "at most 2"),
        ((1, 0, np.int64(1)), "seed 1 is given twice"),
    ],
)
def test_refused_seeds_leave_nothing(fake, tmp_path, seeds, words):
    with pytest.raises(UserError, match=words):
        seeds_from(seeds)
    if not isinstance(seeds, tuple | np.ndarray) or float in map(type, seeds):
        return  # What types refuse already.
    for make in (runs.ensure, runs.create, runs.prepare):
        with pytest.raises(UserError, match=words) as told:
            make(tmp_path / "new" / "run", "fake", "bus", fake(), seeds)
        assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_whole_numbers():
    assert whole("trials", np.uint8(2), 2) == whole("trials", jnp.array(2), 2) == 2
    for value in (2.0, "2", None, True, np.array([2, 3]), float("nan")):
        with pytest.raises(UserError, match="trials must be a whole number, is"):
            whole("trials", value, 2)
    with pytest.raises(UserError, match="trials must be at least 2, is 1"):
        whole("trials", np.int64(1), 2)


CONSTRUCTED = """
import json
import jax.numpy as jnp
import numpy as np
from dreamrl.agents.dream import DreamSettings
from dreamrl.agents.settings import Budget
from dreamrl.configuration import changed, paths_of, to_dict
from dreamrl.errors import UserError
from dreamrl.runs import Terms

numpys = Budget(np.int64(6), np.array(4), jnp.array(1), np.float32(0.25), np.float64(0.5))
assert numpys == Budget(6, 4, 1, 0.25, 0.5)
given = {"iterations": np.int64(7), "rho": np.float32(0.25)}
given["exploration.policy"] = np.str_("random")
settings = changed(DreamSettings(), given)
assert json.loads(json.dumps(to_dict(settings))) == to_dict(settings)
assert {type(value) for value in paths_of(settings).values()} == {int, float, str, bool}
for value in (np.int64(0), np.float32(2.5), np.array([1, 2]), np.bool_(True), np.nan):
    try:
        changed(DreamSettings(), {"iterations": value})
    except UserError as error:
        assert "iterations is" in str(error)
    else:
        raise AssertionError(value)
terms = Terms(chunk=np.int64(25), until=np.int32(100), sinks=["wandb"])
terms.check()
assert terms == Terms(chunk=25, until=100, sinks=("wandb",))
assert type(terms.chunk) is type(terms.until) is int
try:
    Terms(chunk=np.int64(0)).check()
except UserError as error:
    assert "chunk must be at least 1, is 0" in str(error)
"""


def test_settings_and_terms_are_made_of_pythons_numbers():
    """In a process where their fields' types are not checked before they see them."""
    done = subprocess.run([sys.executable, "-c", CONSTRUCTED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_settings_that_json_cannot_hold_leave_nothing(fake, tmp_path, monkeypatch):
    monkeypatch.setattr("dreamrl.runs.run.to_dict", lambda settings: {"rate": object()})
    with pytest.raises(UserError, match=r"must fit into JSON: .*object"):
        runs.create(tmp_path / "run", "fake", "bus", fake(), (0,))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [str, AsPath, Path])
def test_a_run_by_any_path_and_with_any_numbers(fake, tmp_path, quick, path):
    settings = changed(fake(), {"iterations": 3})
    made = [path(tmp_path / "run"), "fake", "bus", settings, np.arange(2), QUICK]
    result = runs.ensure(*made)
    assert runs.ensure(*made) == result
    with open_session(path(tmp_path / "run")) as opened:
        assert opened is None
    found = runs.find(path(tmp_path / "run"))
    assert [run.manifest["seed"] for run in found] == [0, 1]
    one = tmp_path / "run" / "seed-1"
    assert runs.only(path(one)) == Run(path(one)) == found[1]
    assert Run(path(one)).records
    assert dreamrl.load(path(one)).explore(np.int64(3), seed=np.int64(2)).steps == 7
    assert [each.seeds for each in survey(path(tmp_path))] == [(0, 1)]
    assert len(list(os.walk(tmp_path / "run"))) == 4


def test_beliefs_are_saved_by_any_path(circling_at, tmp_path):
    belief = circling_at.explore(np.int64(3), np.uint8(1))
    belief.save(AsPath(tmp_path / "kitchen"))
    assert circling_at.load_belief(str(tmp_path / "kitchen")).steps == 7
    told = circling_at.exploit(np.int32(3), np.array([8, 8]), belief, np.int64(0))
    assert told.terminated[-1]


@pytest.mark.parametrize("seed", [-1, 2**32, np.array(1.5)])
def test_seeds_of_an_agent_that_are_none(circling_at, seed):
    with pytest.raises(UserError, match="a seed must be"):
        circling_at.explore(3, seed)
    with pytest.raises(UserError, match="a seed must be"):
        circling_at.exploit(3, (8, 8), circling_at.explore(3), seed)


@pytest.fixture
def circling_at(fake):
    return agent_on(fake, dreamrl.make("bus"))


def agent_on(fake, family):
    from dreamrl.deploy import prepare

    algorithm = make_trainer("fake", family, fake())
    return prepare(family, algorithm, algorithm.init(jax.random.key(0)))


@pytest.mark.parametrize("ids", [np.arange(5), list(range(5)), jnp.arange(5), range(5)])
def test_problems_to_evaluate_on(circling_at, ids):
    family, agent = circling_at.family, circling_at.agent
    numbers = np.int64(8), np.int64(3), np.int64(2)
    found = evaluate(family, agent, ids, *numbers)
    plain_numbers = evaluate(family, agent, tuple(range(5)), 8, 3, 2)
    np.testing.assert_array_equal(found.returns, plain_numbers.returns)
    assert type(found.trials) is type(found.episodes) is int
    for nothing in (np.array([], int), []):
        with pytest.raises(UserError, match="no problems"):
            evaluate(family, agent, nothing)
    for odd in (np.array([0.5]), np.array([[1]])):
        with pytest.raises(UserError, match="problem IDs must"):
            evaluate(family, agent, odd)


def test_fields_of_families_and_replay():
    family = dreamrl.make("bandit", arms=np.int64(7))
    assert family == dreamrl.make("bandit", arms=jnp.array(7)) == dreamrl.make("bandit", arms=7)
    assert repr(family) == repr(dreamrl.make("bandit", arms=7))
    with pytest.raises(UserError, match="arms must be a whole number, is 7"):
        dreamrl.make("bandit", arms=np.float32(7.5))
    actions = np.array([1, 2], np.int8)
    found = replay(family, np.int64(2), np.int64(0), actions).rewards
    np.testing.assert_array_equal(found, replay(family, 2, 0, [1, 2]).rewards)


def test_comparisons_of_any_names_and_numbers(fake, tmp_path, quick, monkeypatch):
    monkeypatch.setattr("dreamrl.comparison.fill._references", lambda name: {})
    numbers = np.int64(2), np.int64(4 * 40 * 3), np.int64(4)
    (cell,) = asked = cells(np.array(["fake"]), ["bus"], *numbers)
    assert asked == cells(("fake",), ("bus",), 2, 480, 4)
    assert cell.settings.budget.iterations == 3
    filled = fill(asked, str(tmp_path / "cells"), str(tmp_path), View())
    assert [seed["seed"] for seed in filled.results[0]["seeds"]] == [0, 1]
    with pytest.raises(UserError, match="seeds must be a whole number, is array"):
        cells(["fake"], ["bus"], np.array(1.5))


KINDS = {
    "numpy": np.array,
    "jax": jnp.array,
    "list": list,
    "tuple of NumPy's": lambda ids: tuple(map(np.int64, ids)),
    "tuple of JAX's": lambda ids: tuple(map(jnp.array, ids)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_families_with_ids_of_all_kinds(fake, tmp_path, quick, monkeypatch, kind):
    """Checked, trained, evaluated, compared, deployed: as if the IDs were a tuple of ints."""

    class Kept(type(dreamrl.make("bus"))):
        train_ids = KINDS[kind](range(20))
        test_ids = KINDS[kind](range(4, 24))
        horizon = np.int64(20)
        end_action = np.int32(dreamrl.make("bus").end_action)

    family, usual = Kept("bus"), dreamrl.make("bus")
    monkeypatch.setitem(dreamrl.families._FAMILIES, "kept", lambda: family)
    monkeypatch.setattr("dreamrl.comparison.fill._references", lambda name: {})
    check_family(family)
    algorithm = make_trainer("fake", family, changed(fake(), {"iterations": 3}))
    training = train(algorithm, np.arange(2), Plan(3, 1, 4))
    assert {"return_unseen", "return_train"} <= training.records[0].keys()
    agent = agent_on(fake, family)
    assert agent.known.ids == tuple(range(20))
    belief = agent.explore(np.int64(3))
    assert belief.errors is not None
    assert agent.explore(22).errors is None
    assert belief.confidence.shape == (8, 20)
    assert agent.exploit(3, (8, 8), belief).terminated[-1]
    with pytest.raises(UserError, match="no problem 24"):
        agent.explore(24)
    found = evaluate(family, agent.agent, family.test_ids, 8)
    same = evaluate(usual, agent.agent, range(4, 24), 8)
    np.testing.assert_array_equal(found.returns, same.returns)
    assert replay(family, 3, None, [1]).rewards == pytest.approx([-0.1])
    result = ensure(str(tmp_path / "run"), "fake", "kept", algorithm.settings, (0,), QUICK)
    assert result["trials"] == 4
    (cell,) = cells(["fake"], ["kept"], 1, trials=4)
    (compared,) = fill([cell], tmp_path / "cells", tmp_path, View()).results
    assert compared["seeds"][0].keys() >= {"unseen", "train"}
    optimum = references.optimum(usual, tuple(range(4, 24)))
    assert references.optimum(family, family.test_ids) == optimum


def test_a_family_is_made_plain_once():
    class Odd(type(dreamrl.make("bus"))):
        train_ids = test_ids = np.arange(20)
        horizon = np.int64(20)

    usual, odd = dreamrl.make("bus"), Odd("bus")
    assert plain(usual) is usual
    made = plain(odd)
    assert plain(made) is made
    assert made == plain(odd)
    assert hash(made) == hash(plain(odd))
    assert (made.train_ids, made.horizon) == (tuple(range(20)), 20)
    assert isinstance(made, Odd)
