"""Methods under one trial protocol: settings, presets, and the algorithm that they make."""

from typing import Any

from dreamrl.agents import dream, import_, maml, pearl, rl2, varibad
from dreamrl.agents.agent import Algorithm, Method
from dreamrl.errors import unknown
from dreamrl.families.family import Family, plain
from dreamrl.families.memory import check_memory
from dreamrl.networks.senses import check_sight

METHODS: dict[str, Method] = {
    "dream": dream.METHOD,
    "random-exploration": dream.RANDOM_EXPLORATION,
    "no-exploration": rl2.NO_EXPLORATION,
    "oracle": rl2.ORACLE,
    "rl2": rl2.RL2,
    "e-rl2": rl2.E_RL2,
    "varibad": varibad.METHOD,
    "import": import_.METHOD,
    "pearl": pearl.METHOD,
    "maml": maml.METHOD,
}


def method(agent: str) -> Method:
    """The method of that name; raises UserError where there is none."""
    if agent not in METHODS:
        raise unknown("agent", agent, METHODS)
    return METHODS[agent]


def settings_for(agent: str, family_name: str, preset: str | None = None) -> Any:
    """The settings of a preset; without one, the preset named after the family, or `default`.

    What stands behind a colon in the family's name does not count.

    Raises UserError where the agent or the preset is not known.
    """
    presets = method(agent).presets
    if preset is None:
        family_name = family_name.partition(":")[0]
        preset = family_name if family_name in presets else "default"
    if preset not in presets:
        raise unknown("preset", preset, presets)
    return presets[preset]


def make_algorithm(agent: str, family: Family, settings: Any, seeds: int = 1) -> Algorithm:
    """The algorithm that trains `agent` on `family`, so many seeds in one program.

    Raises UserError for an unknown agent, for one that cannot be trained there, and where what is
    seen would not fit into memory.
    """
    algorithm = method(agent).algorithm(plain(family), settings)
    check_sight(algorithm.family.observation_space)
    # Its own family: an oracle's says more than the one that was given.
    kept = getattr(settings, "kept_episodes", 0)
    trials = seeds * settings.trials
    check_memory(algorithm.family, trials, settings.episodes, replayed=seeds * kept)
    return algorithm
