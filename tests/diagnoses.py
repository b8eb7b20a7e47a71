"""Agents for diagnoses that have learned nothing: what is asked of them needs none that have."""

import jax

from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.deploy import TrainedAgent

SMALL = {"trials": 8, "iterations": 2, "minibatches": 1, "decoder.replay": 64, "decoder.batch": 8}


def untrained(family, **changes):
    settings = changed(settings_for("dream"), {**SMALL, **changes})
    trainer = make_trainer("dream", family, settings)
    return TrainedAgent(family, trainer.agent(jax.jit(trainer.init)(jax.random.key(0))))
