"""JAX's switches, set in Python; random numbers of another kind; systems without locks."""

import contextlib

import jax
import numpy as np
import pytest

import dreamrl
from dreamrl import host, runs
from dreamrl.agents import registry
from dreamrl.agents.settings import Budget
from dreamrl.errors import UserError
from dreamrl.evaluation import evaluate
from dreamrl.listener import Callbacks
from dreamrl.runs.session import open_session
from dreamrl.testing import replay
from dreamrl.training import Plan, train

TERMS = runs.Terms(chunk=1, evaluation_trials=4, checkpoint_every=0.0)


@contextlib.contextmanager
def switched(name, value):
    before = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        yield
    finally:
        jax.config.update(name, before)


def numbers(fake, out):
    """What Python users get to see."""
    family = dreamrl.make("bus")
    algorithm = registry.make_trainer("fake", family, fake(Budget(iterations=2, trials=4)))
    state = runs.of_seed(train(algorithm, (3,), Plan(evaluation_trials=4)).state, 0)
    measured = evaluate(family, algorithm.agent(state), family.test_ids, trials=8)
    runs.ensure(out, "fake", "bus", fake(Budget(iterations=2, trials=4)), (3,), TERMS)
    agent = dreamrl.load(out)
    belief = agent.explore(5)
    return [
        np.asarray(state.params.table),
        measured.returns,
        belief.trajectory.observations,
        belief.moved,
        np.array(agent.exploit(5, np.array([0, 0]), belief).episode_return),
        replay(family, 5, None, [1, 5]).observations,
    ]


@pytest.fixture(scope="module")
def plain():
    return {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jax_enable_x64", False),
        ("jax_enable_x64", True),
        ("jax_numpy_dtype_promotion", "strict"),
        ("jax_numpy_rank_promotion", "raise"),
        ("jax_debug_nans", True),
        ("jax_debug_infs", True),
    ],
)
def test_switches_of_python_users_change_no_number(fake, tmp_path, plain, name, value):
    with switched(name, value):
        found = numbers(fake, tmp_path / "run")
    wanted = plain.setdefault("numbers", found)
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_a_switch_that_is_set_after_loading_is_left_out_of_account(fake, tmp_path):
    runs.ensure(tmp_path / "run", "fake", "bus", fake(Budget(iterations=2, trials=4)), (0,), TERMS)
    agent = dreamrl.load(tmp_path / "run")
    with switched("jax_enable_x64", True):
        assert agent.explore(5).moved.dtype == np.float32
        assert jax.config.jax_enable_x64


@pytest.mark.parametrize("name", host.SAME)
def test_the_command_takes_back_each_switch(name):
    others = {
        bool: lambda value: not value,
        int: lambda value: value + 1,
        str: {
            "standard": "strict",
            "threefry2x32": "rbg",
            "allow": {"jax_numpy_rank_promotion": "raise", "jax_legacy_prng_key": "error"}.get(
                name, "log"
            ),
        }.get,
    }
    own = host.SAME[name]
    with switched(name, others[type(own)](own)):
        assert host.settle() == [name.upper()]
        assert getattr(jax.config, name) == own
    assert host.settle() == []


def test_a_run_goes_on_with_the_kind_of_random_numbers_that_it_began_with(fake, tmp_path, capsys):
    out, told = tmp_path / "run", []
    with switched("jax_default_prng_impl", "rbg"):
        runs.ensure(
            out, "fake", "bus", fake(), (0,), TERMS, Callbacks(told.append, stop=lambda: bool(told))
        )
    with pytest.raises(UserError) as caught, open_session(out):
        pass
    assert "JAX_DEFAULT_PRNG_IMPL=rbg" in str(caught.value)
    assert "anew" not in str(caught.value)
    from dreamrl.cli import main

    assert main(["resume", str(out)]) == 0
    assert runs.Run(out).manifest["status"] == "finished"
    assert jax.config.jax_default_prng_impl == "threefry2x32"


def test_a_run_needs_no_locks(fake, tmp_path, monkeypatch):
    monkeypatch.setattr("dreamrl.runs.lock.fcntl", None)
    runs.ensure(tmp_path / "run", "fake", "bus", fake(Budget(iterations=2, trials=4)), (0,), TERMS)
    assert runs.Run(tmp_path / "run").manifest["status"] == "finished"
