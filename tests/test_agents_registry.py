"""A folder a method: the same files in each, and the paper that it is from."""

import re
import sys
from pathlib import Path

import jax
import pytest

from dreamrl.agents import registry
from dreamrl.agents.algorithm import Algorithm
from dreamrl.agents.loop import Trainable, Trainer
from dreamrl.agents.method import Method
from dreamrl.errors import UserError
from dreamrl.families import make

AGENTS = Path(registry.__file__).parent
SHARED = {"whole_trial"}
"""What several methods are made of, and none itself."""
FOLDERS = sorted(path.parent.name for path in AGENTS.glob("*/__init__.py"))
METHOD_FOLDERS = [name for name in FOLDERS if name not in SHARED]


def package(folder):
    return sys.modules[f"dreamrl.agents.{folder}"]


def algorithm_of(name):
    method = registry.METHODS[name]
    return method.algorithm(make("bandit"), method.presets["default"])


def folder_of(name):
    return type(algorithm_of(name)).__module__.split(".")[2]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_holds_settings_networks_and_an_algorithm(folder):
    for file in ("settings", "networks", "algorithm"):
        assert (AGENTS / folder / f"{file}.py").is_file(), file


@pytest.mark.parametrize("name", registry.METHODS)
def test_a_method_with_losses_of_its_own_has_them_in_a_file(name):
    own = {"losses", "auxiliary_loss"} & vars(type(algorithm_of(name))).keys()
    assert bool(own) == (AGENTS / folder_of(name) / "losses.py").is_file()


@pytest.mark.parametrize("folder", METHOD_FOLDERS)
def test_a_method_names_its_paper(folder):
    said = package(folder).__doc__
    assert re.search(r"\([A-Z]\w+[^()]*\b(?:19|20)\d\d\b[^()]*\)", said), "authors and a year"


@pytest.mark.parametrize("folder", METHOD_FOLDERS)
def test_what_a_folder_exports_is_registered(folder):
    methods = [x for x in vars(package(folder)).values() if isinstance(x, Method)]
    assert methods
    assert all(any(x is known for known in registry.METHODS.values()) for x in methods)


@pytest.mark.parametrize("name", registry.METHODS)
def test_every_method_makes_an_algorithm_that_the_one_loop_trains(name):
    algorithm = algorithm_of(name)
    assert isinstance(algorithm, Algorithm)
    assert folder_of(name) in METHOD_FOLDERS
    trainer = registry.make_trainer(name, make("bandit"), registry.settings_for(name))
    assert isinstance(trainer, Trainer)
    assert isinstance(trainer, Trainable)
    assert not hasattr(algorithm, "iterate"), "there is one loop, and it is the trainer's"
    assert set(algorithm.starts()) == set(algorithm.group_names)
    assert set(algorithm.optimisers()) == set(algorithm.group_names)


@pytest.mark.parametrize("name", registry.METHODS)
def test_no_parameter_is_in_two_groups(name):
    algorithm = algorithm_of(name)
    params = jax.eval_shape(lambda: algorithm.init(jax.random.key(0))[0])
    groups = algorithm.groups(params)
    assert tuple(groups) == algorithm.group_names
    trained = [id(x) for x in jax.tree.leaves(groups)]
    assert len(set(trained)) == len(trained)
    assert set(trained) <= {id(x) for x in jax.tree.leaves(params)}
    assert algorithm.merge(params, groups) == params


@pytest.mark.parametrize(
    ("name", "preset", "episodes"),
    [
        ("rl2", "default", 0),
        ("rl2", "paper", 16384 * 2),
        ("pearl", "default", 32768 * 2),
        ("dream", "default", 32768),
        ("dream", "paper", 16384 * 2 + 16384),
    ],
)
def test_how_many_episodes_replay_keeps(name, preset, episodes):
    """Those of the learner's trials, and DREAM's explorations for its decoder."""
    settings = registry.settings_for(name, preset=preset)
    trainer = registry.make_trainer(name, make("bandit"), settings)
    assert trainer.algorithm.replayed_episodes == episodes


@pytest.mark.parametrize("name", registry.METHODS)
def test_every_preset_is_of_the_methods_own_settings(name):
    method = registry.METHODS[name]
    assert "default" in method.presets
    assert all(type(preset) is method.settings for preset in method.presets.values())
    assert method.settings() == method.presets["default"] or name == "random-exploration"


def test_a_preset_is_that_of_the_family_or_the_default():
    presets = registry.METHODS["dream"].presets
    assert registry.settings_for("dream", "bus") is presets["bus"]
    assert registry.settings_for("dream", "bus:size=5") is presets["bus"]
    assert registry.settings_for("dream", "memory") is presets["default"]
    assert registry.settings_for("dream", "bus", "paper") is presets["paper"]
    with pytest.raises(UserError, match="preset"):
        registry.settings_for("dream", "bus", "papers")
    with pytest.raises(UserError, match=r"agent.*dream"):
        registry.settings_for("dreams")


def test_a_method_is_registered_once(monkeypatch):
    monkeypatch.setattr(registry, "METHODS", dict(registry.METHODS))
    mine = Method(*registry.METHODS["rl2"])
    registry.register_method("mine", mine)
    registry.register_method("mine", mine)
    assert registry.method_of("mine") is mine
    with pytest.raises(UserError, match="'mine' is there already"):
        registry.register_method("mine", mine._replace(presets={}))
