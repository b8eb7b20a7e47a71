"""What networks multiply in while they train."""

import jax
import jax.numpy as jnp
import pytest

import dreamrl
from dreamrl import runs
from dreamrl.agents import registry
from dreamrl.configuration import changed
from dreamrl.evaluation import evaluate
from dreamrl.training import Plan, train
from dreamrl.trial import play

SMALL = {"trials": 8, "minibatches": 1, "hidden": 4}


def trainer(agent, precision, **more):
    settings = changed(registry.settings_for(agent, "bandit"), more | {"precision": precision})
    return registry.make_trainer(agent, dreamrl.make("bandit"), settings)


@pytest.mark.parametrize("agent", ["rl2", "maml", "pearl"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_multiplies_in_the_precision_that_is_asked_for(agent, precision):
    small = SMALL if agent != "pearl" else {"trials": 8, "learner.batch": 8, "hidden": 4}
    made = trainer(agent, precision, **small)
    state = jax.eval_shape(made.init, jax.random.key(0))
    products = [line for line in traced(made.iterate, state) if "dot_general" in line]
    halves = [line for line in products if "bf16" in line]
    assert len(products) > 10
    assert bool(halves) == (precision == "bfloat16")
    after, _ = jax.eval_shape(made.iterate, state)
    assert jax.tree.map(lambda x: x.dtype, after) == jax.tree.map(lambda x: x.dtype, state)


def traced(function, *inputs):
    return str(jax.make_jaxpr(function)(*inputs)).splitlines()


def test_a_trained_agent_multiplies_in_float32():
    made = trainer("rl2", "bfloat16", **SMALL)
    state = jax.eval_shape(made.init, jax.random.key(0))

    def trial(state):
        problem = made.family.problem(jnp.array(0))
        return play(made.family, problem, made.agent(state), jax.random.key(0))

    assert not any("bf16" in line for line in traced(trial, state))


@pytest.mark.learns
def test_bfloat16_learns_as_well():
    """To try every arm, then pull the one that pays: 5, and 3 for who does not explore."""
    made = trainer("e-rl2", "bfloat16", iterations=120, trials=256)
    training = train(made, (0,), Plan(chunk=120, evaluation_trials=8))
    assert all(x.dtype != jnp.bfloat16 for x in jax.tree.leaves(training.state))
    trained = made.agent(runs.of_seed(training.state, 0))
    assert evaluate(made.family, trained, made.family.test_ids, trials=500).return_mean >= 4.75
