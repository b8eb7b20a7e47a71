"""Each method learns what it is known to learn: to try every arm, then pull the one that pays."""

import pytest

import dreamrl
from dreamrl import runs
from dreamrl.agents import registry
from dreamrl.configuration import changed
from dreamrl.devices import ALL, Devices
from dreamrl.evaluation import evaluate
from dreamrl.training import Plan, train

pytestmark = pytest.mark.learns

OPTIMUM = 5.0
"""Five pulls of the arm that pays."""
UNEXPLORED = 3.0
"""What the best policy that has not explored returns: it tries arms as it goes."""


def trained_return(agent, devices=ALL):
    family = dreamrl.make("bandit")
    settings = registry.settings_for(agent, family.name)
    settings = changed(settings, {"iterations": 120, "trials": 256})
    algorithm = registry.make_trainer(agent, family, settings)
    training = train(algorithm, (0,), Plan(chunk=120, evaluation_trials=8), devices=devices)
    trained = algorithm.agent(runs.of_seed(training.state, 0))
    return evaluate(algorithm.family, trained, family.test_ids, trials=500).return_mean


@pytest.mark.parametrize(
    ("agent", "devices"), [("e-rl2", ALL), ("varibad", ALL), ("import", Devices(2, 2))]
)
def test_the_arm_that_pays_is_pulled(agent, devices):
    assert trained_return(agent, devices) >= 0.95 * OPTIMUM


def test_without_exploration_arms_are_tried_while_it_counts():
    found = trained_return("no-exploration")
    assert 0.95 * UNEXPLORED <= found <= UNEXPLORED + 1e-6
