"""Settings that make no sense are refused in one line that says why."""

import copy
import dataclasses

import pytest

from dreamrl.agents import registry
from dreamrl.agents.maml.settings import MamlSettings
from dreamrl.configuration import changed
from dreamrl.errors import UserError

PRESETS = registry.METHODS["maml"].presets


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(iterations=0), "iterations is 0: it must be from 1"),
        ({"inner.steps": 0}, "steps is 0: it must be from 1 to 100"),
        ({"inner.rate": 0.0}, "rate is 0.0"),
        ({"inner.discount": 1.5}, "discount is 1.5: it must be from 0 to 1"),
        (dict(learning_rate=float("nan")), "learning_rate is nan"),
        (dict(minibatches=3), r"trials \(256\) must be a multiple of minibatches \(3\)"),
    ],
)
def test_refused(settings, said):
    with pytest.raises(UserError, match=said) as caught:
        changed(MamlSettings(), settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["objective", "order", "rates"])
def test_unknown_choices_are_refused(name):
    """As they are where types are not checked."""
    # Copies, as defaults are shared.
    settings = copy.copy(MamlSettings() if name == "objective" else MamlSettings().inner)
    object.__setattr__(settings, name, "third")
    with pytest.raises(UserError, match=f"{name} is 'third': it must be .* or "):
        settings.__post_init__()


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_presets_are_settings(preset):
    assert dataclasses.replace(preset) == preset
    assert hash(preset) == hash(dataclasses.replace(preset))
