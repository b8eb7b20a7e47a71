"""A trained agent, used: in a custom loop, or on a problem of its family."""

from dreamrl.deploy.agent import TrainedAgent, load, prepare
from dreamrl.deploy.beliefs import ExplorationRecord
from dreamrl.deploy.environment import Environment, ProblemEnvironment

__all__ = [
    "Environment",
    "ExplorationRecord",
    "ProblemEnvironment",
    "TrainedAgent",
    "load",
    "prepare",
]
