"""Mistakes in a user-defined method are told in a line."""

import functools

import equinox as eqx
import jax.numpy as jnp
import pytest

import dreamrl
from dreamrl import Method
from dreamrl.agents import registry
from dreamrl.comparison.contender import contender
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from examples.toy_method import Tally, TallySettings

QUICK = changed(TallySettings(), {"iterations": 1, "trials": 8})


class KeepsAFunction(Tally):
    def init(self, key):
        params, key = super().init(key)
        return {"policy": params, "mlp": eqx.nn.MLP(2, 2, 4, 1, key=key)}, key


class NamesAnotherGroup(Tally):
    @property
    def group_names(self):
        return ("policy", "value")


class ForgetsMetrics(Tally):
    def losses(self, now, batch, recalled, key):
        loss = super().losses(now, batch, recalled, key)["policy"]
        return {"policy": lambda policy: loss(policy)[0]}


class LosesAVector(Tally):
    def losses(self, now, batch, recalled, key):
        return {"policy": lambda policy: (jnp.zeros(3), {})}


class LosesAnotherGroup(Tally):
    def losses(self, now, batch, recalled, key):
        return {"value": lambda policy: (0.0, {})}


class LosesNothing(Tally):
    def losses(self, now, batch, recalled, key):
        return {"policy": lambda policy: (0.0, {})}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            KeepsAFunction,
            r"KeepsAFunction: parameters must be arrays only, and mlp\.activation is of type",
        ),
        (NamesAnotherGroup, r"group_names are \['policy', 'value'\], groups \['policy'\] and"),
        (ForgetsMetrics, "the loss 'policy' must return its value and a dict of metrics"),
        (LosesAVector, r"the loss 'policy' must be one number, and is an array of shape \(3,\)"),
        (LosesAnotherGroup, r"losses are of \['value'\], and group_names are \['policy'\]"),
    ],
)
def test_a_method_is_told_what_is_wrong_with_it(kind, words):
    method = Method(TallySettings, kind, {"default": QUICK})
    with pytest.raises(UserError, match=words) as error:
        dreamrl.train(method, "bandit")
    assert "\n" not in str(error.value)


def test_a_reward_is_one_number_a_step():
    def errors_alone(exploration, errors, unit, cost):
        return errors

    settings = changed(dreamrl.settings_for("dream", "bandit"), {"iterations": 1, "trials": 64})
    make = functools.partial(dreamrl.Dream, reward=errors_alone)
    method = Method(type(settings), make, {"default": settings})
    with pytest.raises(UserError, match=r"one number a step, and errors_alone returned an array"):
        dreamrl.train(method, "bandit")


def test_a_loss_may_be_a_plain_number():
    method = Method(TallySettings, LosesNothing, {"default": QUICK})
    assert dreamrl.train(method, "bandit").records[-1]["loss_policy"] == 0


def test_a_method_need_not_have_a_default_preset(monkeypatch):
    monkeypatch.setitem(registry.METHODS, "tally", Method(TallySettings, Tally, {"bandit": QUICK}))
    with pytest.raises(UserError, match="unknown setting 'ratte': known"):
        registry.with_changes(dreamrl.settings_for("rl2", "bus"), {"trials": 96, "ratte": 1})


def test_a_kind_is_chosen_before_what_it_takes_is_checked(monkeypatch):
    """DQN's replay must hold whole batches of trials: 300 would not do, and 512 does."""
    settings = changed(dreamrl.settings_for("rl2", "bus"), {"trials": 300, "minibatches": 1})
    method = Method(type(settings), registry.METHODS["rl2"].algorithm, {"default": settings})
    monkeypatch.setitem(registry.METHODS, "odd", method)
    assert contender("odd:learner=dqn,trials=512").settings("bus").budget.trials == 512
