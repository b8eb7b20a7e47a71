"""Methods under one trial protocol: settings, presets, and the algorithm that they make."""

from typing import Any

from dreamrl.agents.agent import Algorithm
from dreamrl.agents.dream.dream import Dream
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.errors import unknown
from dreamrl.families.family import Family

AGENTS: dict[str, type] = {"dream": DreamSettings}

PRESETS: dict[str, dict[str, Any]] = {
    "dream": {
        "default": DreamSettings(),
        "bus": DreamSettings(iterations=500),
        "map": DreamSettings(iterations=500),
        # Some 400 pairs of problem and goal, each with a trap of its own: they need more trials.
        "cooking": DreamSettings(iterations=400, trials=2048, minibatches=16, entropy_end=0.8),
    },
}

_ALGORITHMS: dict[type, Any] = {DreamSettings: Dream}


def settings_for(agent: str, family_name: str, preset: str | None = None) -> Any:
    """The settings of a preset; without one, the preset named after the family, or `default`.

    Raises UserError where the agent or the preset is not known.
    """
    if agent not in AGENTS:
        raise unknown("agent", agent, AGENTS)
    presets = PRESETS[agent]
    if preset is None:
        preset = family_name if family_name in presets else "default"
    if preset not in presets:
        raise unknown("preset", preset, presets)
    return presets[preset]


def make_algorithm(agent: str, family: Family, settings: Any) -> Algorithm:
    """The algorithm that trains `agent` on `family`; raises UserError for an unknown agent."""
    if agent not in AGENTS:
        raise unknown("agent", agent, AGENTS)
    return _ALGORITHMS[AGENTS[agent]](family, settings)
