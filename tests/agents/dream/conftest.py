"""A training of seconds on the tiny families, and one before its first update."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from dreamrl.agents.algorithm import Experience, Snapshot
from dreamrl.agents.dream.algorithm import Batch, Dream, Explored
from dreamrl.agents.dream.losses import ExploitationBatch, ExplorationBatch
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.agents.loop import State, Trainer
from dreamrl.configuration import changed

SMALL = changed(
    DreamSettings(),
    {
        "iterations": 450,
        "trials": 64,
        "minibatches": 4,
        "last_learning_rate": 0.5,
        "exploitation.hidden": 32,
        "z": 4,
        "rho": 0.2,
        # A short run, on a return less well known.
        "first_dual": 0.025,
        "dual_rate": 0.01,
        "tolerance": 0.15,
        "learner.exploitation.entropy_end": 0.3,
        "decoder_share_begin": 0.2,
        "decoder_share_end": 0.4,
        "learner.exploration.entropy_end": 0.5,
        "decoder.batch": 64,
        "decoder.replay": 1024,
    },
)
DQN = {"learner": "dqn", "updates": 4, "learner.batch": 64, "capacity": 1024}


@pytest.fixture(scope="session")
def small():
    """Settings under which these families are learned in seconds."""
    return SMALL


@pytest.fixture(scope="session")
def small_dqn():
    """The same with the other learner."""
    return changed(SMALL, DQN)


@pytest.fixture(scope="session", params=["ppo", "dqn"])
def untrained(request, irrelevant_fact, small, small_dqn):
    """An algorithm of either learner before any update, and what it makes of its first trials."""
    privileged = changed(small, {"exploration.critic": "privileged"})
    algorithm = Dream(irrelevant_fact, privileged if request.param == "ppo" else small_dqn)
    state = jax.jit(Trainer(algorithm).init)(jax.random.key(0))
    # A belief from the start, and doubts about it: nothing is 0 by accident.
    params = state.params._replace(decoder=stirred(state.params.decoder, 1))
    params = params._replace(exploration=stirred(params.exploration, 2))
    params = params._replace(exploitation=stirred(params.exploitation, 3))
    state = state._replace(params=params)

    def play(params, progress, key):
        now = Snapshot(params, progress, state.memory)
        experience = Trainer(algorithm).play(now, jnp.array(0), key)
        # Off-policy, batches are made of what replay keeps.
        learned_from = experience if request.param == "ppo" else algorithm.stored(experience)
        batch, _ = algorithm.prepare(now, learned_from)
        explored = Explored(experience.trial.exploration, experience.problem_id)
        return NewTrials(experience, batch.exploitation, batch.exploration, explored)

    new = jax.jit(play)(params, jnp.array(1.0), jax.random.key(4))
    return Untrained(algorithm, state, jax.jit(play), new)


class NewTrials(NamedTuple):
    experience: Experience
    exploitation: ExploitationBatch
    exploration: ExplorationBatch
    explored: Explored


class Untrained(NamedTuple):
    algorithm: Dream
    state: State
    play: Any
    """(params, progress, key) -> new trials; compiled."""
    trials: NewTrials

    @property
    def params(self):
        return self.state.params

    @property
    def ppo(self):
        """Whether the learner is PPO."""
        return self.algorithm.settings.learner.name == "ppo"

    def losses(self, params=None, *, exploitation=None, exploration=None, replayed=None, dual=0.5):
        """The loss of each group, on these data or on those of the first trials."""
        params, new, memory = params or self.params, self.trials, self.state.memory
        batch = Batch(
            new.exploitation if exploitation is None else exploitation,
            new.exploration if exploration is None else exploration,
        )
        replayed = new.explored if replayed is None else replayed
        memory = memory._replace(dual=memory.dual._replace(value=jnp.asarray(dual)))
        now = Snapshot(params, jnp.array(1.0), memory, self.state.target)
        return self.algorithm.losses(now, batch, replayed, jax.random.key(0))


def stirred(part, seed):
    """The same part with noise on its parameters."""
    arrays, rest = eqx.partition(part, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    noisy = [x + 0.3 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, noisy), rest)
