"""Nothing kept is ever found again by anything that might come to something else."""

import dataclasses
import enum
import functools
import math
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl import families, host, kept
from dreamrl.agents import registry
from dreamrl.agents.dream.algorithm import Dream
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.families.repeated import Repeated
from dreamrl.kept import Shelf, fingerprint, remembered


def trainer(agent="dream", family="distracting-bus", **changes):
    return make_trainer(agent, families.make(family), changed(settings_for(agent), changes))


def another_reward(terms):
    return terms


@dataclasses.dataclass(frozen=True)
class Outsider:
    a: int = 1


class Colour(enum.Enum):
    RED = 1


VALUES = [
    trainer(),
    trainer("rl2"),
    trainer(family="bus"),
    trainer(family="diagnosis"),
    trainer(trials=64),
    trainer(**{"exploration.cost": 0.03}),
    trainer(learner="dqn"),
    (1, 2),
    [1, 2],
    ((1,), 2),
    (1, (2,)),
    (1.0, 2),
    (True, 2),
    "ab",
    ("a", "b"),
    b"ab",
    {"a": 1},
    {"a": 1.0},
    np.zeros(2),
    np.zeros((2, 1)),
    np.zeros(2, np.float32),
    np.zeros(2, np.int32),
    jnp.zeros(2),
    jnp.asarray(1.0),
    jnp.float32(1.0),
    math.nan,
    None,
    Shelf,
    fingerprint,
    functools.partial(fingerprint, 1),
    functools.partial(fingerprint, 2),
]


def test_what_differs_has_another_name_and_what_is_the_same_has_the_same():
    names = [fingerprint(value) for value in VALUES]
    assert None not in names
    assert len(set(names)) == len(VALUES)
    assert fingerprint(trainer()) == names[0]


@pytest.mark.parametrize("field", ["prior", "likelihoods", "costs", "payoffs"])
def test_tables_count_to_the_last_number(field):
    plant = families.make("diagnosis")
    numbers = getattr(plant.table, field).copy()
    numbers.flat[-1] += 1e-6
    table = dataclasses.replace(plant.table, **{field: numbers})
    assert fingerprint(dataclasses.replace(plant, table=table)) != fingerprint(plant)


@pytest.mark.parametrize(
    "value",
    [
        Outsider(),
        Outsider,
        another_reward,
        lambda: 0,
        math.sin,
        object(),
        Colour.RED,
        {1, "a"},
        jax.random.key(0),
        np.array([object()]),
        np.ma.masked_array([1.0], [True]),
        functools.partial(another_reward, 1),
        (1, {"a": [Outsider()]}),
        Repeated(families.make("bandit"), 2).step,
        Dream(families.make("bandit"), settings_for("dream"), reward=another_reward),
    ],
)
def test_what_is_made_elsewhere_has_no_name(value):
    assert fingerprint(value) is None


def test_what_has_been_put_in_the_place_of_something_has_no_name(monkeypatch):
    before = Shelf
    monkeypatch.setattr(kept, "Shelf", object)
    assert fingerprint(before) is None


def test_a_setting_of_jaxs_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "kept_results", lambda: tmp_path)
    Shelf("a").write("x", b"1")
    assert Shelf("a").read("x") == b"1"
    precision = jax.config.jax_default_matmul_precision
    jax.config.update("jax_default_matmul_precision", "bfloat16")
    try:
        assert Shelf("a").read("x") is None
    finally:
        jax.config.update("jax_default_matmul_precision", precision)


def test_only_what_is_whole_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "kept_results", lambda: tmp_path / "new")
    shelf = Shelf("a")
    assert shelf.read("x") is None
    shelf.write("x", b"content")
    assert Shelf("a").read("x") == b"content"
    (file,) = (tmp_path / "new").iterdir()
    for content in (file.read_bytes()[:-1], b"", file.read_bytes() + b"!"):
        file.write_bytes(content)
        assert shelf.read("x") is None


def test_where_nothing_can_be_written_nothing_is_kept(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(host, "kept_results", lambda: tmp_path / "file")
    Shelf("a").write("x", b"content")
    assert Shelf("a").read("x") is None
    monkeypatch.setattr(host, "kept_results", lambda: None)
    assert not Shelf("a").usable


def test_results_are_worked_out_once(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "kept_results", lambda: tmp_path)
    monkeypatch.setattr(kept, "OWN_PACKAGE", __name__.partition(".")[0])
    calls.clear()
    assert [remembered(_third, 1.0), remembered(_third, 1.0), remembered(_third, 2.0)] == [
        {"third": 1 / 3},
        {"third": 1 / 3},
        {"third": 2 / 3},
    ]
    assert calls == [1.0, 2.0]


calls = []


def _third(number):
    calls.append(number)
    return {"third": number / 3}


@pytest.fixture
def command(monkeypatch, tmp_path):
    """A process that is the command, and has run nobody's code but ours."""
    monkeypatch.setenv("DREAMRL_CACHE", str(tmp_path))
    monkeypatch.setattr(host, "_COMMAND", threading.Event())
    monkeypatch.setattr(host, "_FOREIGN", threading.Event())
    monkeypatch.setattr(jax.config, "update", lambda name, value: None)
    return tmp_path


def test_the_command_alone_keeps_results(command):
    assert host.kept_results() is None
    host.keep_compiled_programs()
    assert host.kept_results() == command / "kept"


@pytest.mark.parametrize("way", ["file", "family", "method"])
def test_nothing_is_kept_where_a_users_code_has_run(command, monkeypatch, way):
    host.keep_compiled_programs()
    monkeypatch.setattr(families, "_FAMILIES", {})
    monkeypatch.setattr(registry, "METHODS", dict(registry.METHODS))
    if way == "family":
        families.register_family("mine", families.Bandit())
    elif way == "method":
        registry.register_method("mine", registry.METHODS["rl2"])
    else:
        (command / "mine.py").write_text("from dreamrl.families.bandit import Bandit as family")
        families.make(f"{command / 'mine.py'}:family")
    assert host.kept_results() is None


def test_code_that_is_not_what_runs_keeps_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "__file__", str(tmp_path / "archive.zip" / "kept.py"))
    assert fingerprint(1) is None
    (tmp_path / "archive.zip").mkdir()
    (tmp_path / "archive.zip" / "new.py").touch()
    assert fingerprint(1) is None
    monkeypatch.setattr(host, "LOADED", time.time() + 60)
    assert fingerprint(1) is not None
    (tmp_path / "archive.zip" / ".#new.py").symlink_to(tmp_path / "nowhere")
    assert fingerprint(1) is None


def test_packages_without_versions_keep_nothing(monkeypatch):
    monkeypatch.setattr(kept, "MADE_WITH", ("no-such-package",))
    assert fingerprint(1) is None
