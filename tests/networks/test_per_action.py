"""What is seen action by action: no order counts, and each action is scored by what is its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.dream.exploration import ExplorationPolicy
from dreamrl.families.diagnosis import fleet
from dreamrl.networks.observations import make_observation_encoder, per_action
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.spaces import Discrete, PerAction, Privileged, Product
from dreamrl.types import Percept

SPACE = PerAction(3, 4, 2)
SEEN = SPACE.sample(jax.random.key(7))


def test_neither_the_order_of_rows_nor_that_of_actions_counts():
    encoder = make_observation_encoder(jax.random.key(0), SPACE, 8)
    whole, each = encoder(SEEN), encoder.each(SEEN)
    assert whole.shape == (encoder.features,)
    np.testing.assert_allclose(encoder(SEEN[:, ::-1]), whole, rtol=1e-5)
    np.testing.assert_allclose(encoder(SEEN[::-1]), whole, rtol=1e-5)
    np.testing.assert_allclose(encoder.each(SEEN[::-1]), each[::-1], rtol=1e-5)
    assert float(jnp.abs(each[0] - each[1]).max()) > 0.01


def test_it_is_found_wherever_it_stands():
    key, said = jax.random.key(0), jnp.ones(2)
    pair = Product((Discrete(3), SPACE))
    seen = pair.join([jnp.array(1), SEEN])
    for space, value in ((pair, seen), (Privileged(pair, 2), Privileged(pair, 2).join(seen, said))):
        encoder = make_observation_encoder(key, space, 8)
        assert per_action(encoder, value).shape[0] == 3
        assert encoder(value).shape == (encoder.features,)
    assert per_action(make_observation_encoder(key, Discrete(3), 8), jnp.array(1)) is None


FAMILY = fleet(tables=6, held_out=2, faults=3, tests=3, repairs=2, budget=2)


@pytest.mark.parametrize("kind", ["explores", "exploits"])
def test_actions_that_change_places_are_chosen_alike(kind):
    """Their own outputs apart, which are small at first, logits go with what is seen."""
    seen = FAMILY.reset(jax.random.key(1), FAMILY.problem(jnp.array(0)))[1]
    z = jnp.ones(4)

    def logits(observation):
        percept = Percept(observation, jnp.array(0), jnp.array(0.0), jnp.array(True))
        if kind == "explores":
            policy = ExplorationPolicy(jax.random.key(2), FAMILY, 8, 4)
            return policy.step(policy.init_carry(), percept, z)[1].policy.logits
        policy = InstructedPolicy(jax.random.key(2), FAMILY, 8, 4)
        return policy.step(policy.init_carry(), percept, jnp.array(0), z)[1].policy.logits

    first, other = logits(seen), logits(seen[::-1])
    places = first - other
    assert float(jnp.abs(places).max()) > 1e-3
    np.testing.assert_allclose(places, -places[::-1], atol=1e-5)
