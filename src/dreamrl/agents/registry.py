"""The methods by name, and the trainers that they make. Adding a method adds one line here."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from dreamrl.agents.algorithm import Algorithm
from dreamrl.agents.dream import DREAM, RANDOM_EXPLORATION
from dreamrl.agents.import_ import IMPORT
from dreamrl.agents.loop import Trainable, Trainer
from dreamrl.agents.maml import MAML
from dreamrl.agents.method import Method
from dreamrl.agents.pearl import PEARL
from dreamrl.agents.rl2 import E_RL2, NO_EXPLORATION, ORACLE, RL2
from dreamrl.agents.varibad import VARIBAD
from dreamrl.configuration import UnknownSetting, changed, ends_with, kinds_with, paths_of
from dreamrl.errors import UserError, unknown
from dreamrl.families.adapted import adapted
from dreamrl.families.family import Family
from dreamrl.families.memory import check_memory
from dreamrl.families.repeated import explored_in
from dreamrl.host import keep_no_results
from dreamrl.networks.observations import check_pictures

METHODS: dict[str, Method] = {
    "dream": DREAM,
    "random-exploration": RANDOM_EXPLORATION,
    "no-exploration": NO_EXPLORATION,
    "oracle": ORACLE,
    "rl2": RL2,
    "e-rl2": E_RL2,
    "varibad": VARIBAD,
    "import": IMPORT,
    "pearl": PEARL,
    "maml": MAML,
}


def register_method(name: str, method: Method) -> None:
    """Make a method known by name in this process.

    `train` and `compare` then take it by name, and `load` reads its runs. Commands know it only in
    a program that registers it first, and then calls `main(["evaluate", "runs/mine"])` of
    `dreamrl.cli`.

    Raises:
        UserError: If the name is taken by another method.
    """
    if METHODS.get(name, method) is not method:
        raise UserError(f"method {name!r} is there already: choose another name")
    keep_no_results()
    METHODS[name] = method


def method_of(agent: str) -> Method:
    """Return the method of that name; raise UserError where there is none."""
    if agent not in METHODS:
        raise unknown("agent", agent, METHODS)
    return METHODS[agent]


def settings_for(agent: str, family_name: str = "", preset: str | None = None) -> Any:
    """Return the settings of a preset; without one, that named after the family, or `default`.

    Raises:
        UserError: Where the agent or the preset is not known.
    """
    method = method_of(agent)
    preset = method.preset_of(family_name) if preset is None else preset
    if preset not in method.presets:
        raise unknown("preset", preset, method.presets)
    return method.presets[preset]


ELSEWHERE = {
    "lr": ("learning_rate",),
    "c": ("cost",),
    "gamma": ("discount",),
    "batch_size": ("learner.batch", "trials"),
}
"""What other programs and papers call a setting, and what it is called here: the first found."""


def whereabouts(settings: Any, name: str, flags: bool = False) -> str | None:
    """Return where a setting is found that these settings lack, as a phrase, or None.

    It names settings as the command line has them, or as Python has.
    """
    dashes, equals = ("--", " ") if flags else ("", "=")
    if kinds := kinds_with(settings, name):
        return f"it needs {' or '.join(f'{dashes}{field}{equals}{kind}' for field, kind in kinds)}"
    if owners := [agent for agent, method in METHODS.items() if _may_have(method, name)]:
        return f"this agent has none, {' and '.join(owners)} have"
    for usual in ELSEWHERE.get(name, ()):
        if paths := ends_with(paths_of(settings), usual):
            words = [f"{dashes}{path.replace('_', '-') if flags else path}" for path in paths]
            return f"here it is {' or '.join(words)}"
    return None


def _may_have(method: Method, name: str) -> bool:
    presets = method.presets.values()
    return any(ends_with(paths_of(p), name) or kinds_with(p, name) for p in presets)


def with_changes(
    settings: Any, changes: Mapping[str, Any], change: Callable[..., Any] = changed
) -> Any:
    """Return changed settings.

    Raises:
        UserError: As `change` does; of a setting of another method or kind it says which.
    """
    try:
        return change(settings, changes)
    except UnknownSetting as error:
        if (phrase := whereabouts(error.settings, error.name)) is None:
            raise
        raise UserError(f"unknown setting {error.name!r}: {phrase}") from None


def make_trainer(agent: str, family: Family, settings: Any, seeds: int = 1) -> Trainable:
    """Return the trainer of `agent` on `family`, for so many seeds in one program.

    Raises:
        UserError: For an unknown agent, for one that cannot be trained there, and where
            observations would not fit into memory.
    """
    return trainer_of(method_of(agent).algorithm(adapted(family), settings), seeds)


def trainer_of(algorithm: Algorithm | Trainable, seeds: int = 1) -> Trainable:
    """Return the trainer of an algorithm, checked as `make_trainer` checks."""
    if isinstance(algorithm, Trainable):
        trainer: Trainable = algorithm
    else:
        method: Any = algorithm
        family = explored_in(adapted(method.family), method.settings.budget.explorations)
        trainer = Trainer(dataclasses.replace(method, family=family))
    # Its own family: an oracle's says more than the one that was given.
    check_pictures(trainer.family.observation_space)
    budget = trainer.settings.budget
    episodes = trainer.algorithm.replayed_episodes if isinstance(trainer, Trainer) else 0
    check_memory(trainer.family, seeds * budget.trials, budget.episodes, replayed=seeds * episodes)
    return trainer
