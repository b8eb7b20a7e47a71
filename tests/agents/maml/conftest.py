"""MAML before its first update, with every parameter stirred, and its first trials."""

import dataclasses
from typing import Any, NamedTuple

import jax
import pytest
from dreamrl.agents.maml.adaptation import InitialPolicy
from dreamrl.agents.maml.maml import Maml

from dreamrl.agents.maml.settings import MamlSettings

COUNT = 12
SETTINGS = MamlSettings(
    trials=COUNT, minibatches=1, episodes=2, hidden=8, recurrent=True, inner_rate=0.5
)


class Untrained(NamedTuple):
    algorithm: Any
    params: Any
    batch: Any

    def under(self, **changes):
        """The same parameters under other settings."""
        settings = dataclasses.replace(self.params.settings, **changes)
        other = InitialPolicy(jax.random.key(0), self.algorithm.family, settings)
        return jax.tree.unflatten(jax.tree.structure(other), jax.tree.leaves(self.params))


@pytest.fixture(scope="package")
def untrained(relevant_fact):
    algorithm = Maml(relevant_fact, SETTINGS)
    params = jax.jit(algorithm.init)(jax.random.key(0)).params
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    stirred = [x + 0.3 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    params = jax.tree.unflatten(structure, stirred)
    batch, _ = jax.jit(algorithm._play)(params, jax.random.key(2))
    return Untrained(algorithm, params, batch)
