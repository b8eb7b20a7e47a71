"""Agents with settings of their own, as they are written on a command line."""

import re

import pytest

from dreamrl.agents.dream.settings import Fixed
from dreamrl.comparison.contender import contender
from dreamrl.configuration import changed
from dreamrl.errors import UserError


def test_settings_are_read_by_their_types(fake):
    asked = contender("fake:rate=0.25,mode=slow,break-at=3,trials=8")
    assert asked.settings("bus") == changed(
        fake(), {"rate": 0.25, "mode": "slow", "break_at": 3, "trials": 8}
    )
    assert contender("fake").settings("bus") == fake()
    assert contender("fake:preset=long,rate=0").settings("bus") == changed(
        fake(), {"iterations": 500, "rate": 0.0}
    )


def test_a_kind_may_be_chosen_beside_what_it_brings():
    for text in (
        "dream:bottleneck=fixed,bottleneck.weight=0.25",
        "dream:weight=0.25,bottleneck=fixed",
    ):
        assert contender(text).settings("bus").bottleneck == Fixed(0.25)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fak:rate=1", "unknown agent 'fak': did you mean 'fake'?"),
        ("fake:ratte=1", "fake:ratte=1: unknown setting 'ratte': did you mean 'rate'?"),
        ("dream:bottleneck.weight=1", "'bottleneck.weight': it needs bottleneck=fixed"),
        (
            "rl2:decoder.replay=8",
            "'decoder.replay': this agent has none, dream and random-exploration have",
        ),
        ("maml:gamma=1", "unknown setting 'gamma': here it is inner.discount or discount"),
        ("fake:rate=much", "fake:rate=much: rate is 'much': it must be a number"),
        ("fake:trials=2.5", "trials is '2.5': it must be a whole number"),
        ("fake:mode=medium", "mode is 'medium': it must be fast or slow"),
        ("fake:rate=2", "fake:rate=2: rate must be from 0 to 1, is 2.0"),
        ("fake:rate", "fake:rate: 'rate' is not SETTING=VALUE"),
        ("fake:", "'' is not SETTING=VALUE"),
        ("fake:rate=0,rate=1", "rate is given twice"),
        ("fake:preset=lon", "unknown preset 'lon': did you mean 'long'?"),
    ],
)
def test_mistakes_are_told(fake, text, words):
    with pytest.raises(UserError, match=re.escape(words)) as told:
        contender(text).settings("bus")
    assert "\n" not in str(told.value)
