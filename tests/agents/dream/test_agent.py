"""What meta-test gets of DREAM knows nothing of IDs."""

import inspect
import typing

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Agent
from dreamrl.agents.dream.networks import DreamAgent
from dreamrl.networks.encoder import EmbeddingEncoder, MLPEncoder
from dreamrl.trial import play
from dreamrl.types import Belief, Percept, ProblemID, Trajectory

FUNCTIONS = ["init_exploration", "explore", "beliefs", "init_exploitation", "exploit"]


@pytest.fixture(scope="module")
def agent(untrained):
    return untrained.algorithm.agent(untrained.params)


def names_in(annotation):
    """All types that an annotation is made of, those of named tuples' fields included."""
    inner = typing.get_args(annotation)
    if annotation not in (Percept, Trajectory, Belief) and isinstance(annotation, type):
        fields = getattr(annotation, "__annotations__", {})
        inner += tuple(fields.values())
    elif isinstance(annotation, type):
        inner += tuple(typing.get_type_hints(annotation).values())
    return {annotation, *(name for part in inner for name in names_in(part))}


def test_it_is_an_agent(agent):
    assert isinstance(agent, Agent)


def test_there_is_no_encoder_in_it(agent, untrained):
    encoders = (EmbeddingEncoder, MLPEncoder)
    assert isinstance(untrained.params.encoder, encoders)
    parts = jax.tree.leaves(agent, is_leaf=lambda x: isinstance(x, encoders))
    assert not any(isinstance(part, encoders) for part in parts)
    table = untrained.params.encoder.means
    arrays = jax.tree.leaves(eqx.filter(agent, eqx.is_array))
    assert not any(np.isin(table, array).any() for array in arrays)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_of_it_takes_a_problem_id(function):
    signature = inspect.signature(getattr(DreamAgent, function))
    hints = typing.get_type_hints(getattr(DreamAgent, function))
    assert set(signature.parameters) - {"self"} <= set(hints)
    assert all(ProblemID not in names_in(hint) for hint in hints.values())


def test_problems_that_differ_in_their_ids_alone_are_played_alike(agent, relevant_fact):
    """The same bit beside another symbol, which is not written anywhere."""
    trial = jax.jit(lambda problem, key: play(relevant_fact, problem, agent, key, episodes=3))
    for seed in range(3):
        first, second = (
            trial(relevant_fact.problem(jnp.array(i)), jax.random.key(seed)) for i in (1, 7)
        )
        jax.tree.map(np.testing.assert_array_equal, first, second)


def test_what_was_read_reaches_the_belief(agent, irrelevant_fact, untrained):
    trajectory = jax.tree.map(lambda x: x[0], untrained.trials.explored.trajectory)
    read = trajectory._replace(observations=trajectory.observations.at[1].set(jnp.array([4, 1, 2])))
    beliefs, others = agent.beliefs(trajectory).mean, agent.beliefs(read).mean
    assert beliefs.shape == (irrelevant_fact.horizon + 1, untrained.algorithm.settings.encoding.z)
    np.testing.assert_array_equal(beliefs[0], others[0])
    assert (beliefs[-1] != others[-1]).any()
