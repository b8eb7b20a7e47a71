"""MAML before its first update, with every parameter stirred, and its first trials."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest

from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.loop import Trainer
from dreamrl.agents.maml.algorithm import Maml
from dreamrl.agents.maml.networks import InitialPolicy
from dreamrl.agents.maml.settings import MamlSettings
from dreamrl.configuration import changed

COUNT = 12
SMALL = {"trials": COUNT, "minibatches": 1, "episodes": 2, "hidden": 8, "inner.rate": 0.5}
SETTINGS = changed(MamlSettings(recurrent=True), SMALL)


class Untrained(NamedTuple):
    algorithm: Any
    params: Any
    batch: Any

    def under(self, **changes):
        """The same parameters under other settings."""
        settings = changed(self.params.settings, changes)
        other = InitialPolicy(jax.random.key(0), self.algorithm.family, settings)
        return jax.tree.unflatten(jax.tree.structure(other), jax.tree.leaves(self.params))


@pytest.fixture(scope="package")
def untrained(relevant_fact):
    algorithm = Maml(relevant_fact, SETTINGS)
    params = jax.jit(lambda key: algorithm.init(key)[0])(jax.random.key(0))
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    stirred = [x + 0.3 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    params = jax.tree.unflatten(structure, stirred)

    @jax.jit
    def prepared(params, key):
        now = Snapshot(params, jnp.array(0.0))
        return algorithm.prepare(now, Trainer(algorithm).play(now, jnp.array(0), key))[0]

    batch = prepared(params, jax.random.key(2))
    return Untrained(algorithm, params, batch)
