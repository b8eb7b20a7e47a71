"""Methods with one policy for the whole trial, before their first update."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest

from dreamrl.agents import registry
from dreamrl.types import ProblemID

COUNT = 12


class Untrained(NamedTuple):
    algorithm: Any
    state: Any
    trials: Any


@pytest.fixture(scope="package", params=["rl2", "e-rl2", "varibad", "import"])
def untrained(request, relevant_fact):
    """(algorithm, state) with every parameter stirred, and its first trials of two episodes."""
    settings = registry.settings_for(request.param, "")
    settings = dataclasses.replace(settings, trials=COUNT, minibatches=1, episodes=2, hidden=8)
    algorithm = registry.make_trainer(request.param, relevant_fact, settings)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    leaves, structure = jax.tree.flatten(state.params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    stirred = [x + 0.3 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    state = state._replace(params=jax.tree.unflatten(structure, stirred))
    trials = jax.jit(algorithm._play)(state.params, jax.random.key(2))
    return Untrained(algorithm, state, trials)


@pytest.fixture
def problem_ids(relevant_fact):
    return ProblemID(jnp.array(relevant_fact.train_ids))
