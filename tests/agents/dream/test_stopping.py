"""Where going on is not worth what it costs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.dream.algorithm import Dream
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.agents.dream.stopping import (
    ContinuationValue,
    continuation_targets,
    stop_length,
    with_stop,
)
from dreamrl.api import evaluate
from dreamrl.configuration import changed, changed_by_text, from_dict, to_dict
from dreamrl.deploy import TrainedAgent
from dreamrl.errors import UserError
from dreamrl.families.bandit import Bandit
from dreamrl.trial import play

REWARDS = [0.3, -0.1, 0.4, -0.2]


@pytest.mark.parametrize(
    ("values", "taken", "expected"),
    [
        ([1, 1, 1, 1], [1, 1, 1, 1], [0.4, 0.1, 0.2, -0.2]),
        # Who stops before the last step spares its cost,
        ([1, 1, 1, 0], [1, 1, 1, 1], [0.6, 0.3, 0.4, -0.2]),
        # and who stops before the third forgoes its gain.
        ([1, 1, 0, 1], [1, 1, 1, 1], [0.2, -0.1, 0.2, -0.2]),
        ([0, 0, 0, 0], [1, 1, 1, 1], REWARDS),
        ([1, 1, 1, 1], [1, 1, 0, 0], [0.2, -0.1, 0.0, 0.0]),
        ([1, 1, 1, 1], [0, 0, 0, 0], [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_what_going_on_is_worth(values, taken, expected):
    steps = (jnp.array(values, float), jnp.array(taken, bool))
    found = continuation_targets(jnp.array(REWARDS), *steps)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "taken", "length"),
    [
        ([1, 1, 1, 1], [1, 1, 1, 1], 4),
        ([1, 1, 0, 1], [1, 1, 1, 1], 2),
        ([0, 1, 1, 1], [1, 1, 1, 1], 0),
        ([1, 1, 1, 1], [1, 1, 1, 0], 3),
    ],
)
def test_the_rule_ends_at_the_first_step_that_is_not_worth_it(values, taken, length):
    assert float(stop_length(jnp.array(values, float), jnp.array(taken, bool))) == length


def test_a_new_rule_goes_on():
    features = jax.random.normal(jax.random.key(0), (50, 8))
    assert (ContinuationValue(jax.random.key(1), 8)(features) > 0).all()


class AtOnce(eqx.Module):
    """A rule by which nothing is worth a step."""

    def __call__(self, features):
        return -jnp.ones(features.shape[:-1])


def trained(**changes):
    """An agent of a family of five steps, whose rule ends explorations at once."""
    settings = changed(DreamSettings(), {f"exploration.{k}": v for k, v in changes.items()})
    dream = Dream(Bandit(), settings, stop_rule=lambda key, size: AtOnce())
    return dream.agent(dream.init(jax.random.key(0))[0])


def length(agent):
    trial = play(Bandit(), jnp.array(1), agent, jax.random.key(0))
    return int(trial.exploration.length)


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({}, 0),
        ({"cost": 0.0}, 5),
        ({"stop": "never"}, 5),
        ({"stop": 0}, 0),
        ({"stop": 3}, 3),
        ({"stop": 3, "cost": 0.0}, 3),
        ({"stop": 9}, 5),
        ({"policy": "random"}, 5),
        ({"policy": "random", "stop": 2}, 2),
    ],
)
def test_explorations_end_as_the_settings_say(changes, steps):
    assert length(trained(**changes)) == steps


@pytest.mark.parametrize(("stop", "steps"), [("rule", 0), ("never", 5), (2, 2), ("4", 4)])
def test_a_trained_agent_may_be_told_otherwise(stop, steps):
    assert length(with_stop(trained(cost=0.0), stop)) == steps
    driven = TrainedAgent(Bandit(), trained())
    assert driven.with_stop(stop).explore(1).steps == steps
    explorer = driven.explorer(stop=stop)
    explorer.observe(0)
    assert explorer.done == (steps == 0)
    assert driven.with_stop(stop).fingerprint == driven.fingerprint
    found = evaluate(driven, trials=2, stop=stop)
    assert found.exploration_length_mean == steps


def test_other_ends_are_refused():
    for stop in ("soon", -1, True, 2.5, "-1"):
        with pytest.raises(UserError, match="must be rule, never or a number of steps"):
            with_stop(trained(), stop)
    with pytest.raises(UserError, match="others have no stop rule"):
        with_stop(object(), "never")
    with pytest.raises(UserError, match="stop is -1"):
        changed_by_text(DreamSettings(), {"stop": "-1"})


def test_ends_are_read_from_text_and_kept():
    for text, value in (("4", 4), ("never", "never"), ("rule", "rule")):
        settings = changed_by_text(DreamSettings(), {"stop": text})
        assert settings.exploration.stop == value
        assert from_dict(DreamSettings, to_dict(settings)) == settings
