"""Settings that make no sense are refused in one line that says why."""

import dataclasses

import pytest

from dreamrl.agents import registry
from dreamrl.agents.dream.algorithm import Dream
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.configuration import changed
from dreamrl.errors import UserError


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(iterations=0), "iterations is 0: it must be from 1"),
        (dict(trials=-4), "trials is -4"),
        (dict(rho=0.0), "rho is 0.0"),
        (dict(learning_rate=0.0), "learning_rate is 0.0"),
        (dict(learning_rate=float("nan")), "learning_rate is nan"),
        ({"exploitation.discount": 1.5}, "discount is 1.5: it must be from 0 to 1"),
        ({"learner.exploitation.entropy": -0.1}, "entropy is -0.1"),
        (dict(random_share=1.0), "random_share is 1.0"),
        (dict(cost=2.0), "cost is 2.0"),
        (
            dict(trials=512, minibatches=3),
            r"trials \(512\) must be a multiple of minibatches \(3\)",
        ),
        (dict(replay=1000), r"replay \(1000\) must be a multiple of trials \(512\)"),
        (
            dict(learner="dqn", capacity=1000),
            r"capacity \(1000\) must be a multiple of trials \(512\)",
        ),
        (
            dict(decoder_share_begin=0.7),
            "decoder_share_begin must be smaller than decoder_share_end",
        ),
        (
            {"learner.exploration.entropy_end": 0.1},
            "entropy_begin must be smaller than entropy_end",
        ),
    ],
)
def test_refused(settings, said):
    with pytest.raises(UserError, match=said) as caught:
        changed(DreamSettings(), settings)
    assert "\n" not in str(caught.value)


def test_an_unknown_bottleneck_is_refused():
    with pytest.raises(UserError, match="'tight': it must be constrained or fixed or none"):
        changed(DreamSettings(), {"bottleneck": "tight"})


def test_dqn_has_no_critic_to_tell_the_problem(relevant_fact, small_dqn):
    settings = changed(small_dqn, {"exploration.critic": "privileged"})
    with pytest.raises(UserError, match=r"choose exploration\.critic history") as caught:
        Dream(relevant_fact, settings)
    assert "\n" not in str(caught.value)


PRESETS = registry.METHODS["dream"].presets


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_presets_are_settings(preset):
    assert dataclasses.replace(preset) == preset
    assert hash(preset) == hash(dataclasses.replace(preset))
