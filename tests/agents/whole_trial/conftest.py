"""Methods with one policy for the whole trial, before their first update."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest

from dreamrl.agents import registry
from dreamrl.agents.algorithm import Snapshot
from dreamrl.configuration import changed
from dreamrl.types import ProblemID

COUNT = 12


class Untrained(NamedTuple):
    trainer: Any
    state: Any
    experience: Any
    batch: Any
    """What the algorithm prepares of the experience."""

    @property
    def algorithm(self):
        return self.trainer.algorithm


@pytest.fixture(scope="package", params=["rl2", "e-rl2", "varibad", "import"])
def untrained(request, relevant_fact):
    """A trainer and a state with every parameter stirred, and its first trials of two episodes."""
    small = {"trials": COUNT, "minibatches": 1, "episodes": 2, "hidden": 8}
    settings = changed(registry.settings_for(request.param), small)
    trainer = registry.make_trainer(request.param, relevant_fact, settings)
    algorithm, state = trainer.algorithm, jax.jit(trainer.init)(jax.random.key(0))
    leaves, structure = jax.tree.flatten(state.params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    stirred = [x + 0.3 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    state = state._replace(params=jax.tree.unflatten(structure, stirred))

    @jax.jit
    def prepared(params, key):
        now = Snapshot(params, jnp.array(0.0))
        new = trainer.play(now, jnp.array(0), key)
        return new, algorithm.prepare(now, new)[0]

    return Untrained(trainer, state, *prepared(state.params, jax.random.key(2)))


@pytest.fixture
def problem_ids(relevant_fact):
    return ProblemID(jnp.array(relevant_fact.train_ids))
