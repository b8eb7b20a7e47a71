"""Exploration paid in returns: what counts is the regret that a belief leaves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents.dream.algorithm import Dream
from dreamrl.agents.dream.conditions import Conditions
from dreamrl.agents.dream.regret import EARLY_SHARE, Regret, early_beliefs
from dreamrl.configuration import changed
from dreamrl.families.diagnosis import from_columns
from dreamrl.references import references
from dreamrl.types import ProblemID

# One test tells two likely faults apart, for little; the other a rare one that is dear.
STAKES = from_columns(
    {"fault": ["a", "b", "dear"], "prior": [0.45, 0.45, 0.1]},
    {"test": ["which", "dear"], "cost": [0, 0], "a": [1, 0], "b": [0, 0], "dear": [0, 1]},
    {
        "repair": ["for a", "for b", "refer"],
        "a": [0.2, 0.0, -0.5],
        "b": [0.0, 0.2, -0.5],
        "dear": [-5.0, -5.0, 0.0],
    },
    budget=1,
)


def test_who_knows_the_problem_has_no_regret():
    family = dreamrl.make("bus")
    critic = Regret(jax.random.key(0), family, 4, 0.1)
    means, others = jax.random.normal(jax.random.key(1), (2, 3, 4))
    goals = jnp.array([[[0, 0], [8, 8]]] * 3)
    left = critic.left(means, jnp.stack([others, means], 1), goals)
    assert left.shape == (3, 2)
    assert (left[:, 0] != 0).all()
    np.testing.assert_array_equal(left[:, 1], 0)
    told = jax.vmap(critic)(means, others, goals[:, 0])
    assert critic.loss(means, others, goals[:, 0], told) == 0
    # A share of the returns' variance, whatever they are counted in.
    assert critic.loss(means, others, goals[:, 0], told + told.std()) == pytest.approx(1, abs=1e-4)


def test_early_beliefs_are_of_any_age():
    random = jnp.arange(4000) < 2000
    early = np.asarray(early_beliefs(jax.random.key(0), random, (4000, 2), 3))
    assert set(np.unique(early)) == {-1, 0, 1, 2, 3}
    shares = [(half >= 0).mean() for half in (early[:2000], early[2000:])]
    assert shares == pytest.approx([2 * EARLY_SHARE, EARLY_SHARE], abs=0.03)


def test_an_exploitation_acts_on_the_belief_of_its_age():
    nothing = jnp.zeros(3, bool)
    terms = (ProblemID(jnp.array(0)), jnp.array(0.0), jnp.array(True), nothing, jnp.zeros((3, 1)))
    after = jnp.arange(5.0)[:, None]
    aged = Conditions(*terms, jnp.array([0, 3, -1]))
    np.testing.assert_array_equal(aged.beliefs(after)[:, 0], [0, 3, 4])
    np.testing.assert_array_equal(aged.believed, [True, True, False])
    np.testing.assert_array_equal(Conditions(*terms).beliefs(after)[:, 0], [4, 4, 4])


@pytest.mark.learns
@pytest.mark.parametrize(("objective", "paid"), [("information-gain", -0.32), ("regret", 0.09)])
def test_regret_finds_what_matters_most_and_information_what_tells_most(objective, paid, small):
    assert references(STAKES, 10).bayes_optimal.low == pytest.approx(0.09)
    fields = {"exploration.objective": objective, "cost": 0.0, "dual_rate": 0.0}
    settings = changed(small, {**fields, "first_dual": 0.01, "exploration.stop": "never"})
    agent = dreamrl.train(Dream(STAKES, settings)).agent
    assert dreamrl.evaluate(agent, trials=2000).return_mean == pytest.approx(paid, abs=0.05)
