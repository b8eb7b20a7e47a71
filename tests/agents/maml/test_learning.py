"""Trained for seconds, MAML learns from an exploration which arm pays."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.loop import Trainer
from dreamrl.agents.maml.algorithm import Maml
from dreamrl.agents.maml.settings import MamlSettings
from dreamrl.configuration import changed
from dreamrl.evaluation import outcome, spread
from dreamrl.families.bandit import Bandit

pytestmark = pytest.mark.learns

FAMILY = Bandit(arms=5, horizon=5)
UNADAPTED = (5 + 4 + 3 + 2 + 1) / 5
"""The best without an exploration: one arm after the other until one pays."""
FOUND = 1 - 0.8**5
"""How often five pulls at random find the arm that pays; 5 is then to be had."""


def train(settings, seeds, run):
    """Greedy returns of the adapted and of the unadapted policies, means of each seed."""
    algorithm = Trainer(Maml(FAMILY, settings))
    ids = jnp.array(spread(FAMILY.test_ids, 1000))
    keys = jax.random.split(jax.random.key(9), 1000)

    def score(agent):
        return jax.vmap(lambda i, k: outcome(FAMILY, agent, i, k))(ids, keys).returns.mean()

    def one(key):
        def iterate(state, _):
            return algorithm.iterate(state)[0], None

        state, _ = jax.lax.scan(iterate, algorithm.init(key), None, settings.budget.iterations)
        agent = algorithm.agent(state)
        still = eqx.tree_at(
            lambda a: a.initial.rates, agent, jax.tree.map(jnp.zeros_like, agent.initial.rates)
        )
        return score(agent), score(still)

    keys_of_seeds = jax.vmap(jax.random.key)(jnp.arange(seeds))
    return jax.tree.map(np.asarray, run(jax.vmap(one), keys_of_seeds))


def test_an_adapted_policy_knows_the_arm_that_pays(well_compiled):
    settings = changed(MamlSettings(), {"iterations": 80, "hidden": 32, "inner.rate": 0.2})
    adapted, unadapted = train(settings, 2, well_compiled)
    assert (unadapted <= UNADAPTED + 0.1).all()
    assert (adapted >= 0.9 * (5 * FOUND + 1 - FOUND)).all()
    assert (adapted >= UNADAPTED + 0.3).all()
