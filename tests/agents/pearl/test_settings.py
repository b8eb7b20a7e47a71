"""Settings that make no sense are refused in one line that says why."""

import copy
import dataclasses

import pytest

from dreamrl.agents import registry
from dreamrl.agents.pearl.settings import PearlSettings
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.learners.dqn import DQN


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(iterations=0), "iterations is 0: it must be from 1"),
        (dict(contexts=0), "contexts is 0"),
        (dict(discount=1.5), "discount is 1.5: it must be from 0 to 1"),
        (dict(kl_weight=-1.0), "kl_weight is -1.0"),
        (dict(temperature_end=0.0), "temperature_end is 0.0"),
        (dict(kl_begin=0.9), "kl_begin must be smaller than kl_end"),
        (dict(learning_rate=float("nan")), "learning_rate is nan"),
        (dict(capacity=1000), r"capacity \(1000\) must be a multiple of trials \(512\)"),
        (dict(replayed=7), r"batch \(256\) must be a multiple of replayed \(7\)"),
    ],
)
def test_refused(settings, said):
    with pytest.raises(UserError, match=said) as caught:
        changed(PearlSettings(), settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["returns", "act_on"])
def test_an_unknown_choice_is_refused(name):
    """As it is where types are not checked."""
    # A copy, as defaults are shared.
    settings = copy.copy(PearlSettings() if name == "act_on" else DQN())
    object.__setattr__(settings, name, "magic")
    with pytest.raises(UserError, match=f"{name} is 'magic': it must be"):
        settings.__post_init__()


PRESETS = registry.METHODS["pearl"].presets


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_presets_are_settings(preset):
    assert dataclasses.replace(preset) == preset
    assert hash(preset) == hash(dataclasses.replace(preset))
