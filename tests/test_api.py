"""What `import dreamrl` offers: one list, lazily imported, documented one to one."""

import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import dreamrl
from dreamrl import UserError
from dreamrl.agents.method import Method

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "api.md"
TINY = {"iterations": 2, "trials": 8, "hidden": 4}


def test_every_public_name_is_there_and_on_the_page():
    documented = set(re.findall(r"^### `(\w+)`", PAGE.read_text(), re.M))
    assert documented == set(dreamrl.__all__)
    for name in dreamrl.__all__:
        assert getattr(dreamrl, name) is not None
    assert dir(dreamrl) == sorted(dreamrl.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        dreamrl.nonsense  # noqa: B018


def test_no_public_function_shadows_its_module():
    for name in dreamrl.__all__:
        assert not (Path(dreamrl.__file__).parent / f"{name}.py").exists()
        assert not (Path(dreamrl.__file__).parent / name).exists()


def test_importing_it_imports_no_jax():
    code = "import sys, dreamrl; print('jax' in sys.modules or 'numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_training_by_name_and_by_method_is_the_same():
    named = dreamrl.train("rl2", "bandit", seeds=2, **TINY)
    method = dreamrl.agents.registry.method_of("rl2")
    made = dreamrl.train(method, dreamrl.make("bandit"), seeds=(0, 1), **TINY)
    assert [r["loss_policy"] for r in named.records] == [r["loss_policy"] for r in made.records]
    assert len(named.agents) == 2
    assert named.agent is named.agents[0]
    found = dreamrl.evaluate(named.agent, trials=10)
    assert found.trials == 10
    trial = dreamrl.play(named.agent.family, jnp.array(1), named.agent.agent, jax.random.key(0))
    assert trial.exploitation.rewards.shape == (1, 5)


def test_a_family_is_explored_as_often_as_in_training():
    trained = dreamrl.train("rl2", "bandit", explorations=3, **TINY).agent
    own = dreamrl.evaluate(trained, trials=16)
    assert own.exploration_length_mean == 3 * 5 + 2
    for family in ("bandit", dreamrl.make("bandit"), trained.family):
        found = dreamrl.evaluate(trained, family, trials=16)
        assert found.exploration_length_mean == own.exploration_length_mean
        assert found.return_mean == own.return_mean
    # Of an actor nothing is known but how it acts.
    assert dreamrl.evaluate(trained.agent, "bandit", trials=16).exploration_length_mean == 5


def test_a_run_is_left_and_gone_on_with(fake, tmp_path):
    first = dreamrl.train("fake", "bus", seeds=2, out=tmp_path / "run", rate=0.25)
    again = dreamrl.train("fake", "bus", seeds=2, out=str(tmp_path / "run"), rate=0.25)
    assert again.records == first.records
    assert dreamrl.load(tmp_path / "run" / "seed-1").fingerprint == first.agents[1].fingerprint
    assert dreamrl.evaluate(tmp_path / "run" / "seed-0", split="train", trials=4).trials == 4


@pytest.mark.parametrize("kept", [False, True])
def test_a_seed_that_fails_is_told(fake, tmp_path, kept):
    out = tmp_path / "run" if kept else None
    done = dreamrl.train("fake", "bus", seeds=(3, 4), out=out, break_at=2, break_seed=4)
    assert list(done.failures) == [4]
    assert "the loss of decoder was not finite at iteration 2 (seed 4)" in done.failures[4]
    assert len(done.agents) == 2


def test_a_run_is_never_of_another_family_of_that_name(fake, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(UserError, match=r"'bus' names another family.*bus:FIELD=VALUE"):
        dreamrl.train("fake", dreamrl.make("bus", exploration=12), out=out)
    assert not out.exists()
    with pytest.raises(UserError, match=r"'bus' names another family.*bus:FIELD=VALUE"):
        dreamrl.compare("fake", dreamrl.make("bus", exploration=12), out=out)
    assert not out.exists()
    assert dreamrl.train("fake", dreamrl.make("bus"), seeds=1, out=out).out == out


def test_registered_names_are_known(monkeypatch):
    monkeypatch.setattr(dreamrl.families, "_FAMILIES", dict(dreamrl.families._FAMILIES))
    monkeypatch.setattr(dreamrl.agents.registry, "METHODS", dict(dreamrl.agents.registry.METHODS))
    bandit = dreamrl.make("bandit", arms=3)
    dreamrl.register_family("three-arms", bandit)
    assert dreamrl.make("three-arms") == bandit
    with pytest.raises(UserError, match="built in"):
        dreamrl.register_family("bus", bandit)
    dreamrl.register_family("class-of-arms", type(bandit))
    assert dreamrl.make("class-of-arms:arms=3") == bandit
    method = Method(dict, dict, {})
    dreamrl.register_method("mine", method)
    with pytest.raises(UserError, match="there already"):
        dreamrl.register_method("rl2", method)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dreamrl.train("dream", "bus", nonsense=3), "unknown setting 'nonsense'"),
        (lambda: dreamrl.train("dream", "bus", hidden=3), "hidden is one of"),
        (lambda: dreamrl.train("drema", "bus"), "did you mean 'dream'"),
        (lambda: dreamrl.train("dream"), "family is missing"),
        (lambda: dreamrl.evaluate("nowhere"), "nowhere does not exist"),
        (lambda: dreamrl.compare([], "bus"), "nothing to compare"),
        (lambda: dreamrl.compare("rl", "bus"), "did you mean 'rl2'"),
        (lambda: dreamrl.replay(dreamrl.make("bus"), 0, None, ["up"]), "actions must be in"),
    ],
)
def test_mistakes_are_told_in_a_line(call, words):
    with pytest.raises(UserError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_comparison_is_a_table(fake, tmp_path):
    found = dreamrl.compare(["fake", "fake:rate=0.25"], ["bus"], seeds=2, trials=8, out=tmp_path)
    assert [row.agent for row in found.rows] == ["fake", "fake:rate=0.25"]
    assert "fake:rate=0.25" in str(found)
