"""Explorations that cost something: in units of the return, in training and when measured."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents.dream.algorithm import Dream
from dreamrl.agents.dream.prices import first_stake, in_information
from dreamrl.agents.rl2.algorithm import RL2Algorithm
from dreamrl.agents.whole_trial.settings import WholeTrialSettings
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.families.diagnosis import from_columns
from dreamrl.families.family import exploration_weight
from dreamrl.families.repeated import Repeated
from dreamrl.references import references


def table(dear, cheap):
    """Two tests that tell the same of two faults, each with a repair that pays 1, else 0."""
    return from_columns(
        {"fault": ["a", "b"], "prior": [0.5, 0.5]},
        {"test": ["dear", "cheap"], "cost": [dear, cheap], "a": [0.1, 0.9], "b": [0.9, 0.1]},
        {"repair": ["left", "right"], "a": [1, 0], "b": [0, 1]},
        budget=2,
    )


CHEAP, DEAR = table(0.3, 0.1), table(0.6, 0.6)


def test_a_price_is_a_share_of_what_all_there_is_to_know_is_worth():
    stake = first_stake()
    blind = jnp.array([[True, False], [False, False]])
    for returns in ([[1.0, 4.0], [5.0, 6.0]], [[3.0, 5.0], [5.0, 5.0]]):
        stake = stake._replace(
            informed=stake.informed.follow(jnp.array(returns), ~blind),
            blind=stake.blind.follow(jnp.array(returns), blind),
        )
    assert float(stake.informed.mean) == pytest.approx((15 * 0.95 + 15) / (3 * 0.95 + 3))
    assert float(stake.blind.mean) == pytest.approx((0.95 + 3) / 1.95)
    assert float(stake.value) == pytest.approx(5 - 3.95 / 1.95)
    worth = in_information(jnp.array([-0.5, 0.25, -9.0, 0.0]), jnp.array(2.0))
    np.testing.assert_allclose(worth, [-0.25, 0.125, -1.0, 0.0])
    # Where nothing is known to be at stake, whatever costs is too dear.
    np.testing.assert_array_equal(in_information(jnp.array([-0.1, 0.0]), jnp.array(0.0)), [-1, 0])


def test_costs_of_a_table_count_and_free_tests_change_nothing():
    assert exploration_weight(CHEAP) == exploration_weight(Repeated(CHEAP, 2)) == 1
    assert exploration_weight(table(0.0, 0.0)) == exploration_weight(dreamrl.make("bus")) == 0

    @dataclasses.dataclass(frozen=True)
    class Odd(type(CHEAP)):
        exploration_weight = -1.0

    odd = Odd(CHEAP.table, 2)
    with pytest.raises(UserError, match="exploration_weight must be a number of at least 0, is -1"):
        exploration_weight(odd)


@pytest.fixture(scope="module", params=["dream", "rl2"])
def trained(request, small):
    """The agent of a training of seconds on each table."""

    def train(family):
        if request.param == "dream":
            settings = changed(small, {"cost": 0.0, "dual_rate": 0.0, "first_dual": 0.01})
            return dreamrl.train(Dream(family, settings)).agent
        settings = changed(WholeTrialSettings(), {"iterations": 250, "trials": 128, "hidden": 32})
        return dreamrl.train(RL2Algorithm(family, settings)).agent

    return train


@pytest.mark.learns
@pytest.mark.parametrize(("family", "tests"), [(CHEAP, 1), (DEAR, 0)], ids=["cheap", "dear"])
def test_agents_do_the_tests_that_are_worth_their_price(family, tests, trained):
    best = references(family, 10).bayes_optimal
    assert best.tests == pytest.approx(tests)
    found = dreamrl.evaluate(trained(family), trials=2000)
    # The dear one of the two that tell the same is done by nobody.
    assert found.statistics["test_cost"] <= 0.1 * found.exploration_length_mean + 0.01
    assert found.return_mean == pytest.approx(best.low, abs=0.03)
