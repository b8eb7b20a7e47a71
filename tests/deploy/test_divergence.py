"""How far beliefs are from the exact posterior: by hand, on an agent that knows it, or nothing."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.deploy import TrainedAgent
from dreamrl.deploy.divergence import divergence
from dreamrl.deploy.posterior import DistancePosterior, fit
from dreamrl.families.diagnosis import from_columns
from dreamrl.trial import Choice
from dreamrl.types import Belief

FAMILY = from_columns(
    {"fault": ["a", "b", "c"], "prior": [0.6, 0.1, 0.3]},
    {"test": ["x"], "cost": [0], "a": [0], "b": [0], "c": [1]},
    {"repair": ["for a or b", "for c"], "a": [1, 0], "b": [1, 0], "c": [0, 1]},
    budget=1,
)
ENCODINGS = np.array([[0.0], [0.0], [1.0]])


class Sees(eqx.Module):
    """Believes what it saw, if it looks; and else what is to be expected."""

    looks: bool = eqx.field(static=True, default=True)

    def init_exploration(self):
        return jnp.array(0)

    def explore(self, carry, percept, key):
        return carry, Choice(jnp.array(0), jnp.array(not self.looks))

    def beliefs(self, exploration):
        seen = exploration.observations
        expected = jnp.where(seen == 0, 0.3, jnp.where(seen == 2, 1.0, 0.0))
        return Belief(expected[:, None])

    def init_exploitation(self, belief, episode, key):
        return jnp.array(0)

    def exploit(self, carry, percept, goal, key):
        return carry, Choice(jnp.array(0))


def test_a_belief_that_is_exact_is_not_off():
    agent = TrainedAgent(FAMILY, Sees(), ENCODINGS)
    # a and b share the repair, so that they are never told apart is no fault.
    assert divergence(agent, trials=64) == pytest.approx(0, abs=0.02)


def test_who_does_not_look_is_off_by_what_its_confidence_gives_away():
    agent = TrainedAgent(FAMILY, Sees(looks=False), ENCODINGS)
    share = agent.known.posterior.shares(np.full(1, 0.3))[2]
    exact = 0.7 * np.log(0.7 / (1 - share)) + 0.3 * np.log(0.3 / share)
    assert divergence(agent, trials=64) == pytest.approx(exact, abs=1e-6)


def test_it_is_not_known_elsewhere():
    assert divergence(TrainedAgent(FAMILY, Sees())) is None
    assert divergence(TrainedAgent(dreamrl.make("bandit"), Sees(), np.eye(5))) is None


def test_shares_count_by_the_prior():
    posterior = DistancePosterior(ENCODINGS, noise=0.5, slope=0.0, prior=np.array([0.6, 0.1, 0.3]))
    # Squared distances 0, 0 and 1.
    odds = np.array([0.6, 0.1, 0.3 * np.exp(-1)])
    np.testing.assert_allclose(posterior.shares(np.zeros(1)), odds / odds.sum())
    even = fit(ENCODINGS, np.full((400, 1), 0.4), np.arange(400) % 3)
    same = fit(ENCODINGS, np.full((400, 1), 0.4), np.arange(400) % 3, np.full(3, 1 / 3))
    np.testing.assert_allclose(even.shares(np.ones(1)), same.shares(np.ones(1)))
