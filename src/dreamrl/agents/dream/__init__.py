"""DREAM: `dream.py` puts encoder, exploitation, exploration and decoder together."""

import dataclasses

from dreamrl.agents.agent import Method
from dreamrl.agents.dream.dream import Dream
from dreamrl.agents.dream.dynamics import check_dynamics
from dreamrl.agents.dream.q_learning import DreamQ
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.agents.q_settings import COOKING, PAPER, PAPER_EPISODE, PICTURES, check_actions
from dreamrl.families.family import Family


def dream(family: Family, settings: DreamSettings) -> Dream | DreamQ:
    """By the learner that the settings name.

    Raises UserError for what cannot be trained on the family with these settings.
    """
    if settings.objective == "predict-dynamics":
        check_dynamics(family)
    if settings.learner == "dqn":
        check_actions(family)
        return DreamQ(family, settings)
    return Dream(family, settings)


_PRESETS = {
    "default": DreamSettings(),
    "bus": DreamSettings(iterations=500),
    "map": DreamSettings(iterations=500),
    "cooking": DreamSettings(**COOKING, iterations=800, first_dual=0.1),
    # c was 0 there.
    "sign": DreamSettings(
        **PICTURES,
        replay=4096,
        decoder_batch=64,
        exploration_hidden=64,
        cost=0.005,
        gae_lambda=0.95,
    ),
    # c was 0.1, and |f|^2 was kept from growing above 10: a hundredth of it, once it is as large.
    "paper": DreamSettings(
        **PAPER,
        **PAPER_EPISODE,
        exploration_hidden=64,
        decoder_hidden=128,
        q_exploration_starts=8000,
        exploration_discount=0.99,
        bottleneck="fixed",
        bottleneck_weight=2.0,
        bottleneck_free=10.0,
        cost=0.01,
    ),
}

METHOD = Method(DreamSettings, dream, _PRESETS)

RANDOM_EXPLORATION = Method(
    DreamSettings,
    dream,
    {name: dataclasses.replace(preset, explorer="random") for name, preset in _PRESETS.items()},
)
"""DREAM's decoder and exploitation, after explorations at random."""
