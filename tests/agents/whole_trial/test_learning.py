"""Each method learns what it is known to learn: to try every arm, then pull the one that pays."""

import dataclasses

import pytest

import dreamrl
from dreamrl import agents, runs
from dreamrl.evaluate import evaluate
from dreamrl.train import Plan, train

OPTIMUM = 5.0
"""Five pulls of the arm that pays; without exploration 3.0 at best."""


@pytest.mark.parametrize("agent", ["rl2", "e-rl2", "varibad", "import"])
def test_the_arm_that_pays_is_found_and_pulled(agent):
    family = dreamrl.make("bandit")
    settings = agents.settings_for(agent, family.name)
    settings = dataclasses.replace(settings, iterations=120, trials=256)
    algorithm = agents.make_algorithm(agent, family, settings)
    training = train(algorithm, (0,), Plan(chunk=120, evaluation_trials=8))
    trained = algorithm.agent(runs.of_seed(training.state, 0))
    result = evaluate(family, trained, family.test_ids, trials=500)
    assert result.return_mean >= 0.95 * OPTIMUM
