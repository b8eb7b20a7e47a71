"""Programs that were kept train as those do that are traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from dreamrl import families, host, programs
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.devices import Devices
from dreamrl.listener import Callbacks
from dreamrl.training import Plan, train

NAME = "no-exploration"
SMALL = {"trials": 8, "iterations": 3, "hidden": 8, "learner.minibatches": 1}


def assert_same(one, other):
    if jnp.issubdtype(jnp.result_type(one), jax.dtypes.prng_key):
        one, other = jax.random.key_data(one), jax.random.key_data(other)
    np.testing.assert_array_equal(one, other)


def test_it_trains_to_the_same_agents(monkeypatch, tmp_path):
    trainer = make_trainer(NAME, families.make("bandit"), changed(settings_for(NAME), SMALL))
    told = []

    def trained():
        listener = Callbacks(chunk=told.append, compiling=lambda: told.append("compiling"))
        training = train(trainer, (0, 1, 2), Plan(2, 1, 8), listener, devices=Devices(2))
        return training.state, [record["return_unseen"] for record in training.records]

    traced = trained()
    monkeypatch.setattr(host, "kept_results", lambda: tmp_path)
    first = trained()
    # From here on whatever has not been kept would show.
    monkeypatch.setattr(programs, "_exported", None)
    second = trained()
    for found in (first, second):
        jax.tree.map(assert_same, found, traced)
    assert told.count("compiling") == 3
    with pytest.raises(TypeError):
        train(trainer, (0, 1), Plan(2, 1, 8), devices=Devices(2))


def test_what_calls_python_is_traced_each_time(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "kept_results", lambda: tmp_path)
    shape = jax.ShapeDtypeStruct((2,), jnp.float32)
    program = jax.jit(lambda x: jax.pure_callback(np.negative, shape, x))
    for _ in range(2):
        traced = programs.Traced("negative")
        compiled = traced.lower("x", program, shape)(compiler_options={})
        assert compiled(jnp.ones(2)).tolist() == [-1, -1]
        assert not traced.found
    assert not list(tmp_path.iterdir())


def test_states_come_back_in_their_own_classes(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "kept_results", lambda: tmp_path)
    state = Devices(jnp.zeros(2), jnp.ones(()))
    program = jax.jit(lambda state, x: (state, {"sum": x + state.number.sum()}))
    for _ in range(2):
        compiled = programs.Traced("sum").lower("x", program, state, jnp.ones(()), state=state)()
        moved, sums = compiled(Devices(jnp.ones(2), jnp.ones(())), jnp.ones(()))
        assert type(moved) is Devices
        assert moved.number.tolist() == [1, 1]
        assert float(sums["sum"]) == 3


def test_what_cannot_be_used_here_is_traced_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "kept_results", lambda: tmp_path)
    program = jax.jit(lambda x: -x)
    elsewhere = export.export(program, platforms=["tpu"])(jnp.ones(2)).serialize()
    programs.Shelf("negative").write("x", bytes(elsewhere))
    traced = programs.Traced("negative")
    assert traced.lower("x", program, jnp.ones(2))()(jnp.ones(2)).tolist() == [-1, -1]
    assert not traced.found
