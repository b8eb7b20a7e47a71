"""A training of seconds on the tiny families, and one before its first update."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from dreamrl.agents import make_algorithm
from dreamrl.agents.dream.settings import DreamSettings

SMALL = DreamSettings(
    iterations=450,
    trials=64,
    minibatches=4,
    last_learning_rate=0.5,
    hidden=32,
    z=4,
    rho=0.2,
    # A short run: its dual variable must get there sooner, on a return less well known.
    dual_rate=0.1,
    tolerance=0.15,
    entropy_end=0.3,
    decoder_share_begin=0.2,
    decoder_share_end=0.4,
    exploration_entropy_end=0.5,
    decoder_batch=64,
    replay=1024,
)


@pytest.fixture(scope="session")
def small():
    """Settings under which these families are learned in seconds."""
    return SMALL


@pytest.fixture(scope="session")
def untrained(irrelevant_fact):
    """(algorithm, state) before any update, and what it makes of its first trials."""
    algorithm = make_algorithm("dream", irrelevant_fact, SMALL)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    # A belief from the start, and doubts about it: nothing is 0 by accident.
    params = state.params._replace(decoder=stirred(state.params.decoder, 1))
    params = params._replace(exploration=stirred(params.exploration, 2))
    params = params._replace(exploitation=stirred(params.exploitation, 3))
    state = state._replace(params=params)
    play = jax.jit(algorithm._player.play)
    return Untrained(algorithm, state, play, play(params, jnp.array(1.0), jax.random.key(4)))


class Untrained(NamedTuple):
    algorithm: Any
    state: Any
    play: Any
    """(params, progress, key) -> new trials; compiled."""
    trials: Any


def stirred(part, seed):
    """The same part with noise on its parameters."""
    arrays, rest = eqx.partition(part, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    noisy = [x + 0.3 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, noisy), rest)
