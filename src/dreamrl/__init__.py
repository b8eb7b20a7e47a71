"""Agents that first find out what problem they are in, and then solve it."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreamrl.agents.algorithm import Agent
    from dreamrl.agents.dream import Dream, DreamSettings
    from dreamrl.agents.method import Method
    from dreamrl.agents.registry import register_method, settings_for
    from dreamrl.agents.settings import Budget
    from dreamrl.api import TrainingResult, compare, evaluate, train
    from dreamrl.configuration import changed
    from dreamrl.deploy import TrainedAgent, load
    from dreamrl.errors import FamilyError, UserError
    from dreamrl.evaluation import Evaluation
    from dreamrl.families import make, register_family
    from dreamrl.families.family import Family
    from dreamrl.learners.dqn import DQN
    from dreamrl.learners.ppo import PPO
    from dreamrl.testing import check_family, replay
    from dreamrl.trial import Actor, Choice, Trial, play
    from dreamrl.types import Belief, Percept, Trajectory

    __version__: str

_PUBLIC = {
    "make": "families",
    "register_family": "families",
    "check_family": "testing",
    "replay": "testing",
    "train": "api",
    "evaluate": "api",
    "compare": "api",
    "load": "deploy",
    "play": "trial",
    "register_method": "agents.registry",
    "settings_for": "agents.registry",
    "changed": "configuration",
    "Family": "families.family",
    "Method": "agents.method",
    "Dream": "agents.dream",
    "DreamSettings": "agents.dream",
    "Budget": "agents.settings",
    "PPO": "learners.ppo",
    "DQN": "learners.dqn",
    "Actor": "trial",
    "Agent": "agents.algorithm",
    "Percept": "types",
    "Choice": "trial",
    "Trial": "trial",
    "Trajectory": "types",
    "Belief": "types",
    "TrainedAgent": "deploy",
    "TrainingResult": "api",
    "Evaluation": "evaluation",
    "UserError": "errors",
    "FamilyError": "errors",
}
"""The public names, and the modules that they are in: imported when they are asked for."""

__all__ = [
    "DQN",
    "PPO",
    "Actor",
    "Agent",
    "Belief",
    "Budget",
    "Choice",
    "Dream",
    "DreamSettings",
    "Evaluation",
    "Family",
    "FamilyError",
    "Method",
    "Percept",
    "TrainedAgent",
    "TrainingResult",
    "Trajectory",
    "Trial",
    "UserError",
    "__version__",
    "changed",
    "check_family",
    "compare",
    "evaluate",
    "load",
    "make",
    "play",
    "register_family",
    "register_method",
    "replay",
    "settings_for",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for: `import dreamrl` and `dreamrl --help` answer at once."""
    if name == "__version__":
        return importlib.import_module("dreamrl.version").version()
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"dreamrl.{_PUBLIC[name]}"), name)
    if name.startswith("_"):
        raise AttributeError(f"module 'dreamrl' has no attribute {name!r}")
    try:
        return importlib.import_module(f"dreamrl.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"dreamrl.{name}":
            raise
        raise AttributeError(f"module 'dreamrl' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
