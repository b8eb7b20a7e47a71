"""The examples of families run, from top to bottom."""

import re
import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents import registry

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name):
    """What the example's `main` returns."""
    example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    return example["main"]()


def test_gym_cartpole():
    pytest.importorskip("gymnasium")
    speeds = run("gym_cartpole")
    gained = {i: after - before for i, (before, after) in speeds.items()}
    # Force 10, 12 and 14; then 10 with left for right.
    np.testing.assert_allclose(gained[4] / gained[0], 1.2, 0.01)
    np.testing.assert_allclose(gained[8] / gained[0], 1.4, 0.01)
    np.testing.assert_allclose(gained[12], -gained[0], rtol=0.05)


def test_gym_frozenlake():
    pytest.importorskip("gymnasium")
    there = run("gym_frozenlake")
    # One walk fits few maps.
    assert sum(there) < len(there)


def test_gymnax_cartpole():
    pytest.importorskip("gymnax")
    speeds = run("gymnax_cartpole")
    # Force -15, -5, 10 and 15, from about the same start.
    assert speeds[0] < speeds[8] < 0 < speeds[16] < speeds[20]


def test_xminigrid_objects():
    pytest.importorskip("xminigrid")
    found = run("xminigrid_objects").terminated.any(1)
    # Seldom enough that exploring has to be learned, often enough that it can be.
    assert 0.03 < found.mean() < 0.1


@pytest.mark.parametrize("package", ["gymnax", "xminigrid"])
def test_the_suites_of_the_page_on_families(package):
    pytest.importorskip(package)
    page = (EXAMPLES.parent / "docs" / "families.md").read_text()
    blocks = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    block = next(each for each in blocks if f"dreamrl.families.{package} import" in each)
    names: dict = {}
    exec(block, names)
    family = names["family"]
    problem = family.problem(jnp.array(family.test_ids[-1]))
    _, seen = jax.jit(family.reset)(jax.random.key(0), problem)
    assert family.observation_space.contains(np.asarray(seen))


def test_toy_method_learns_a_bandit_and_is_short(monkeypatch):
    # It is registered for as long as this test runs.
    monkeypatch.setattr(registry, "METHODS", dict(registry.METHODS))
    assert len((EXAMPLES / "toy_method.py").read_text().splitlines()) < 100
    # 4.84 is the best after random exploration; 3 without any.
    assert run("toy_method") > 3.6


TINY = {
    "iterations": 2,
    "trials": 8,
    "exploitation.hidden": 4,
    "exploration.hidden": 4,
    "decoder.replay": 16,
    "decoder.batch": 4,
}


@pytest.mark.parametrize("name", ["exploration_reward", "stop_rule", "scripted_explorer"])
def test_one_thing_of_dream_is_changed_from_outside(name):
    example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    training = example["main"](family="bandit", **TINY)
    assert all(np.isfinite(record["loss_exploration"]) for record in training.records)
    if name == "scripted_explorer":
        actions = training.agent.explore(3).trajectory.actions
        np.testing.assert_array_equal(actions, np.arange(len(actions)))
    if name == "stop_rule":
        assert training.agent.explore(3).steps == dreamrl.make("bandit").horizon


def test_a_transformer_in_place_of_the_gru():
    example = runpy.run_path(str(EXAMPLES / "transformer.py"))
    cell = example["Attention"](jax.random.key(0), 3, 4)
    inputs = jax.random.normal(jax.random.key(1), (5, 3))
    carry, outputs = cell.init_carry(), []
    for x in inputs:
        carry = cell.step(carry, x)
        outputs.append(cell.output(carry))
    unrolled = cell.output(cell.unroll(cell.init_carry(), inputs))
    np.testing.assert_allclose(unrolled, np.stack(outputs), rtol=1e-5)
    training = example["main"](family="tabular-didactic", **TINY)
    assert np.isfinite(training.records[-1]["loss_decoder"])
